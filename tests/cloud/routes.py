"""Which method of Google's APIs a request is, and what its caller must be permitted."""

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from urllib.parse import unquote

from cloud.refusals import Refusal, Unknown, denied, disabled, not_for_use, stranger
from cloud.web import JSON, Answer, Request
from cloud.world import Project, World, member

PROJECT = r"(?:[^/:]+\.[^/:]+:)?[^/:]+"  # those of old organisations begin with a domain: example.com:name
ALWAYS_ON = frozenset(
    f"{api}.googleapis.com" for api in "cloudresourcemanager serviceusage cloudbilling oauth2".split()
)
TITLES = {
    "aiplatform": "Vertex AI API", "artifactregistry": "Artifact Registry API", "cloudbuild": "Cloud Build API", "cloudscheduler": "Cloud Scheduler API",
    "iam": "Identity and Access Management (IAM) API", "pubsub": "Cloud Pub/Sub API", "run": "Cloud Run Admin API",
    "secretmanager": "Secret Manager API", "sourcerepo": "Cloud Source Repositories API",
    "storage": "Cloud Storage JSON API",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """A request that is understood: of whom, and in which world."""

    world: World
    request: Request
    who: str

    @property
    def body(self) -> JSON:
        return self.request.body

    @property
    def service(self) -> str:
        return _everywhere(self.request.host)

    @property
    def address(self) -> str:
        """The caller without the word that policies put before it."""
        return self.who.partition(":")[2]

    def needs(self, permission: str, on: str) -> None:
        """Refuses a caller who is not permitted."""
        project = self.world.project_of(on)
        if project is None and on.startswith("buckets/"):
            raise Refusal(404, "The specified bucket does not exist.")
        if project and self.service not in ALWAYS_ON | project.services:
            raise disabled(self.service, TITLES.get(self.service.partition(".")[0], self.service), project.number)
        if permission and not self.world.permits(self.who, permission, on):
            raise denied(permission, on, self.service, self.address)

    def project(self, name: str) -> Project:
        project = self.world.project_of(name)
        if project is None:
            raise Refusal(404, f"Project '{name}' not found.")
        return project

    def find(self, name: str) -> JSON:
        if name not in self.world.resources:
            raise Refusal(404, f"Requested entity was not found: {name}")
        return self.world.resources[name]


Handler = Callable[..., JSON | Answer]


@dataclass(frozen=True, slots=True)
class Route:
    method: str
    host: str
    path: re.Pattern[str]
    needs: str
    on: str
    handler: Handler


ROUTES: list[Route] = []


def answers(line: str, *, needs: str = "", on: str = "") -> Callable[[Handler], Handler]:
    """Marks what answers `METHOD host/path`, where {name=projects/*/things/*} takes a name out of the path.

    The permission is asked on the first of the names, if `on` does not say otherwise.
    """
    method, _, url = line.partition(" ")
    host, _, path = url.partition("/")

    def mark(handler: Handler) -> Handler:
        first = re.search(r"{(\w+)", path)
        where = on or (f"{{{first[1]}}}" if first else "")
        ROUTES.append(Route(method, f"{host}.googleapis.com", _pattern(f"/{path}"), needs, where, handler))
        return handler

    return mark


def _pattern(path: str) -> re.Pattern[str]:
    pieces = re.split(r"{(\w+)(?:=([^}]+))?}", path)
    text = re.escape(pieces[0])
    for name, shape, after in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        inner = re.escape(shape or "*").replace(r"projects/\*", f"projects/{PROJECT}").replace(r"\*", "[^/:]+")
        text += f"(?P<{name}>{inner})" + re.escape(after)
    return re.compile(text)


def answer(world: World, request: Request) -> Answer:
    """What the world says to a request."""
    route, names = _find(request)
    names = {key: world.canonical(unquote(value)) for key, value in names.items()}
    call = Call(world, request, _caller(world, request, route.host))
    _charge(call)
    if route.on:
        call.needs(route.needs, route.on.format(**names))
    found = route.handler(call, **names)
    return found if isinstance(found, Answer) else Answer(200, deepcopy(found))  # it is sent while others write


def _find(request: Request) -> tuple[Route, dict[str, str]]:
    for route in ROUTES:
        here = route.host in (request.host, _everywhere(request.host)) and route.method == request.method
        if here and (found := route.path.fullmatch(request.path)):
            return route, found.groupdict()
    raise Unknown(request.line)


def _everywhere(host: str) -> str:
    """The API's host, for that of one region."""
    return re.sub(r"^[a-z]+-[a-z]+\d+-(?=[a-z]+\.googleapis\.com$)", "", host)


def _caller(world: World, request: Request, host: str) -> str:
    principal = principal_of(world, request)
    if principal is None and host != "oauth2.googleapis.com":
        raise stranger()
    return member(principal) if principal else "allUsers"


def _charge(call: Call) -> None:
    """The project that a client wants its requests counted against must allow it, as application-default credentials find out."""
    project = call.request.headers.get("x-goog-user-project")
    if project and not call.world.permits(
        call.who, "serviceusage.services.use", call.world.canonical(f"projects/{project}")
    ):
        raise not_for_use(project)


def principal_of(world: World, request: Request) -> str | None:
    return world.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
