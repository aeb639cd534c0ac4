"""The names that earlier versions had for what is chosen, and what each is here.

They are those of google-cloud-automlops 1.3.4's generate() and launchAll(), and of go() in 1.0 and 1.1.
"""

from typing import NamedTuple


class Synonym(NamedTuple):
    """An earlier name: another name of a setting, or a wish that only some values of leave nothing to do for.

    `setting` is its name here, `opposite` says that True is False there. With no setting, `takes` holds the values
    that ask for nothing more than is done, or for nothing at all; `whatever` says that any text or number is one.
    None is always taken: it is how the earlier versions left a thing open.
    """

    name: str
    setting: str = ""
    opposite: bool = False
    takes: tuple[str | bool, ...] = ()
    whatever: bool = False
    why: str = ""

    @property
    def becomes(self) -> str:
        """What it is called here, for a message."""
        return f"{self.setting}, its opposite" if self.opposite else self.setting

    def asks(self, value: object) -> bool:
        """Whether the value asks for something that is not done here."""
        if value is None or any(type(value) is type(each) and value == each for each in self.takes):
            return False
        return not (self.whatever and type(value) in (str, int))


_REGION = "us-central1"
UNSCHEDULED = "No Schedule Specified"  # how the earlier versions said that there is none
_SERVICE = "the service that starts runs is on Cloud Run, without a queue or a VPC, where submission_service=True"
_GITHUB = "it is for workflows on GitHub, which are not generated; a push to GitHub can fire a Cloud Build trigger"
_LOOKED = "what is missing is always looked for, and always told"

_TABLE = (
    Synonym("artifact_repo_location", "af_registry_location"),
    Synonym("pipeline_job_submission_service_location", "cloud_run_location"),
    Synonym("pipeline_job_submission_service_name", "cloud_run_name"),
    Synonym("artifact_repo_name", "af_registry_name"),
    Synonym("build_trigger_location", "cb_trigger_location"),
    Synonym("build_trigger_name", "cb_trigger_name"),
    Synonym("pipeline_job_runner_service_account", "pipeline_runner_sa"),
    Synonym("schedule_pattern", "schedule"),
    Synonym("source_repo_branch", "csr_branch_name"),
    Synonym("storage_bucket_location", "gs_bucket_location"),
    Synonym("storage_bucket_name", "gs_bucket_name"),
    Synonym("use_ci", "run_local", opposite=True),
    Synonym("artifact_repo_type", takes=("artifact-registry",), why="images are kept in Artifact Registry"),
    Synonym("deployment_framework", takes=("cloud-build",), why="images are built by Cloud Build"),
    Synonym("orchestration_framework", takes=("kfp",), why="pipelines are written for Kubeflow (kfp)"),
    Synonym("provisioning_framework", takes=("gcloud",), why="resources are made by scripts of gcloud"),
    Synonym("hide_warnings", takes=(True, False), why=_LOOKED),
    Synonym("precheck", takes=(True,), why=_LOOKED),
    Synonym("project_number", whatever=True, why="it is looked up"),
    Synonym("use_kfp_spec", takes=(True, False), why="Kubeflow's own syntax is found by itself"),
    Synonym("cloud_tasks_queue_location", takes=(_REGION,), why=_SERVICE),
    Synonym("cloud_tasks_queue_name", takes=("queueing-svc",), why=_SERVICE),
    Synonym("pipeline_job_submission_service_type", takes=("cloud-functions", "cloud-run"), why=_SERVICE),
    Synonym("setup_model_monitoring", takes=(False,), why="deployed models are not watched"),
    Synonym("vpc_connector", takes=("No VPC Specified",), why=_SERVICE),
    Synonym("workload_identity_pool", why=_GITHUB),
    Synonym("workload_identity_provider", why=_GITHUB),
    Synonym("workload_identity_service_account", why=_GITHUB),
    Synonym("provision_credentials_key"),
)
SYNONYMS = {synonym.name: synonym for synonym in _TABLE}
