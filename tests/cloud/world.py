"""What exists in the stand-in cloud: projects, what is in them, and who may do what."""

import base64
import itertools
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cloud.refusals import Unknown
from cloud.roles import ROLES
from cloud.web import JSON

AT_FIRST = frozenset(
    f"{name}.googleapis.com"
    for name in "bigquery cloudapis cloudtrace logging monitoring servicemanagement serviceusage storage storage-api storage-component".split()
)

ACCOUNTS = ".iam.gserviceaccount.com"


@dataclass(slots=True)
class Project:
    id: str
    number: str
    billed: bool = True
    active: bool = True
    sources: bool = False  # whether its organisation had Cloud Source Repositories when new ones were shut out
    services: set[str] = field(default_factory=lambda: set(AT_FIRST))


@dataclass(frozen=True, slots=True)
class Policy:
    """Roles with the members that have them. Its etag is new with every writing.

    What is bound on a condition, `conditional`, permits nothing here: it is there to be kept by who writes the policy.
    """

    bindings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    etag: str = field(default_factory=lambda: new_etag())
    conditional: tuple[JSON, ...] = ()

    @property
    def shown(self) -> JSON:
        found = [
            {"role": role, "members": sorted(members)} for role, members in sorted(self.bindings.items()) if members
        ]
        found += self.conditional
        version = 3 if self.conditional else 1
        return {"version": version, "etag": self.etag, **({"bindings": found} if found else {})}

    def having(self, bindings: dict[str, tuple[str, ...]]) -> "Policy":
        """The policy with others in the place of what is bound on no condition."""
        return Policy(bindings, conditional=self.conditional)


