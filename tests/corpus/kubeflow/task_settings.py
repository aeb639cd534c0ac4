"""What is said of a task once it is made, beside its resources.

A quarry: stones are cut by a saw of another make.
"""

from AutoMLOps import AutoMLOps
from kfp import dsl


@dsl.component
def blast(tons: float) -> int:
    return int(tons * 4)


@dsl.container_component
def saw(stones: int, slabs: dsl.OutputPath(int)):
    return dsl.ContainerSpec(image="docker.io/library/busybox:1.36", command=["saw"], args=[stones, slabs])


@dsl.component(use_venv=True, pip_trusted_hosts=["packages.example.com"])
def polish(slabs: int) -> str:
    return f"{slabs} slabs"


@dsl.pipeline(name="quarry")
def quarry(tons: float):
    blasted = blast(tons=tons).set_gpu_limit("1").set_memory_request("1Gi")
    cut = saw(stones=blasted.output).set_container_image("docker.io/library/alpine:3.20")
    cut.add_node_selector_constraint("NVIDIA_TESLA_T4").set_cpu_limit("2")
    polish(slabs=cut.outputs["slabs"])


AutoMLOps.generate(pipeline_params={"tons": 2.5})
