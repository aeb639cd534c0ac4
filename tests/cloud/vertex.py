"""Vertex AI: the runs of pipelines, as they are asked for and looked at."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from cloud.refusals import Refusal, Unknown
from cloud.routes import Call, answers
from cloud.web import JSON
from cloud.world import World, now

AI = "aiplatform"
LOCATION = "projects/*/locations/*"
JOB = f"{LOCATION}/pipelineJobs/*"
ID = re.compile(r"[a-z][-a-z0-9]{0,127}")
KINDS: dict[str, tuple[type, ...]] = {"NUMBER_INTEGER": (int, float), "NUMBER_DOUBLE": (int, float), "BOOLEAN": (bool,)}
OVER = frozenset(f"PIPELINE_STATE_{state}" for state in ("SUCCEEDED", "FAILED", "CANCELLED"))


@answers(f"POST {AI}/v1/{{parent={LOCATION}}}/pipelineJobs", needs="aiplatform.pipelineJobs.create")
def create(call: Call, parent: str) -> JSON:
    short, world = call.request.asks("pipelineJobId") or f"run-{next(call.world.numbers)}", call.world
    name, number = f"{parent}/pipelineJobs/{short}", call.project(parent).number
    if not ID.fullmatch(short):
        raise Refusal(400, f"Invalid value '{short}' for PipelineJob ID. It must match ^[a-z][-a-z0-9]{{0,127}}$")
    check(call, call.body)
    if name in world.resources:
        raise Refusal(409, f'The PipelineJob "{numbered(name, number)}" already exists.')
    moment = now()
    world.resources[name] = {
        **call.body, "name": numbered(name, number), "state": "PIPELINE_STATE_PENDING", "createTime": moment,
        "updateTime": moment,
    }  # fmt: skip
    return world.resources[name]


@answers(f"GET {AI}/v1/{{parent={LOCATION}}}/pipelineJobs", needs="aiplatform.pipelineJobs.list")
def list_all(call: Call, parent: str) -> JSON:
    """Newest first, as Google lists them; an answer shows the fields of its mask alone. Of filters it knows a name and
    a label."""
    if call.request.asks("orderBy", "create_time desc") != "create_time desc":
        raise Unknown(f"pipeline jobs in the order {call.request.asks('orderBy')!r}")
    found = sorted(call.world.below(parent, "pipelineJobs"), key=lambda job: job["createTime"], reverse=True)
    for each in filter(None, call.request.asks("filter").split(" AND ")):
        wanted = re.fullmatch(r'(?:(display_name)|labels\.([a-z_]+))="([^"]*)"', each)
        if not wanted:
            raise Unknown(f"pipeline jobs by the filter {each!r}")
        key, value = wanted[2], wanted[3]
        found = [job for job in found if (job.get("labels", {}).get(key) if key else job["displayName"]) == value]
    if size := call.request.asks("pageSize"):
        found = found[: int(size)]
    mask = {each.partition(".")[0] for each in filter(None, call.request.asks("readMask").split(","))}
    return {"pipelineJobs": [{key: job[key] for key in job if not mask or key in mask} for job in found]}


@answers(f"GET {AI}/v1/{{name={JOB}}}", needs="aiplatform.pipelineJobs.get")
def describe(call: Call, name: str) -> JSON:
    return call.find(name)


@answers(f"POST {AI}/v1/{{name={JOB}}}:cancel", needs="aiplatform.pipelineJobs.cancel")
def cancel(call: Call, name: str) -> JSON:
    found = call.find(name)
    if found["state"] in OVER:
        raise Refusal(400, f"The PipelineJob {found['name']} has ended already.", code="FAILED_PRECONDITION")
    found.update(state="PIPELINE_STATE_CANCELLING", updateTime=now())
    return {}


def outputs(world: World, job: str) -> dict[str, dict[str, Any]]:
    """What each task of a run gave, by its path in the pipeline: of a parameter its value, of an artifact what lies in
    the bucket: bytes, or by name the files of a folder. The job goes by its name or by its ID."""
    name = next(each for each in map(world.canonical, world.resources) if each.endswith(f"/pipelineJobs/{_id(job)}"))
    return {
        task["taskName"]: {
            **{key[7:]: value for key, value in _said(task).items() if key.startswith("output:")},
            **{key: lying(world, given["artifacts"][0]["uri"]) for key, given in task.get("outputs", {}).items()},
        }
        for task in world.resources[name].get("jobDetail", {}).get("taskDetails", ())
    }


def lying(world: World, uri: str) -> bytes | dict[str, bytes] | None:
    bucket, _, path = uri.removeprefix("gs://").partition("/")
    name = f"buckets/{bucket}/objects/{path}"
    if name in world.content:
        return world.content[name]
    below = {key.removeprefix(f"{name}/"): each for key, each in world.content.items() if key.startswith(f"{name}/")}
    return below or None


def _said(task: JSON) -> Mapping[str, Any]:
    found: Mapping[str, Any] = task.get("execution", {}).get("metadata", {})
    return found


def check(call: Call, job: JSON) -> None:
    """Whether a job may be: it has a pipeline and a place, and who asks may act as the account that it is to run as."""
    runtime = job.get("runtimeConfig", {})
    account, root = job.get("serviceAccount", ""), runtime.get("gcsOutputDirectory", "")
    if not job.get("pipelineSpec"):
        raise Unknown("pipeline jobs without a pipelineSpec")
    if not account:
        raise Unknown("pipeline jobs without a service account: they run as that of Compute Engine")
    if runtime.get("failurePolicy", "").endswith("FAIL_FAST"):
        raise Unknown("the failure policy FAIL_FAST")
    if not re.match("gs://[^/]", root):
        raise Refusal(400, f"Invalid value '{root}' for runtime_config.gcs_output_directory: it must begin with gs://")
    for where, value, kind in _values(job["pipelineSpec"], runtime.get("parameterValues", {})):
        if not isinstance(value, KINDS[kind]) or isinstance(value, bool) is not (kind == "BOOLEAN"):
            raise Refusal(400, f"Invalid value of {where}: expected the type {kind}, got {json.dumps(value)}")
    name = call.world.account(account)
    if not call.world.sees(name) or not call.world.permits(call.who, "iam.serviceAccounts.actAs", name):
        raise Refusal(403, f"You do not have permission to act as service_account: {account}. (or it may not exist).")


def _values(spec: JSON, given: JSON) -> Iterator[tuple[str, Any, str]]:
    """The numbers and booleans that a job says outright, with the kinds that they are declared to be; what is text may be
    a placeholder as well, and is left alone."""
    components = spec.get("components", {})
    root = _kinds(spec.get("root", {}))
    yield from ((name, value, root[name]) for name, value in given.items() if name in root)
    for component in (spec.get("root", {}), *components.values()):
        declared = component.get("inputDefinitions", {}).get("parameters", {})
        kinds = _kinds(component)
        yield from (
            (name, declared[name]["defaultValue"], kinds[name]) for name in kinds if "defaultValue" in declared[name]
        )
        for task in component.get("dag", {}).get("tasks", {}).values():
            kinds = _kinds(components.get(task.get("componentRef", {}).get("name"), {}))
            for name, said in task.get("inputs", {}).get("parameters", {}).items():
                if name in kinds and "constant" in said.get("runtimeValue", {}):
                    yield name, said["runtimeValue"]["constant"], kinds[name]


def _kinds(component: JSON) -> dict[str, str]:
    declared = component.get("inputDefinitions", {}).get("parameters", {})
    return {name: each["parameterType"] for name, each in declared.items() if each.get("parameterType") in KINDS}


def _id(job: str) -> str:
    return job.rpartition("/")[2]


def numbered(name: str, number: str) -> str:
    return re.sub("^projects/[^/]+", f"projects/{number}", name)
