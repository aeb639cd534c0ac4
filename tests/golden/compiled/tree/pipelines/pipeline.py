"""The pipeline rainfall, as it was compiled.

Adds up the rain.

Check it and write it out:  python pipelines/pipeline.py --output scripts/pipeline_spec/pipeline_job.json
"""

import argparse
import json
import re
from pathlib import Path

import yaml

SPEC = Path(__file__).resolve().parent / "pipeline_spec.yaml"
PARTS = ("deploymentSpec", "pipelineInfo", "root", "schemaVersion")


def compiled(output: Path) -> None:
    """Writes the spec as Vertex AI's client reads it, once it is seen to be one."""
    found = next(yaml.safe_load_all(SPEC.read_text(encoding="utf-8")))
    spec = found.get("pipelineSpec", found)
    if missing := [part for part in PARTS if part not in spec]:
        raise SystemExit(f"{SPEC} is no compiled pipeline: it has no {', '.join(missing)}")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(written(spec) + "\n", encoding="utf-8")


def written(spec: dict) -> str:
    """JSON that YAML reads alike, as the client of Vertex AI does: 1e-05 is text to it, and half an emoji an error."""
    text = json.dumps(spec, indent=2, sort_keys=True, ensure_ascii=False)
    shown = re.sub(r"[\x7f-\uffff]", lambda found: f"\\u{ord(found[0]):04x}", text)
    strings_and_powers = r'"(?:[^"\\]|\\.)*"|(?<![\d.])(\d+)(?=e[+-])'
    return re.sub(strings_and_powers, lambda found: f"{found[1]}.0" if found[1] else found[0], shown)


def upload(spec: Path, folder: str) -> str:
    """Puts the spec into a folder of a bucket, named by its content, so that what a name stands for never changes."""
    import hashlib

    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage import Client

    content = spec.read_bytes()
    bucket, _, inside = folder.removeprefix("gs://").strip("/").partition("/")
    name = "/".join(filter(None, (inside, f"{hashlib.sha256(content).hexdigest()[:16]}.json")))
    try:
        client = Client(project="my-project-123")
        client.bucket(bucket).blob(name).upload_from_string(content, content_type="application/json")
    except (GoogleAPIError, GoogleAuthError) as error:
        raise SystemExit(f"the compiled pipeline could not be kept in {folder}: {error}") from error
    return f"gs://{bucket}/{name}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes out the compiled pipeline.")
    parser.add_argument("--output", type=Path, required=True, help="where to write the compiled spec")
    parser.add_argument("--upload", metavar="gs://BUCKET/FOLDER", help="where to put the spec, named by its content")
    arguments = parser.parse_args()
    if arguments.upload and not arguments.upload.startswith("gs://"):
        parser.error(f"--upload takes gs://BUCKET/FOLDER, not {arguments.upload}")
    compiled(arguments.output)
    print(f"compiled to {arguments.output}")
    if arguments.upload:
        print(f"uploaded to {upload(arguments.output, arguments.upload)}")


if __name__ == "__main__":
    main()
