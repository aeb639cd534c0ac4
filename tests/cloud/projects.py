"""Resource Manager, Service Usage and Billing: what a project is, which APIs are on in it, and that it is paid for."""

from cloud import policies
from cloud.refusals import Refusal, Unknown, closed
from cloud.routes import Call, answers
from cloud.web import JSON

CRM = "cloudresourcemanager"


@answers(f"GET {CRM}/v1/{{name=projects/*}}", needs="resourcemanager.projects.get")
def describe(call: Call, name: str) -> JSON:
    project = call.project(name)
    return {
        "projectId": project.id, "projectNumber": project.number, "name": project.id,
        "lifecycleState": "ACTIVE" if project.active else "DELETE_REQUESTED", "createTime": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip


@answers(f"GET {CRM}/v3/{{name=projects/*}}", needs="resourcemanager.projects.get")
def describe_v3(call: Call, name: str) -> JSON:
    project = call.project(name)
    return {
        "name": f"projects/{project.number}", "projectId": project.id, "displayName": project.id,
        "state": "ACTIVE" if project.active else "DELETE_REQUESTED", "createTime": "2026-01-01T00:00:00Z", "etag": "ACAB",
    }  # fmt: skip


@answers(f"POST {CRM}/v1/{{name=projects/*}}:getIamPolicy", needs="resourcemanager.projects.getIamPolicy")
@answers(f"POST {CRM}/v3/{{name=projects/*}}:getIamPolicy", needs="resourcemanager.projects.getIamPolicy")
def get_policy(call: Call, name: str) -> JSON:
    return policies.read(call, name)


@answers(f"POST {CRM}/v1/{{name=projects/*}}:setIamPolicy", needs="resourcemanager.projects.setIamPolicy")
@answers(f"POST {CRM}/v3/{{name=projects/*}}:setIamPolicy", needs="resourcemanager.projects.setIamPolicy")
def set_policy(call: Call, name: str) -> JSON:
    return policies.write(call, name, call.body["policy"])


@answers(f"POST {CRM}/v1/{{name=projects/*}}:testIamPermissions")
@answers(f"POST {CRM}/v3/{{name=projects/*}}:testIamPermissions")
def test_permissions(call: Call, name: str) -> JSON:
    return policies.test(call, name)


@answers("GET cloudbilling/v1/{name=projects/*}/billingInfo", needs="resourcemanager.projects.get")
def billing(call: Call, name: str) -> JSON:
    project = call.project(name)
    account = "billingAccounts/000000-111111-222222" if project.billed else ""
    return {
        "name": f"{name}/billingInfo",
        "projectId": project.id,
        "billingAccountName": account,
        "billingEnabled": project.billed,
    }


@answers("GET serviceusage/v1/{name=projects/*}/services", needs="serviceusage.services.list")
def list_services(call: Call, name: str) -> JSON:
    if call.request.asks("filter") not in ("state:ENABLED", "state=ENABLED"):
        raise Unknown(f"the filter of services {call.request.asks('filter')!r}")
    return {"services": [_service(call, name, each) for each in sorted(call.project(name).services)]}


@answers("GET serviceusage/v1/{name=projects/*}/services/{service}", needs="serviceusage.services.get")
def get_service(call: Call, name: str, service: str) -> JSON:
    return _service(call, name, service)


@answers("POST serviceusage/v1/{name=projects/*}/services/{service}:enable", needs="serviceusage.services.enable")
def enable(call: Call, name: str, service: str) -> JSON:
    return _enable(call, name, [service])


@answers("POST serviceusage/v1/{name=projects/*}/services:batchEnable", needs="serviceusage.services.enable")
def enable_many(call: Call, name: str) -> JSON:
    wanted = call.body["serviceIds"]
    if len(wanted) > 20:
        raise Refusal(400, "A maximum of 20 services can be enabled in a single request.")
    return _enable(call, name, wanted)


def _enable(call: Call, name: str, services: list[str]) -> JSON:
    project = call.project(name)
    if strange := [each for each in services if not each.endswith(".googleapis.com")]:
        raise Refusal(404, f"Service '{strange[0]}' not found or permission denied.")
    if "sourcerepo.googleapis.com" in services and not project.sources | (
        "sourcerepo.googleapis.com" in project.services
    ):
        raise closed("sourcerepo.googleapis.com")
    if not project.billed:
        raise Refusal(400, f"Billing account for project '{project.number}' is not found. Billing must be enabled for activation of "
                           f"service(s) '{','.join(services)}' to proceed.", code="FAILED_PRECONDITION")  # fmt: skip
    project.services.update(services)
    found = [_service(call, name, each) for each in services]
    return {
        "name": f"operations/acat.p2-{project.number}-{next(call.world.numbers)}",
        "done": True,
        "response": {
            "@type": "type.googleapis.com/google.api.serviceusage.v1.BatchEnableServicesResponse", "services": found
        },
    }  # fmt: skip


def _service(call: Call, name: str, service: str) -> JSON:
    project = call.project(name)
    return {
        "name": f"projects/{project.number}/services/{service}", "parent": f"projects/{project.number}",
        "config": {"name": service, "title": service}, "state": "ENABLED" if service in project.services else "DISABLED",
    }  # fmt: skip
