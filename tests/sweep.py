"""Every kind of fault on every request of the provisioning scripts: `make sweep`, or this file by a Python with pytest.

A clean run says which requests a script makes. For each of them and each kind of fault the script then runs in a cloud
of its own, beginning from the same state. What must hold afterwards is in `judged`; the kinds are in KINDS.
"""

import argparse
import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(1, str(ROOT))

from cloud import vault  # noqa: E402
from cloud.faults import DROP, FOREVER, HANG, Fault  # noqa: E402
from cloud.standin import PROJECT, Asked, Cloud, standin  # noqa: E402
from cloud.web import JSON  # noqa: E402
from cloud.world import World  # noqa: E402
from pictures import written  # noqa: E402

from AutoMLOps.provisioning import SAID  # noqa: E402

Script = Literal["provision", "deprovision"]
SCRIPTS: tuple[Script, ...] = ("provision", "deprovision")
LIMIT = 900  # seconds: gcloud asks again for half a minute where a fault lasts, and the scripts for a minute more
PATIENCE = 30  # seconds, for what a killed script left running
RENEWALS = "oauth2.googleapis.com/token"  # which come as often as processes happen to start together


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of fault: how a request goes wrong, and what may become of the script."""

    how: int | str | None  # as faults have it; None where the request is answered as it should be
    lasting: bool = False  # it does not pass, so the script has to stop; what passes must not stop it
    after: bool = False  # the request has its effect, and the answer is lost
    killed: Literal["", "all", "script"] = ""  # what is killed as soon as the request came so far


KINDS = {
    "403": Kind(how=403, lasting=True),
    "500": Kind(how=500),
    "429": Kind(how=429),
    "drop": Kind(how=DROP),
    "lost": Kind(how=DROP, after=True),
    "kill": Kind(how=None, killed="all"),
    "kill-before": Kind(how=HANG, killed="all"),
    "kill-after": Kind(how=HANG, after=True, killed="all"),
    "orphan": Kind(how=None, killed="script"),
    "500-lasting": Kind(how=500, lasting=True),
    "429-lasting": Kind(how=429, lasting=True),
    "drop-lasting": Kind(how=DROP, lasting=True),
}


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is: the cloud, and the codebase, which scripts write their record into."""

    world: World
    codebase: Path

    @property
    def picture(self) -> JSON:
        """All that two runs can agree on: of what was replaced no versions, of records the lines in any order."""
        seen = self.world.picture()
        for part in ("resources", "content"):
            seen[part] = {name: _in_order(found) for name, found in seen[part].items() if "#" not in name}
        return {**seen, "record": self.record}

    @property
    def record(self) -> dict[str, Any]:
        folder = self.codebase / ".automlops"
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {str(path.relative_to(folder)): _in_order(path.read_bytes()) for path in files}


# What Cloud Run and gcloud draw anew for a service, deep in what they say of it.
DRAWN = {"creationTimestamp", "lastTransitionTime", "client.knative.dev/nonce"}


