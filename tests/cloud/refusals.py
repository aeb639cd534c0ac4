"""How Google says no: the shapes of its errors, which clients read and act upon."""

from typing import Any

from cloud.web import JSON, Answer

CODES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 409: "ALREADY_EXISTS",
         412: "FAILED_PRECONDITION", 429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 501: "UNIMPLEMENTED", 503: "UNAVAILABLE"}  # fmt: skip
REASONS = {400: "invalid", 401: "required", 403: "forbidden", 404: "notFound", 409: "conflict", 412: "conditionNotMet",
           429: "rateLimitExceeded", 500: "backendError", 501: "notImplemented", 503: "backendError"}  # fmt: skip


class Refusal(Exception):
    """An error that is answered; `details` are those of google.rpc."""

    def __init__(self, status: int, message: str, *details: JSON, code: str = "", reason: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.details = status, message, details
        self.code, self.reason = code or CODES[status], reason or REASONS[status]

    def answer(self, host: str) -> Answer:
        """Storage words its errors in the older way."""
        error: dict[str, Any] = {"code": self.status, "message": self.message}
        if host == "storage.googleapis.com":
            error["errors"] = [{"message": self.message, "domain": "global", "reason": self.reason}]
        else:
            error["status"] = self.code
        if self.details:
            error["details"] = list(self.details)
        return Answer(self.status, {"error": error})


class Unknown(Exception):
    """What the stand-in does not know: the fault is its own, or that of a client that asks for what nobody foresaw."""


def denied(permission: str, on: str, service: str, who: str) -> Refusal:
    if service == "storage.googleapis.com":
        kind = "object" if "/objects/" in on else "bucket"
        return Refusal(403, f"{who} does not have {permission} access to the Google Cloud Storage {kind}. "
                            f"Permission '{permission}' denied on resource (or it may not exist).")  # fmt: skip
    if service == "pubsub.googleapis.com":
        return Refusal(403, "User not authorized to perform this action.")
    return Refusal(
        403,
        f"Permission '{permission}' denied on resource '//{service}/{on}' (or it may not exist).",
        _info("IAM_PERMISSION_DENIED", service, permission=permission, resource=on),
    )


def disabled(service: str, title: str, number: str) -> Refusal:
    page = f"https://console.developers.google.com/apis/api/{service}/overview?project={number}"
    return Refusal(
        403,
        f"{title} has not been used in project {number} before or it is disabled. Enable it by visiting {page} then retry. "
        "If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry.",
        {"@type": "type.googleapis.com/google.rpc.Help",
         "links": [{"description": "Google developers console API activation", "url": page}]},
        _info("SERVICE_DISABLED", "googleapis.com", service=service, consumer=f"projects/{number}"),
    )  # fmt: skip


def closed(service: str) -> Refusal:
    """Of a service that takes no new customers."""
    violation = {"type": "googleapis.com", "subject": "110002"}
    return Refusal(
        403,
        f"Permission denied to enable service [{service}]\nHelp Token: none",
        {"@type": "type.googleapis.com/google.rpc.PreconditionFailure", "violations": [violation]},
        _info("AUTH_PERMISSION_DENIED", "serviceusage.googleapis.com"),
    )


def not_for_use(project: str) -> Refusal:
    return Refusal(
        403,
        f"Caller does not have required permission to use project {project}. Grant the caller the roles/serviceusage.serviceUsageConsumer "
        "role, or a custom role with the serviceusage.services.use permission, and then retry.",
        _info("USER_PROJECT_DENIED", "googleapis.com", consumer=f"projects/{project}"),
    )


def stranger() -> Refusal:
    return Refusal(401, "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
                        "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.")  # fmt: skip


def _info(reason: str, domain: str, **metadata: str) -> JSON:
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": domain,
        "metadata": metadata,
    }
