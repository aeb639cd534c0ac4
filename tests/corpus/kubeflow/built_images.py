"""Components that Kubeflow would build into images of their own.

A hive is weighed, and the honey counted.
"""

from AutoMLOps import AutoMLOps
from kfp import dsl


@dsl.component(base_image="python:3.11", target_image="europe-docker.pkg.dev/apiary/images/weigh:v1")
def weigh(frames: int) -> float:
    return frames * 1.8


@dsl.component
def jars(kilograms: float) -> int:
    return int(kilograms * 2)


@dsl.pipeline(name="apiary")
def apiary(frames: int) -> int:
    return jars(kilograms=weigh(frames=frames).output).output


AutoMLOps.generate(pipeline_params={"frames": 10})
