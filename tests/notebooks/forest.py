# %% [markdown]
# # Which trees will burn? Written for google-cloud-automlops 1.3.4, every argument given.

# %%
PROJECT_ID = "my-project-123"

# %%
from AutoMLOps import AutoMLOps

# %%
@AutoMLOps.component(
    packages_to_install=[
        "packaging",
    ]
)
def collect(rows: int, data_path: str):
    """Writes a table of trees.

    Args:
        rows: How many trees.
        data_path: Where to write them.
    """
    import csv

    from packaging.version import Version

    assert Version("1.0") < Version("2.0")
    with open(data_path, "w", newline="") as target:
        csv.writer(target).writerows([tree, tree % 3] for tree in range(rows))


# %%
@AutoMLOps.component
def count(data_path: str) -> int:
    """Counts the trees that are dry.

    Args:
        data_path: Where they were written.
    """
    import csv

    with open(data_path) as source:
        return sum(dryness == "2" for _, dryness in csv.reader(source))


# %%
@AutoMLOps.pipeline(name="forest-fires", description="Counts the trees that will burn.")
def pipeline(rows: int, data_path: str):
    collect_task = collect(rows=rows, data_path=data_path)
    count(data_path=data_path).after(collect_task)


# %%
pipeline_params = {"rows": 9, "data_path": "trees.csv"}

# %%
AutoMLOps.generate(
    project_id=PROJECT_ID,
    pipeline_params=pipeline_params,
    artifact_repo_location="us-central1",
    artifact_repo_name=None,
    artifact_repo_type="artifact-registry",
    base_image="python:3.11-slim",
    build_trigger_location="us-central1",
    build_trigger_name=None,
    custom_training_job_specs=None,
    deployment_framework="cloud-build",
    naming_prefix="forest",
    orchestration_framework="kfp",
    pipeline_job_location="us-central1",
    pipeline_job_runner_service_account=None,
    pipeline_job_submission_service_location="us-central1",
    pipeline_job_submission_service_name=None,
    pipeline_job_submission_service_type="cloud-functions",
    project_number="123456789012",
    provision_credentials_key=None,
    provisioning_framework="gcloud",
    pubsub_topic_name=None,
    schedule_location="us-central1",
    schedule_name=None,
    schedule_pattern="No Schedule Specified",
    setup_model_monitoring=False,
    source_repo_branch="automlops",
    source_repo_name=None,
    source_repo_type="github",
    storage_bucket_location="us-central1",
    storage_bucket_name=None,
    use_ci=False,
    vpc_connector="No VPC Specified",
    workload_identity_pool=None,
    workload_identity_provider=None,
    workload_identity_service_account=None,
)
