"""A seed bank: steps with images and packages of their own."""

from AutoMLOps import AutoMLOps
from kfp.dsl import InputPath, OutputPath


@AutoMLOps.component(packages_to_install=["packaging>=23,<30"])
def newest(versions: list) -> str:
    """The newest edition of the catalogue."""
    from packaging.version import Version

    return str(max(map(Version, versions)))


@AutoMLOps.component(base_image="docker.io/library/python:3.12-slim")
def freeze(edition: str, shelf: OutputPath("Dataset"), count: OutputPath(int)):
    with open(shelf, "w") as file:
        file.write(edition)
    with open(count, "w") as file:
        file.write("3")


@AutoMLOps.component
def thaw(shelf: InputPath("Dataset"), count: int) -> str:
    with open(shelf) as file:
        return file.read() * count


@AutoMLOps.pipeline(name="seed-bank")
def bank(versions: list) -> str:
    frozen = freeze(edition=newest(versions=versions).output)
    return thaw(shelf=frozen.outputs["shelf"], count=frozen.outputs["count"]).output


AutoMLOps.generate(pipeline_params={"versions": ["1.9", "1.10", "1.2"]})
