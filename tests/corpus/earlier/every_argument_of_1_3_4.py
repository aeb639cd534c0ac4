# %% [markdown]
# # Ticket sales of a theatre
# Written for google-cloud-automlops 1.3.4, with its import line and its arguments.

# %%
from google_cloud_automlops import AutoMLOps

# %%
PROJECT_ID = "theatre-123"
NAMING_PREFIX = "theatre"
AutoMLOps.clear_cache()


# %%
@AutoMLOps.component(
    packages_to_install=[
        "packaging",
    ]
)
def sell(evening: str, seats: int, path: str):
    """Writes down who sits where.

    Args:
        evening: The day.
        seats: How many were sold.
        path: Where to write.
    """
    from packaging.version import Version

    with open(path, "w") as file:
        file.write(f"{evening} {seats} {Version('1.0')}")


# %%
@AutoMLOps.component()
def settle(path: str, price: float):
    """Counts the money.

    Args:
        path: What was written.
        price: Of one seat.
    """
    with open(path) as file:
        print(int(file.read().split()[1]) * price)


# %%
@AutoMLOps.pipeline(name="theatre-tickets", description="Sells and settles.")
def pipeline(evening: str, seats: int, path: str, price: float):
    sell_task = sell(evening=evening, seats=seats, path=path)
    settle_task = settle(path=path, price=price).after(sell_task)


# %%
pipeline_params = {"evening": "Friday", "seats": 212, "path": "tickets.txt", "price": 18.5}

# %%
AutoMLOps.generate(
    project_id=PROJECT_ID,
    pipeline_params=pipeline_params,
    use_ci=False,
    naming_prefix=NAMING_PREFIX,
    artifact_repo_type="artifact-registry",
    deployment_framework="cloud-build",
    orchestration_framework="kfp",
    provisioning_framework="gcloud",
    storage_bucket_location="europe-west3",
    setup_model_monitoring=False,
)

# %%
AutoMLOps.provision(hide_warnings=False)

# %%
AutoMLOps.deploy(hide_warnings=False, precheck=True)
