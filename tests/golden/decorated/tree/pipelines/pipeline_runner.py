"""Submits the compiled pipeline to Vertex AI and prints the link to its run."""

import argparse
import json
import sys
import time
from pathlib import Path

from google.api_core.exceptions import FailedPrecondition, Forbidden, GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from google.cloud import aiplatform

ROOT = Path(__file__).resolve().parent.parent
CONSOLE = "https://console.cloud.google.com/vertex-ai"
PROJECT = "example.com:my-project"
LOCATION = "us-central1"
PIPELINE_ROOT = "gs://my-own-bucket/words-it-s-quoted-gcs-whoami-id-braces-jinja-raw-back/runs"
RUNNER = "runner-of-it@my-project.example.com.iam.gserviceaccount.com"
LABELS = {
    "managed-by": "automlops",
    "automlops-pipeline": "words-it-s-quoted-gcs-whoami-id-braces-jinja-raw-back",
}
SPEC = ROOT / "scripts/pipeline_spec/pipeline_job.json"
PARAMETERS = ROOT / "pipelines/runtime_parameters/pipeline_parameter_values.json"
IMAGES = {
    (
        "us-central"
        "1-docker.p"
        "kg.dev/exa"
        "mple.com/my-project/vertex-mlops-af/words-it-s-quoted-gcs-whoami-id-braces-jinja-raw-back/component_base"
    ),
}


def read(path: Path, missing: str) -> dict:
    """The JSON of a file; `missing` says what to do where there is none."""
    if not path.is_file():
        raise FileNotFoundError(missing)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error


def submit(spec: Path, values: dict) -> aiplatform.PipelineJob:
    """Starts a run, as the account that runs the steps."""
    job = aiplatform.PipelineJob(
        display_name="words-it-s-quoted-gcs-whoami-id-braces-jinja-raw-back",
        template_path=str(spec),
        pipeline_root=PIPELINE_ROOT,
        parameter_values=values,
        enable_caching=False,
        project=PROJECT,
        location=LOCATION,
        labels=LABELS,
    )
    for pause in (15, 30, 60, None):
        try:
            job.submit(service_account=RUNNER)
            break
        except FailedPrecondition:  # in a project that is new to Vertex AI, its own accounts are still being made
            if pause is None:
                raise
            print(f"waiting {pause} s for Vertex AI to be ready in {PROJECT}", file=sys.stderr, flush=True)
            time.sleep(pause)
    return job


def built(spec: Path, parameters: Path) -> tuple[dict, dict]:
    """The compiled pipeline, whose images were built before it was, and the values of its parameters."""
    compiled = read(spec, f"there is no compiled pipeline at {spec}: scripts/build_pipeline_spec.sh makes it")
    values = read(parameters, f"there are no parameter values at {parameters}: write them there, as JSON")
    text = json.dumps(compiled)
    for image in sorted(IMAGES):
        if json.dumps(image) in text:  # by name alone, without @sha256:
            build = "run scripts/build_components.sh, then scripts/build_pipeline_spec.sh"
            raise ValueError(f"the image {image} had not been built when the pipeline was compiled: {build}")
    return compiled, values


def run(spec: Path, parameters: Path, wait: bool = False) -> str:
    """Starts a run and gives the link to it; with `wait`, stays until it has ended, and exits if it failed."""
    _, values = built(spec, parameters)
    job = submit(spec, values)
    link = f"{CONSOLE}/locations/{LOCATION}/pipelines/runs/{job.name}?project={PROJECT}"
    print(f"run: {link}\njob: {job.resource_name}", flush=True)
    if wait:
        try:
            job.wait()
        except (GoogleAPIError, GoogleAuthError, RuntimeError) as error:
            sys.exit(f"the run failed, or could not be watched to its end: {error}")
        print("the run succeeded")
    return link


def mend(error: Exception) -> str:
    """What gives the permission that a refusal is about; nothing for another error."""
    if not isinstance(error, Forbidden):
        return ""
    if "act as" in str(error):
        wanted, role = f"iam.serviceAccounts.actAs on {RUNNER}", "roles/iam.serviceAccountUser"
        command = f"gcloud iam service-accounts add-iam-policy-binding {RUNNER} --project={PROJECT}"
    elif "serviceusage.services.use" in str(error):
        wanted, role = "serviceusage.services.use", "roles/serviceusage.serviceUsageConsumer"
        command = f"gcloud projects add-iam-policy-binding {PROJECT}"
    elif "aiplatform." in str(error):
        wanted, role = "aiplatform.pipelineJobs.create", "roles/aiplatform.user"
        command = f"gcloud projects add-iam-policy-binding {PROJECT}"
    else:
        return ""
    lines = (
        f"if it is for want of {wanted}, {role} has it; one who may give it to you runs:",
        f"  {command} --member=user:YOU --role={role}",
    )
    return "\n" + "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", type=Path, default=SPEC, help="the compiled pipeline")
    parser.add_argument("--parameters", type=Path, default=PARAMETERS, help="the values of its parameters, as JSON")
    parser.add_argument("--wait", action="store_true", help="stay until the run has ended; fail if it failed")
    arguments = parser.parse_args()
    try:
        run(arguments.spec, arguments.parameters, arguments.wait)
    except (FileNotFoundError, GoogleAPIError, GoogleAuthError, RuntimeError, ValueError) as error:
        sys.exit(f"the run was not started: {error}{mend(error)}")


if __name__ == "__main__":
    main()
