"""Who holds what in the stand-in cloud, where each flow of a pipeline has exactly the roles of its table."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cloud import vault
from cloud.standin import NUMBER, OWNER, PROJECT, Cloud
from cloud.world import World, member
from launches import VALUES, WORDS, caller
from provisioned import HURRIED

from AutoMLOps import preflight, read
from AutoMLOps.cloud import Authority, Binding, On, Resources, authority
from AutoMLOps.model import Pipeline
from AutoMLOps.settings import Settings

PERSON = "person@example.test"  # builds and submits from here
MAKER = "maker@example.test"  # provisions
PUSHER = "pusher@example.test"  # holds nothing in Google Cloud
REMOTE = "https://github.com/example/words.git"
SECRETS = (("token", "pat/versions/1"), ("github_app", "12345"))
BRANCH = "automlops"
BY_PUSH = Settings(
    project_id=PROJECT,
    run_local=False,
    source_repo_type="github",
    source_repo_name="example/words",
    source_repo_secrets=SECRETS,
)


def pipeline() -> Pipeline:
    found = read.pipeline(read.notebook("work.py", WORDS), VALUES).pipeline
    assert found
    return found


def name_of(row: Binding | Authority) -> str:
    who = f"{row.member.partition('@')[0] or 'person'} " if isinstance(row, Binding) else ""
    return f"{who}{row.role.rpartition('/')[2]} on {row.on}"


def place(row: Binding, table: Resources) -> str:
    """What a role is bound to, as the stand-in names it."""
    within = f"projects/{PROJECT}"
    match row.on:
        case On.PROJECT:
            return f"projects/{row.name}"
        case On.REGISTRY:
            return f"{within}/locations/{table.registry.location}/repositories/{row.name}"
        case On.BUCKET:
            return f"buckets/{row.name}"
        case On.ACCOUNT:
            return f"{within}/serviceAccounts/{row.name}"
        case On.SECRET:
            return f"{within}/secrets/{row.name}"
        case On.TOPIC:
            return f"{within}/topics/{row.name}"
        case On.SUBSCRIPTION:
            return f"{within}/subscriptions/{row.name}"
        case On.SERVICE:
            return f"{within}/locations/{table.service.location}/services/{row.name}"
    raise AssertionError(f"{row} is on something that provisioning does not make")


def holder(row: Binding) -> str:
    return row.member.replace("PROJECT_NUMBER", NUMBER) or PERSON


Ended = subprocess.CompletedProcess[str]


@dataclass
class Prepared:
    """A cloud in which a pipeline was provisioned, its codebase, and who was asked for what meanwhile."""

    cloud: Cloud
    folder: Path
    table: Resources
    asked: set[str] = field(default_factory=set)

    @property
    def codebase(self) -> Path:
        return self.folder / "AutoMLOps"

    def run(self, script: str, *words: str, as_: str = PERSON) -> Ended:
        return self.cloud.run(self.codebase / script, *words, cwd=self.codebase, as_=as_, env=HURRIED)

    def grant(self, who: str, role: str, on: str) -> None:
        with self.cloud.turn:
            self.cloud.state.grant(who, role, on)

    @contextmanager
    def without(self, who: str, role: str, on: str) -> Iterator[None]:
        with self.cloud.turn:
            self.cloud.state.revoke(who, role, on)
        try:
            yield
        finally:
            self.grant(who, role, on)

    @contextmanager
    def lacking(self, part: str) -> Iterator[None]:
        """Without the resources in whose names that is a part, until they are put back."""
        found = self.cloud.state.resources
        with self.cloud.turn:
            kept = {name: found.pop(name) for name in list(found) if f"/{part}/" in f"{name}/"}
        try:
            yield
        finally:
            with self.cloud.turn:
                found.update(kept)

    def held(self) -> set[tuple[str, str, str]]:
        """Who has which role on what, beside the owner and who comes with the bucket."""
        return {
            (each.partition(":")[2], role, on)
            for on in self.cloud.state.policies
            for role, members in self.cloud.state.bindings(on).items()
            for each in members
            if not each.startswith("project") and each != member(OWNER)
        }

    def follow(self, advice: str) -> None:
        """Runs the command that an error tells somebody who may to run."""
        (line,) = dict.fromkeys(re.findall(r"^ *(gcloud .*--role=\S+)$", advice, re.MULTILINE))
        done = self.cloud.run(*shlex.split(line.replace("user:YOU", f"user:{PERSON}")), as_=OWNER)
        assert done.returncode == 0, done.stderr


@contextmanager
def asking(who: str, asked: set[str]) -> Iterator[None]:
    """Notes which permissions somebody needed, and had."""
    permits = World.permits

    def noting(world: World, caller: str, permission: str, on: str) -> bool:
        found = permits(world, caller, permission, on)
        if found and caller == member(who):
            asked.add(permission)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(World, "permits", noting)
        yield


def generated(cloud: Cloud, folder: Path, more: str = "") -> None:
    told = caller(cloud, folder)(f"[AutoMLOps.generate({PROJECT!r}, {VALUES!r}, notebook='work.py'{more}), 1][1]")
    assert told == 1


def in_a_work_tree(world: Prepared, more: str = "") -> None:
    """Generates in a work tree that is to be pushed to GitHub, to which a secret lets Cloud Build."""
    world.cloud.host(REMOTE)
    vault.keep(world.cloud.state, "pat")
    for words in (
        "init --quiet --initial-branch=main",
        f"remote add origin {REMOTE}",
        "config user.name Dev",
        "config user.email dev@example.test",
    ):
        git(world, *words.split())
    generated(world.cloud, world.folder, f", run_local=False, source_repo_secrets={dict(SECRETS)!r}{more}")


def entitled(world: Prepared, settings: Settings) -> None:
    """The operator of provisioning gets the roles of the table, and no other; those on one account once it is there."""
    for each in authority(settings):
        if each.on not in preflight.NARROWER:
            world.grant(MAKER, each.role, f"projects/{PROJECT}")
        elif each.on == "secret":
            world.grant(MAKER, each.role, f"projects/{PROJECT}/secrets/pat")


def git(world: Prepared, *words: str, as_: str = PUSHER) -> str:
    done = world.cloud.run("git", "-C", world.folder, *words, as_=as_)
    assert done.returncode == 0, done.stderr
    return done.stdout


def built(world: Prepared) -> tuple[str, str]:
    """The status of the build that a push starts, and all that is said of it."""
    number = git(world, "rev-list", "--count", "HEAD").strip()
    (world.codebase / "README.md").write_text(f"changed after {number}")
    git(world, "commit", "--quiet", "--all", "--message=a change")
    git(world, "push", "--quiet", "origin", f"HEAD:{BRANCH}")
    world.cloud.settle()
    state = world.cloud.state
    build = [each for name, each in state.resources.items() if "/builds/" in name][-1]
    log = state.content.get(f"buckets/{world.table.bucket.name}/objects/words/logs/log-{build['id']}.txt", b"")
    return build["status"], f"{log.decode()}\n{build.get('statusDetail', '')}"
