"""Cloud Run: services, as gcloud makes and changes them. No container runs; a test runs what is in the image itself."""

import json
import re

from cloud import images, policies
from cloud.refusals import Refusal, Unknown
from cloud.routes import Call, answers
from cloud.web import JSON
from cloud.world import World, member, now

RUN = "run"
SERVICE = "projects/*/locations/*/services/*"
KNATIVE = "apis/serving.knative.dev/v1/namespaces/{namespace}/services"
NAME = re.compile(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?")


def admits(world: World, url: str, token: JSON) -> bool:
    """Whether Cloud Run lets through to the service at a URL who shows a token of that account, for that audience."""
    services = ((name, found) for name, found in world.resources.items() if re.fullmatch(".*/services/[^/]+", name))
    name, found = next(each for each in services if url.startswith(f"{each[1]['status']['url']}/"))
    audiences = found["metadata"]["annotations"].get("run.googleapis.com/custom-audiences", "[]")
    known = (found["status"]["url"], *json.loads(audiences))
    who = member(token["serviceAccountEmail"])
    return token["audience"] in known and world.permits(who, "run.routes.invoke", name)


@answers(f"POST {RUN}/{KNATIVE}", on="")
def create(call: Call, namespace: str) -> JSON:
    short = call.body["metadata"]["name"]
    name = _name(call, namespace, short)
    call.needs("run.services.create", f"projects/{namespace}")
    if not NAME.fullmatch(short):
        raise Refusal(400, f"Invalid service name {short}")
    if name in call.world.resources:
        raise Refusal(409, f"Resource '{short}' already exists.")
    return _deploy(call, namespace, name, 1)


@answers(f"GET {RUN}/{KNATIVE}/{{service}}", on="")
def describe(call: Call, namespace: str, service: str) -> JSON:
    name = _name(call, namespace, service)
    call.needs("run.services.get", name)
    return call.find(name)


@answers(f"PUT {RUN}/{KNATIVE}/{{service}}", on="")
def replace(call: Call, namespace: str, service: str) -> JSON:
    name = _name(call, namespace, service)
    call.needs("run.services.update", name)
    return _deploy(call, namespace, name, call.find(name)["metadata"]["generation"] + 1)


@answers(f"DELETE {RUN}/{KNATIVE}/{{service}}", on="")
def delete(call: Call, namespace: str, service: str) -> JSON:
    name = _name(call, namespace, service)
    call.needs("run.services.delete", name)
    call.find(name)
    del call.world.resources[name]
    call.world.policies.pop(name, None)
    return {"status": "Success"}


@answers(f"GET {RUN}/v1/{{name={SERVICE}}}:getIamPolicy", needs="run.services.getIamPolicy")
def get_policy(call: Call, name: str) -> JSON:
    call.find(name)
    return policies.read(call, name)


@answers(f"POST {RUN}/v1/{{name={SERVICE}}}:setIamPolicy", needs="run.services.setIamPolicy")
def set_policy(call: Call, name: str) -> JSON:
    call.find(name)
    return policies.write(call, name, call.body["policy"])


@answers(f"POST {RUN}/v1/{{name={SERVICE}}}:testIamPermissions")
def test_permissions(call: Call, name: str) -> JSON:
    return policies.test(call, name)


def _name(call: Call, namespace: str, short: str) -> str:
    """The host says which region."""
    region = re.match(r"([a-z]+-[a-z]+\d+)-run\.", call.request.host)
    if not region:
        raise Unknown(f"Cloud Run without a region: {call.request.line}")
    return f"projects/{namespace}/locations/{region[1]}/services/{short}"


def _deploy(call: Call, namespace: str, name: str, generation: int) -> JSON:
    """Makes it so, where who asks may act as its account, and its image is there."""
    sent, location, short = call.body, name.split("/")[3], name.split("/")[5]
    spec = sent["spec"]["template"]["spec"]
    account, image = spec.get("serviceAccountName", ""), spec["containers"][0]["image"]
    if not account:
        raise Unknown("services without an account: they run as that of Compute Engine")
    actor = call.world.account(account)
    if not call.world.sees(actor) or not call.world.permits(call.who, "iam.serviceAccounts.actAs", actor):
        raise Refusal(
            403, f"Permission 'iam.serviceaccounts.actAs' denied on service account {account} (or it may not exist)."
        )
    if "-docker.pkg.dev/" in image:
        _find(call, image)
    url = f"https://{short}-{call.project(name).number}.{location}.run.app"
    ready = [
        {"type": kind, "status": "True", "lastTransitionTime": now()}
        for kind in ("Ready", "ConfigurationsReady", "RoutesReady")
    ]
    revision = f"{short}-{generation:05d}-abc"
    call.world.resources[name] = {
        **sent,
        "metadata": {
            **sent["metadata"], "namespace": call.project(name).number, "generation": generation, "uid": "f00", "resourceVersion": "AAA",
            "selfLink": f"/apis/serving.knative.dev/v1/namespaces/{namespace}/services/{short}", "creationTimestamp": now(),
            "labels": {**sent["metadata"].get("labels", {}), "cloud.googleapis.com/location": location},
        },
        "status": {
            "observedGeneration": generation, "url": url, "address": {"url": url}, "conditions": ready,
            "latestReadyRevisionName": revision, "latestCreatedRevisionName": revision,
            "traffic": [{"revisionName": revision, "percent": 100, "latestRevision": True}],
        },
    }  # fmt: skip
    return call.world.resources[name]


def _find(call: Call, image: str) -> None:
    try:
        images.find(call.world, image)
    except LookupError as error:
        raise Refusal(400, f"Image '{image}' not found.") from error
