# Sales of next week, by a push to GitHub. Written for google-cloud-automlops 1.3.4: generate, provision, deploy.

# %%
import datetime
from typing import NamedTuple

from AutoMLOps import AutoMLOps
from kfp.dsl import Input, Metrics, Model, Output

PROJECT_ID = "my-project-123"
MODEL_ID = "weekly-sales"


# %%
@AutoMLOps.component
def fit(days: int, model: Output[Model], metrics: Output[Metrics]) -> NamedTuple("Fitted", [("slope", float)]):
    import json

    slope = sum(range(days)) / days
    metrics.log_metric("slope", slope)
    with open(model.path, "w") as target:
        json.dump(slope, target)
    return (slope,)


@AutoMLOps.component
def forecast(model: Input[Model], day: int) -> float:
    import json

    with open(model.path) as source:
        return json.load(source) * day


# %%
@AutoMLOps.pipeline
def weekly_sales(days: int, day: int, version: str):
    fit_task = fit(days=days)
    forecast_task = forecast(model=fit_task.outputs["model"], day=day)
    forecast_task.after(fit_task)


# %%
pipeline_params = {"days": 7, "day": 8, "version": f"{datetime.date(2024, 5, 1)}"}
AutoMLOps.generate(
    project_id=PROJECT_ID,
    pipeline_params=pipeline_params,
    use_ci=True,
    naming_prefix=MODEL_ID,
    deployment_framework="cloud-build",
    provisioning_framework="gcloud",
    source_repo_type="github",
    source_repo_name="example/weekly-sales",
    source_repo_branch="main",
    build_trigger_location="europe-west1",
    storage_bucket_location="eu",
)

# %%
AutoMLOps.provision(hide_warnings=False)

# %%
AutoMLOps.deploy(precheck=True, hide_warnings=False)
