# Who will leave? Written for google-cloud-automlops 1.3.4: one call for all of it.
from AutoMLOps import AutoMLOps


@AutoMLOps.component(packages_to_install=["packaging"])
def score(customers: list, threshold: float = 0.5) -> list:
    """Names the customers who will leave."""
    return [name for name, doubt in customers if doubt > threshold]


@AutoMLOps.component
def tell(leaving: list):
    print("leaving:", ", ".join(leaving))


@AutoMLOps.pipeline(name="churn")
def churn(customers: list, threshold: float):
    tell(leaving=score(customers=customers, threshold=threshold).output)


AutoMLOps.launchAll(
    project_id="my-project-123",
    pipeline_params={"customers": [["ada", 0.9], ["bob", 0.1]], "threshold": 0.5},
    artifact_repo_location="europe-west1",
    artifact_repo_name="churn-images",
    storage_bucket_name="churn-files",
    pipeline_job_runner_service_account="runner@my-project-123.iam.gserviceaccount.com",
    precheck=True,
    hide_warnings=False,
    use_ci=False,
)
