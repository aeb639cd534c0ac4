"""The pipeline greeting.

Compile it:  python pipelines/pipeline.py --output scripts/pipeline_spec/pipeline_job.json
"""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

from google.protobuf import json_format
from kfp import components, dsl

COMPONENTS = Path(__file__).resolve().parent.parent / "components"


def component(name: str):
    return components.load_component_from_file(str(COMPONENTS / name / "component.yaml"))


hello = component("hello")


@dsl.pipeline(name="greeting")
def greeting(name: str = "world"):
    hello(name=name)


def compiled(images: Iterable[str], output: Path) -> None:
    """Writes the compiled spec. Each of `images`, named by digest, takes the place of the same image named without."""
    spec = json_format.MessageToDict(greeting.pipeline_spec)
    digests = {image.partition("@")[0]: image for image in images}
    for executor in spec["deploymentSpec"]["executors"].values():
        container = executor.get("container", {})
        if container.get("image") in digests:
            container["image"] = digests[container["image"]]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(spec, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Compiles the pipeline.")
    parser.add_argument("--output", type=Path, required=True, help="where to write the compiled spec")
    parser.add_argument("--images", type=Path, help="a file that names the images by digest, one on each line")
    arguments = parser.parse_args()
    images = arguments.images.read_text(encoding="utf-8").split() if arguments.images else ()
    compiled(images, arguments.output)
    print(f"compiled to {arguments.output}")


if __name__ == "__main__":
    main()