def _in_order(found: Any) -> Any:
    match found:
        case bytes():
            return sorted(found.split(b"\n"))
        case dict():
            return {key: _in_order(value) for key, value in found.items() if key not in DRAWN}
        case list():
            return [_in_order(each) for each in found]
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A script when nothing goes wrong: where it begins, what it comes to, and what it asks for on the way."""

    script: Script
    start: Scene
    end: JSON
    asked: tuple[Asked, ...]

    @property
    def lines(self) -> Mapping[str, int]:
        """How often each request comes."""
        return Counter(each.line for each in self.asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One fault: from the `nth` time on that a script makes a request."""

    script: Script
    kind: str
    line: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.script} {self.kind} {self.line} #{self.nth}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What became of a script; its code is None where it was killed."""

    code: int | None
    said: str
    complained: str

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """FATE KIND NAME of what it says it did."""
        return [(row[1], row[2], row[3]) for line in self.said.splitlines() if (row := SAID.fullmatch(line))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a case came to: nothing in `misses` is as it should be."""

    case: Case
    misses: tuple[str, ...]
    how: str
    seconds: float

    def __str__(self) -> str:
        told = "".join(f"\n    {miss}" for miss in self.misses)
        return f"{'MISS' if self.misses else 'ok  '} {self.seconds:5.1f} s  {self.case}: {self.how}{told}"


# ---- A clean run


def ways(place: Path, **chosen: Any) -> dict[Script, Way]:
    """Both scripts of a small codebase, one after the other: what the one makes, the other takes away."""
    with standin() as cloud:
        chosen = {**chosen, **_hosted(cloud.state, **chosen)}
        codebase = written(place / "codebase", project_id=PROJECT, **chosen)
        (codebase / ".automlops").mkdir(exist_ok=True)
        provision = _clean("provision", cloud, codebase, place)
        deprovision = _clean("deprovision", cloud, codebase, place)
    there, left = _standing(provision.start.picture), _standing(deprovision.end)
    if left != there:
        raise SystemExit(f"deprovisioning does not bring back what was there:\n{_difference(there, left)}")
    return {"provision": provision, "deprovision": deprovision}


def _standing(picture: JSON) -> JSON:
    """What deprovisioning can bring back: APIs stay on, and so does a role of the project's own, which nobody has."""
    seen = {name: picture[name] for name in ("resources", "content", "policies")}
    return {**seen, "resources": {name: it for name, it in seen["resources"].items() if "/roles/" not in name}}


def _hosted(world: World, run_local: bool = True, source_repo_type: str = "", **_: Any) -> dict[str, Any]:
    """What a trigger needs to be there: an organisation with Cloud Source Repositories, or secrets that speak for a person."""
    if run_local:
        return {}
    if source_repo_type not in SECRETS:
        world.projects[PROJECT].sources = True
        return {}
    names = SECRETS[source_repo_type]
    secrets = {each: vault.keep(world, each.replace("_", "-")).partition("/secrets/")[2] for each in names}
    world.enable("secretmanager", project=PROJECT)
    if source_repo_type == "github":
        secrets["github_app"] = "12345"
    return {"source_repo_name": "example/words", "source_repo_secrets": tuple(secrets.items())}


SECRETS = {"github": ("token",), "gitlab": ("token", "read_token", "webhook")}


def _clean(script: Script, cloud: Cloud, codebase: Path, place: Path) -> Way:
    kept = place / f"before-{script}"
    shutil.copytree(codebase, kept)
    start, before = Scene(deepcopy(cloud.state), kept), len(cloud.requests)
    ran = _run(cloud, codebase, script)
    if ran.code:
        raise SystemExit(f"without any fault {script} ended with {ran.code}:\n{ran.said}{ran.complained}")
    asked = tuple(cloud.requests[before:])
    if lies := list(_lies(ran, cloud.state)):
        raise SystemExit(f"without any fault {script} says what is not so: {'; '.join(lies)}")
    return Way(script=script, start=start, end=Scene(cloud.state, codebase).picture, asked=asked)


def _run(cloud: Cloud, codebase: Path, script: Script) -> Ran:
    ended = cloud.run(*_command(codebase, script), cwd=Path("/"), env=ELSEWHERE, timeout=LIMIT)
    return Ran(code=ended.returncode, said=ended.stdout, complained=ended.stderr)


def _command(codebase: Path, script: Script) -> tuple[str | Path, ...]:
    return "bash", codebase / "provision" / f"{script}_resources.sh"


ELSEWHERE = {
    "CLOUDSDK_CORE_PROJECT": "somewhere-else",  # a script that does not name its project everywhere fails
    "DELETE_DATA": "1",  # without it, a Cloud Source Repository that was made would stay
}


# ---- Cases


def cases(ways: Mapping[Script, Way], kinds: Sequence[str], only: str = "") -> list[Case]:
    """Each kind on each request, and on each time that it comes."""
    found = [
        Case(script=way.script, kind=kind, line=line, nth=nth)
        for way in ways.values()
        for kind in kinds
        for line, times in way.lines.items()
        for nth in range(1, 2 if RENEWALS in line else times + 1)
    ]
    return [case for case in found if re.search(only, str(case))]


def outcome(case: Case, way: Way, place: Path) -> Outcome:
    """Runs the script under the fault, then again without it, and judges both."""
    folder = Path(tempfile.mkdtemp(dir=place))
    begin = time.perf_counter()
    try:
        shutil.copytree(way.start.codebase, folder / "codebase")
        with standin() as cloud:
            _set_up(cloud, way.start.world)
            misses, how = _judged(case, way, cloud, folder / "codebase")
    except (AssertionError, subprocess.TimeoutExpired) as error:
        misses, how = (f"{type(error).__name__}: {error}",), "not to be judged"
    finally:
        shutil.rmtree(folder)
    return Outcome(case=case, misses=tuple(misses), how=how, seconds=time.perf_counter() - begin)


def _set_up(cloud: Cloud, world: World) -> None:
    cloud.state = deepcopy(world)
    cloud.state.tokens.clear()


def _judged(case: Case, way: Way, cloud: Cloud, codebase: Path) -> tuple[list[str], str]:
    kind = KINDS[case.kind]
    fault = _fault(cloud, case, kind)
    ran = _killed(cloud, codebase, case, kind, fault) if kind.killed else _run(cloud, codebase, case.script)
    came = fault.met if fault else _times(cloud, case.line) >= case.nth
    cloud.faults.clear()
    here = Scene(cloud.state, codebase)
    done = here.picture == way.end
    misses = [] if came else ["the request never came"]
    misses += [f"it says what is not so: {lie}" for lie in _lies(ran, cloud.state)]
    misses += _as_it_should(kind, ran, done)
    wrote = len(cloud.writes())
    again = _run(cloud, codebase, case.script)
    misses += _after(way, cloud, again, here)
    if ran.code == 0 and (more := cloud.writes()[wrote:]):
        misses.append(f"it had ended well, yet the next run changed something: {', '.join(more)}")
    return misses, _how(ran, again)


def _fault(cloud: Cloud, case: Case, kind: Kind) -> Fault | None:
    if kind.how is None:
        return None
    times = FOREVER if kind.lasting else 1
    return cloud.fault(f"^{re.escape(case.line)}$", kind.how, nth=case.nth, times=times, after=kind.after)


def _times(cloud: Cloud, line: str) -> int:
    return sum(each.line == line for each in cloud.requests)


def _killed(cloud: Cloud, codebase: Path, case: Case, kind: Kind, fault: Fault | None) -> Ran:
    """The script, killed without a warning as soon as the request was answered, or hangs."""
    with open(codebase / "said", "w+") as said:
        process = cloud.start(*_command(codebase, case.script), cwd=Path("/"), env=ELSEWHERE, stdout=said, stderr=said)
        while process.poll() is None and not (fault.met if fault else _times(cloud, case.line) >= case.nth):
            time.sleep(0.002)
        if kind.killed == "all":
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.wait()
        _wait_for_the_rest(cloud, process.pid)
        said.seek(0)
        text = said.read()
    (codebase / "said").unlink()
    return Ran(code=None, said=text, complained="")


def _wait_for_the_rest(cloud: Cloud, group: int) -> None:
    """What a killed script had started goes on, or needs a moment to end."""
    limit = time.monotonic() + PATIENCE
    while any(_group(each) == group for each in Path("/proc").glob("[0-9]*")) and time.monotonic() < limit:
        time.sleep(0.05)


def _group(process: Path) -> int | None:
    """The process group, of what is not dead already."""
    try:
        state, _, group, *_ = (process / "stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return None
    return None if state == "Z" else int(group)


# ---- What must hold


def _as_it_should(kind: Kind, ran: Ran, done: bool) -> Iterator[str]:
    """Of the run under the fault: what lasts stops it at a step that it names, what passes does not."""
    if ran.code is None:
        return
    if ran.code == 0 and not done:
        yield "it ended well, and what it is for was not done"
    if ran.code and "stopped at: " not in ran.complained:
        yield f"it does not name the step that it stopped at:\n{ran.complained[-600:]}"
    if ran.code and (more := [line for line in ran.said.splitlines() if line and not SAID.fullmatch(line)]):
        yield f"it stopped, yet says {' / '.join(more)}"
    if ran.code and not kind.lasting and not kind.after:
        yield f"a fault that passes stopped it:\n{ran.complained[-600:]}"


def _after(way: Way, cloud: Cloud, again: Ran, here: Scene) -> Iterator[str]:
    """Of the run without it: it comes to where a clean run comes, and makes nothing twice."""
    if again.code:
        yield f"the next run ended with {again.code}:\n{again.complained[-600:]}"
    yield from (f"the next run says what is not so: {lie}" for lie in _lies(again, cloud.state))
    if here.picture != way.end:
        yield f"the next run comes to something else:\n{_difference(way.end, here.picture)}"
    made, clean = _made(cloud.requests), _made(way.asked)
    yield from (f"made {times} times: {line}" for line, times in made.items() if times > max(clean[line], 1))


def _made(asked: Sequence[Asked]) -> Counter[str]:
    """What was made with success. Policies, uploads and APIs are set, not made."""
    return Counter(
        each.line
        for each in asked
        if each.method == _making(each)
        and each.writes
        and each.status == 200
        and not re.search(r":\w+$|/upload/", each.path)
    )


def _making(asked: Asked) -> str:
    """The method by which a service makes things."""
    return "PUT" if asked.host == "pubsub.googleapis.com" else "POST"


def _lies(ran: Ran, world: World) -> Iterator[str]:
    """What a script says it made and is not there, or took away and is."""
    for fate, kind, name in ran.rows:
        there = _is_there(world, kind, name)
        if there is not None and there != (fate not in ("removed", "gone")):
            yield f"{fate} {kind} {name}"


PLACES = {
    "registry": "repositories",
    "bucket": "buckets",
    "account": "serviceAccounts",
    "connection": "connections",
    "topic": "topics",
    "subscription": "subscriptions",
    "service": "services",
}


def _is_there(world: World, kind: str, name: str) -> bool | None:
    match kind:
        case "api":
            return name in world.projects[PROJECT].services
        case "trigger":
            return any(found.get("name") == name for each, found in world.resources.items() if "/triggers/" in each)
        case _ if kind in PLACES:
            return any(f"/{each}".endswith(f"/{PLACES[kind]}/{name}") for each in world.resources)
        case "role" if named := re.fullmatch(r"(\S+) on \S+ (\S+) for (\S+)", name):
            role, on, email = named.groups()
            held = (world.bindings(each).get(role, ()) for each in world.policies if each.endswith(f"/{on}"))
            return any(f"serviceAccount:{email}" in members for members in held)
    return None  # of a record or a pipeline the picture tells


def _difference(wanted: Any, found: Any, where: str = "") -> str:
    if isinstance(wanted, dict) and isinstance(found, dict):
        keys = sorted(set(wanted) | set(found), key=str)
        return "".join(_difference(wanted.get(key), found.get(key), f"{where}/{key}") for key in keys)
    return "" if wanted == found else f"      {where}: {wanted!r} after a clean run, {found!r} here\n"


def _how(ran: Ran, again: Ran) -> str:
    stopped = next((line for line in ran.complained.splitlines() if line.startswith("stopped at: ")), "")
    first = "killed" if ran.code is None else "converged" if ran.code == 0 else stopped or f"ended with {ran.code}"
    return f"{first}, then {'converged' if again.code == 0 else f'ended with {again.code}'}"


# ---- From a terminal


def main() -> int:
    wanted = _arguments()
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="sweep-") as folder, ThreadPoolExecutor(wanted.jobs) as workers:
        place = Path(folder)
        found = ways(place, **dict(wanted.chosen))
        wished = cases(found, wanted.kinds, wanted.only)
        todo = left(wished, wanted.log)
        print(f"{len(todo)} of {len(wished)} cases, {wanted.jobs} at a time", flush=True)
        misses = 0
        doing = workers.map(lambda case: outcome(case, found[case.script], place), todo)
        for number, each in enumerate(doing, start=1):
            misses += bool(each.misses)
            print(f"{number:4} {each}", flush=True)
            keep(each, wanted.log)
    print(f"{len(todo)} cases, {misses} missed, {(time.perf_counter() - begin) / 60:.0f} minutes")
    return 1 if misses or not wished else 0


def left(wished: Sequence[Case], log: Path | None) -> list[Case]:
    """The cases that a log does not say went well."""
    well = log.read_text().splitlines() if log and log.exists() else []
    done = {found[1] for line in well if (found := re.match(r"ok +[\d.]+ s  (.* #\d+): ", line))}
    return [case for case in wished if str(case) not in done]


def keep(found: Outcome, log: Path | None) -> None:
    if log:
        with log.open("a") as file:
            print(found, file=file)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/sweep.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", metavar="PATTERN", default="", help="of `SCRIPT KIND METHOD host/path #NTH`")
    parser.add_argument("--kinds", metavar="KIND,...", type=_kinds, default=tuple(KINDS), help=", ".join(KINDS))
    parser.add_argument("--log", metavar="FILE", type=Path, help="is written on; what it says went well is passed over")
    parser.add_argument("--jobs", metavar="N", type=int, default=os.cpu_count() or 1, help="cases at a time")
    parser.add_argument(
        "--set", metavar="NAME=VALUE", dest="chosen", type=_setting, action="append", default=[],
        help="a setting of the codebase, the value as Python writes it: --set run_local=False",
    )  # fmt: skip
    return parser.parse_args()


def _setting(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    return name, ast.literal_eval(value)


def _kinds(text: str) -> tuple[str, ...]:
    if strange := [each for each in text.split(",") if each not in KINDS]:
        raise argparse.ArgumentTypeError(f"no such kind: {', '.join(strange)}; there are {', '.join(KINDS)}")
    return tuple(text.split(","))


if __name__ == "__main__":
    sys.exit(main())