@dataclass(slots=True)
class World:
    """Resources stand under their full names, as Google's answers show them; a bucket is buckets/NAME, what lies in it
    buckets/NAME/objects/PATH. `late` is how many readings, or bindings, of an account do not see it when it is new.
    `resuming` has a schedule that is changed go on though it was paused, since Google does not say that it stays so."""

    projects: dict[str, Project] = field(default_factory=dict)
    resources: dict[str, JSON] = field(default_factory=dict)
    content: dict[str, bytes] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    deleted: dict[str, JSON] = field(default_factory=dict)
    uploads: dict[str, tuple[JSON, bytes]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    published: dict[str, str] = field(default_factory=dict)
    held: dict[str, float] = field(default_factory=dict)
    late: int = 0
    resuming: bool = False
    unseen: dict[str, int] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    # what a test sets up

    def project(self, id: str, number: str = "", **state: Any) -> Project:
        made = Project(id, number or f"{100000000000 + next(self.numbers)}", **state)
        self.projects[id] = made
        return made

    def enable(self, *services: str, project: str) -> None:
        self.projects[project].services.update(
            f"{service.removesuffix('.googleapis.com')}.googleapis.com" for service in services
        )

    def grant(self, who: str, role: str, on: str) -> None:
        """`who` is a principal's address, or a member as policies word it."""
        self._known(role)
        policy, who = self.policy(on), who if ":" in who else member(who)
        members = (*(each for each in policy.bindings.get(role, ()) if each != who), who)
        self.policies[on] = policy.having({**policy.bindings, role: members})

    def grant_on_condition(self, who: str, role: str, on: str, condition: JSON) -> None:
        self._known(role)
        bound = {"role": role, "members": [who if ":" in who else member(who)], "condition": condition}
        policy = self.policy(on)
        self.policies[on] = Policy(policy.bindings, conditional=(*policy.conditional, bound))

    def revoke(self, who: str, role: str, on: str) -> None:
        policy, who = self.policy(on), who if ":" in who else member(who)
        if who not in policy.bindings.get(role, ()):
            raise LookupError(f"{who} does not have {role} on {on}")
        self.policies[on] = policy.having(
            {**policy.bindings, role: tuple(each for each in policy.bindings[role] if each != who)}
        )

    # what a test looks at

    def policy(self, on: str) -> Policy:
        return self.policies.get(on, Policy({}, etag="ACAB"))

    def bindings(self, on: str) -> dict[str, tuple[str, ...]]:
        return {role: tuple(sorted(members)) for role, members in self.policy(on).bindings.items() if members}

    def below(self, name: str, kind: str) -> list[JSON]:
        """What of that kind stands straight below a name."""
        start = f"{name}/{kind}/"
        return [
            found
            for each, found in sorted(self.resources.items())
            if each.startswith(start) and "/" not in each[len(start) :]
        ]

    def picture(self) -> JSON:
        """All of it that two runs can agree on: no dates, no etags, no numbers that are drawn; of objects, what they hold."""
        drawn = set(
            "createTime updateTime timeCreated updated etag uniqueId oauth2ClientId generation metageneration id md5Hash crc32c startTime endTime jobDetail userUpdateTime scheduleTime lastAttemptTime".split()
        )
        return {
            "services": {project.id: sorted(project.services) for project in self.projects.values()},
            "resources": {
                name: {key: value for key, value in found.items() if key not in drawn} for name, found in sorted(self.resources.items())
            },
            "content": dict(sorted(self.content.items())),
            "policies": {name: bindings for name in sorted(self.policies) if (bindings := self.bindings(name))},
        }  # fmt: skip

    # how names hang together

    def canonical(self, name: str) -> str:
        """The one name of what also goes by its project's number, or by no project at all."""
        match name.split("/"):
            case ["projects", "-", "serviceAccounts", account, *rest]:
                return "/".join([self.account(account), *rest])
            case ["projects", _, "serviceAccounts", account, *rest] if account.isdecimal():
                return "/".join([self.account(account), *rest])
            case ["projects", number, *rest] if number.isdecimal():
                known = (project.id for project in self.projects.values() if project.number == number)
                return "/".join(["projects", next(known, number), *rest])
        return name

    def account(self, key: str) -> str:
        """The name of the service account with that address or number, whether it exists or not."""
        if "@" in key:
            project, _, domain = key.partition("@")[2].removesuffix(ACCOUNTS).partition(".")
            return (
                f"projects/{domain}:{project}/serviceAccounts/{key}"
                if domain
                else f"projects/{project}/serviceAccounts/{key}"
            )
        known = (
            name for name, found in self.resources.items() if "/serviceAccounts/" in name and found["uniqueId"] == key
        )
        return next(known, f"projects/-/serviceAccounts/{key}")

    def project_of(self, name: str) -> Project | None:
        match name.split("/"):
            case ["projects", project, *_]:
                return self.projects.get(project)
            case ["buckets", bucket, *_] if found := self.resources.get(f"buckets/{bucket}"):
                return next(
                    (project for project in self.projects.values() if project.number == found["projectNumber"]), None
                )
        return None

    def address(self, short: str, project: str) -> str:
        """That of a service account; a domain in the project's id goes to the end."""
        domain, _, name = project.rpartition(":")
        return f"{short}@{name}.{domain}{ACCOUNTS}" if domain else f"{short}@{name}{ACCOUNTS}"

    # who may

    def permits(self, who: str, permission: str, on: str) -> bool:
        return any(
            permission in self.permissions(role)
            for name in self._above(on)
            for role, members in self.policy(name).bindings.items()
            if any(self._is(who, each) for each in members)
        )

    def permissions(self, role: str) -> Iterable[str]:
        if role in ROLES:
            return ROLES[role]
        custom = self.resources.get(role, {})
        return (
            [] if custom.get("deleted") or custom.get("stage") == "DISABLED" else custom.get("includedPermissions", [])
        )

    def sees(self, name: str) -> bool:
        """Whether a resource is seen yet; asking once brings that nearer."""
        if left := self.unseen.get(name, 0):
            self.unseen[name] = left - 1
        return not left and name in self.resources

    def _above(self, name: str) -> Iterator[str]:
        parts = name.split("/")
        yield from ("/".join(parts[:end]) for end in range(len(parts), 1, -1))
        if parts[0] == "buckets" and (project := self.project_of(name)):
            yield f"projects/{project.id}"

    def _is(self, who: str, listed: str) -> bool:
        kind, _, name = listed.partition(":")
        if basic := {"projectOwner": "owner", "projectEditor": "editor", "projectViewer": "viewer"}.get(kind):
            return who in self.policy(f"projects/{name}").bindings.get(f"roles/{basic}", ())
        return listed in (who, "allUsers") or (listed == "allAuthenticatedUsers" and who != "allUsers")

    def _known(self, role: str) -> None:
        if role not in ROLES and role not in self.resources:
            raise Unknown(f"the role {role}")


def new_etag() -> str:
    """Bytes in base64; these begin with both of the letters that its two alphabets write differently."""
    return base64.b64encode(b"\xfb\xff" + secrets.token_bytes(7)).decode()


def same_etag(one: str, other: str) -> bool:
    return base64.urlsafe_b64decode(_urlsafe(one)) == base64.urlsafe_b64decode(_urlsafe(other))


def _urlsafe(etag: str) -> str:
    return etag.replace("+", "-").replace("/", "_")


def member(principal: str) -> str:
    """A principal's address in the words of a policy."""
    return f"{'serviceAccount' if principal.endswith('.gserviceaccount.com') else 'user'}:{principal}"


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
