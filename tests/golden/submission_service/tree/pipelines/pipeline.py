"""The pipeline words.

Compile it:  python pipelines/pipeline.py --output scripts/pipeline_spec/pipeline_job.json
"""

import argparse
import json
import re
from collections.abc import Iterable
from pathlib import Path

import yaml
from google.protobuf import json_format
from kfp import components, dsl

COMPONENTS = Path(__file__).resolve().parent.parent / "components"
# kfp reads components by the loader of this name; the one in C says the same in a tenth of the time.
yaml.SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # type: ignore[misc]


def component(name: str):
    return components.load_component_from_file(str(COMPONENTS / name / "component.yaml"))


write = component("write")
count = component("count")


@dsl.pipeline(name="words")
def pipeline(word: str, times: int):
    written = write(word=word, times=times)
    count(words=written.outputs["words"])


def compiled(images: Iterable[str], output: Path) -> None:
    """Writes the compiled spec. Each of `images`, named by digest, takes the place of the same image named without."""
    spec = json_format.MessageToDict(pipeline.pipeline_spec)
    digests = {image.partition("@")[0]: image for image in images}
    containers = [item["container"] for item in spec["deploymentSpec"]["executors"].values() if "container" in item]
    if unused := sorted(digests.keys() - {container["image"] for container in containers}):
        raise SystemExit(f"no step runs in {', '.join(unused)}: build the images again, or drop it from --images")
    for container in containers:
        container["image"] = digests.get(container["image"], container["image"])
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
    parser = argparse.ArgumentParser(description="Compiles the pipeline.")
    parser.add_argument("--output", type=Path, required=True, help="where to write the compiled spec")
    parser.add_argument("--images", type=Path, help="a file of lines that begin with an image by digest")
    parser.add_argument("--upload", metavar="gs://BUCKET/FOLDER", help="where to put the spec, named by its content")
    arguments = parser.parse_args()
    if arguments.images and not arguments.images.is_file():
        parser.error(f"there is no file {arguments.images}")
    if arguments.upload and not arguments.upload.startswith("gs://"):
        parser.error(f"--upload takes gs://BUCKET/FOLDER, not {arguments.upload}")
    lines = arguments.images.read_text(encoding="utf-8").splitlines() if arguments.images else []
    images = [line.split()[0] for line in lines if line.strip()]
    compiled(images, arguments.output)
    print(f"compiled to {arguments.output}")
    if arguments.upload:
        print(f"uploaded to {upload(arguments.output, arguments.upload)}")


if __name__ == "__main__":
    main()
