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
PROJECT = "my-project-123"
LOCATION = "us-central1"
PIPELINE_ROOT = "gs://my-project-123-bucket/words/runs"
RUNNER = "vertex-pipelines@my-project-123.iam.gserviceaccount.com"
LABELS = {
    "managed-by": "automlops",
    "automlops-pipeline": "words",
}
SPEC = ROOT / "scripts/pipeline_spec/pipeline_job.json"
PARAMETERS = ROOT / "pipelines/runtime_parameters/pipeline_parameter_values.json"
IMAGES = {
    "us-central1-docker.pkg.dev/my-project-123/vertex-mlops-af/words/component_base",
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
        display_name="words",
        template_path=str(spec),
        pipeline_root=PIPELINE_ROOT,
        parameter_values=values,
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


def described(spec: Path, parameters: Path) -> dict:
    """A run as Vertex AI is asked for it by others than this script."""
    compiled, values = built(spec, parameters)
    return {
        "displayName": "words",
        "pipelineSpec": compiled,
        "runtimeConfig": {"gcsOutputDirectory": PIPELINE_ROOT, "parameterValues": values},
        "labels": LABELS,
        "serviceAccount": RUNNER,
    }


def release(spec: Path, parameters: Path) -> str:
    """Has the service start this from now on, whoever asks it for a run of the pipeline; says where it is."""
    from google.cloud.storage import Client

    folder, _, _ = PIPELINE_ROOT.rpartition("/")
    path = f"{folder}/release/job.json"
    bucket, _, name = path.removeprefix("gs://").partition("/")
    content = json.dumps({"location": LOCATION, "job": described(spec, parameters)})
    Client(project=PROJECT).bucket(bucket).blob(name).upload_from_string(content, content_type="application/json")
    return path


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
        "what a build needs, provision/provision_resources.sh gives it",
    )
    return "\n" + "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", type=Path, default=SPEC, help="the compiled pipeline")
    parser.add_argument("--parameters", type=Path, default=PARAMETERS, help="the values of its parameters, as JSON")
    parser.add_argument("--wait", action="store_true", help="stay until the run has ended; fail if it failed")
    parser.add_argument("--release", action="store_true", help="start nothing: have the service start this when asked")
    arguments = parser.parse_args()
    try:
        if arguments.release:
            print(f"released: {release(arguments.spec, arguments.parameters)}")
            return
        run(arguments.spec, arguments.parameters, arguments.wait)
    except (FileNotFoundError, GoogleAPIError, GoogleAuthError, RuntimeError, ValueError) as error:
        sys.exit(f"the run was not started: {error}{mend(error)}")


if __name__ == "__main__":
    main()
