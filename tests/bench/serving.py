"""Times the service that starts runs beside the peer's, and beside its bare framework: `make bench`, or this file.

Each turn runs all three in turn in the stand-in cloud, unmodified and by the commands of their Dockerfiles: ours and
the framework by uvicorn with one process, the peer's by gunicorn with one worker of eight threads, each asked over
eight connections, in the environment that Cloud Run gives. Each has the packages of its own requirements.txt, in an
environment of the same Python. The ratio is taken within a turn, and the median over the turns is judged.

The framework's constant answer is the floor of what a request costs. A message that comes again starts nothing here,
which is demanded. The peer starts another run for it and names runs by the second, so that all but one in a second
are refused: what it answers then is for information.
"""

import argparse
import ast
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(1, str(HERE.parent))

import fresh  # noqa: E402
import peer  # noqa: E402
import pytest  # noqa: E402
import work  # noqa: E402
from cloud.standin import OWNER, Cloud, standin  # noqa: E402
from measure import OUTPUT, ROOT  # noqa: E402
from submissions import free_port, push  # noqa: E402
from tools import need  # noqa: E402
from verdicts import Verdict, table  # noqa: E402
from work import Tool  # noqa: E402

FASTER, SHARE, FLOOR = 5, 1 / 3, 2  # times, of the peer's memory, times the framework's own time
BUSIEST = 0.8  # of a processor: above that what asks may be what is measured
AGAIN, PEERS_AGAIN, CONNECTIONS = 3000, 50, 8
PROJECT, BUCKET = "my-project-123", "my-project-123-bucket"
RUNNER = f"vertex-pipelines@{PROJECT}.iam.gserviceaccount.com"
PIPELINE, VALUES = "many-steps", {"data_path": "d.csv", "rows": 3, "rate": 0.1}
SPEC = f"{PIPELINE}/pipeline_job.json"
SERVICE = Path(OUTPUT, "services", "submission_service")
SETTINGS = {
    "ours": ", run_local=False, submission_service=True, source_repo_type='github', source_repo_name='example/steps', "
    "source_repo_secrets={'token': 'pat/versions/1', 'github_app': 12345678}",
    "peer": ", use_ci=True, pipeline_job_submission_service_type='cloud-run', deployment_framework='github-actions', "
    "source_repo_type='github', source_repo_name='example/steps', project_number='123456789012', "
    "workload_identity_pool='pool', workload_identity_provider='provider', "
    f"workload_identity_service_account='builder@{PROJECT}.iam.gserviceaccount.com'",
}
CREDENTIALS = "credentials.json"
CLOUD_RUN = {"K_SERVICE": "run-pipeline", "K_REVISION": "run-pipeline-1", "K_CONFIGURATION": "run-pipeline"}
BARE = '''"""Takes what is sent and answers the same to all: what is left of a request that means nothing."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def answer(request: Request) -> Response:
    await request.body()
    return Response(b'{"outcome": "started before"}', media_type="application/json")


app = Starlette(routes=[Route("/health", answer), Route("/push", answer, methods=["POST"])])
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A service as it is started, and what it is asked: the message by its number, and so often again."""

    folder: Path
    command: tuple[str, ...]
    port: int
    ready: bytes | None  # what it answers without being asked for a run
    message: Callable[[str], bytes]
    again: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One server's life: seconds from its spawning, MiB, requests a second, and seconds of the processor for one."""

    up: float
    first: float
    resident: float
    after: float
    rate: float
    processor: float
    refused: int
    generator: float
    jobs: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    ours: Served
    bare: Served
    peer: Served


def main() -> int:
    wanted = _arguments()
    try:
        need("gcloud")
        with standin():
            pass  # where there can be no cloud, it says so before the peer is installed
        with tempfile.TemporaryDirectory(prefix="automlops-bench-") as folder:
            turns = _turns(Path(folder), wanted)
    except pytest.skip.Exception as reason:
        print(f"\nServing is not measured: {reason}", flush=True)
        return 0
    judged = verdicts(turns)
    print(f"\nServing, {_conditions(turns)}:\n\n{table(judged)}\n\n{_figures(turns)}", flush=True)
    return 0 if all(verdict.holds for verdict in judged) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests/bench/serving.py", description="Times the service that starts runs.")
    parser.add_argument("--turns", type=int, default=5, metavar="N", help="how often each is measured")
    parser.add_argument(
        "--peer", metavar="PYTHON", help=f"has {peer.NAME} {peer.VERSION} (default: .venv-peer, made once)"
    )
    return parser.parse_args()


def verdicts(turns: Sequence[Turn]) -> list[Verdict]:
    """Every bound, by the median over the turns."""

    def of(ratio: Callable[[Turn], float]) -> float:
        return median(map(ratio, turns))

    up = of(lambda turn: turn.peer.up / turn.ours.up)
    first = of(lambda turn: turn.peer.first / turn.ours.first)
    memory = of(lambda turn: turn.ours.resident / turn.peer.resident)
    after = of(lambda turn: turn.ours.after / turn.peer.after)
    floor = of(lambda turn: turn.bare.rate / turn.ours.rate)
    refused = sum(turn.ours.refused for turn in turns)
    generator = max(max(turn.ours.generator, turn.bare.generator) for turn in turns)
    beside = f"{peer.NAME} {peer.VERSION}'s"
    return [
        Verdict(bound=f"from its start to its first 200: at least {FASTER} times faster than {beside}",
                found=f"{up:.1f} times", holds=up >= FASTER),
        Verdict(bound=f"from its start to its first run: at least {FASTER} times faster",
                found=f"{first:.1f} times", holds=first >= FASTER),
        Verdict(bound="memory after the first run: at most a third", found=f"{memory:.2f}", holds=memory <= SHARE),
        Verdict(bound="memory after messages that came again: at most a third", found=f"{after:.2f}", holds=after <= SHARE),
        Verdict(bound="a message that comes again starts nothing", found=f"{max(turn.ours.jobs for turn in turns)} runs for all",
                holds=all(turn.ours.jobs == 1 for turn in turns)),
        Verdict(bound="a message that comes again is taken", found=f"{refused} of {AGAIN * len(turns)} refused", holds=not refused),
        Verdict(bound=f"messages that come again: at most {FLOOR} times the bare framework's own time",
                found=f"{floor:.2f} times", holds=floor <= FLOOR),
        Verdict(bound=f"what asks is not what is measured: busy for at most {BUSIEST:.0%}",
                found=f"{generator:.0%}", holds=generator <= BUSIEST),
    ]  # fmt: skip


# ---- What is served


def _turns(place: Path, wanted: argparse.Namespace) -> list[Turn]:
    _generate("ours", sys.executable, place)
    _generate("peer", peer.python(ROOT, wanted.peer), place)
    fresh.run((sys.executable, f"{OUTPUT}/pipelines/pipeline.py", "--output", "spec.json"), place / "ours")
    servers = {"ours": _ours(place), "bare": _bare(place), "peer": _peers(place)}
    with standin() as cloud:
        _set_up(cloud, json.loads((place / "ours" / "spec.json").read_text()), place)
        turns = []
        for number in range(wanted.turns + 1):  # the first leaves byte code for all that follow, and does not count
            print(f"serving, turn {number} of {wanted.turns}", file=sys.stderr, flush=True)
            turns.append(Turn(**{name: _served(cloud, server, number, place) for name, server in servers.items()}))
    return turns[1:]


def _generate(tool: Tool, python: str, place: Path) -> None:
    folder = place / tool
    folder.mkdir()
    (folder / "work.py").write_text(work.once(tool, 1, SETTINGS[tool]))
    fresh.run((python, "work.py"), folder, python_path=ROOT if tool == "ours" else None)


def _ours(place: Path) -> Server:
    folder, port = place / "ours" / SERVICE, free_port()
    bin = _environment(".venv-service", folder / "requirements.txt", "--no-deps")
    command = json.loads(_command(folder).removeprefix("CMD"))
    command = [each if not each.startswith("--port=") else f"--port={port}" for each in command]
    said = {name: _constant(folder / "main.py", name) for name in ("AUDIENCE", "INVOKER")}
    shown = _token(said["AUDIENCE"], said["INVOKER"])

    def message(number: str) -> bytes:
        return _post(
            "/push", push({"pipeline": PIPELINE, "parameters": VALUES}, number), f"Authorization: Bearer {shown}\r\n"
        )

    return Server(
        folder=folder,
        command=(str(bin / command[0]), *command[1:]),
        port=port,
        ready=_get("/health"),
        message=message,
        again=AGAIN,
    )


def _bare(place: Path) -> Server:
    """The same packages, the same command and the same requests; nothing is read of them."""
    ours, folder = _ours(place), place / "bare"
    folder.mkdir()
    (folder / "main.py").write_text(BARE)
    return Server(
        folder=folder, command=ours.command, port=ours.port, ready=ours.ready, message=ours.message, again=AGAIN
    )


def _peers(place: Path) -> Server:
    folder, port = place / "peer" / SERVICE, free_port()
    bin = _environment(".venv-peer-service", folder / "requirements.txt")
    words = _command(folder).removeprefix("CMD").replace("$PORT", str(port)).split()
    content = {"gs_pipeline_spec_path": f"gs://{BUCKET}/{SPEC}", **VALUES}
    return Server(folder=folder, command=(str(bin / words[1]), *words[2:]), port=port, ready=None,
                  message=lambda number: _post("/", push(content, number)), again=PEERS_AGAIN)  # fmt: skip


def _command(folder: Path) -> str:
    return next(line for line in (folder / "Dockerfile").read_text().splitlines() if line.startswith("CMD"))


def _constant(file: Path, name: str) -> str:
    """What a module says a name is, without importing it."""
    found = next(
        each.value for each in ast.parse(file.read_text()).body
        if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == name
    )  # fmt: skip
    return str(ast.literal_eval(found))


SUMS = re.compile(r" \\\n *--hash=\S+")  # of wheels for Python 3.11, which this may not be


def _environment(name: str, requirements: Path, *options: str) -> Path:
    """The programs of an environment that has what a service asks for: in the clone, made anew where that is another."""
    folder = ROOT / name
    stamp = folder / "requirements.txt"
    wanted = SUMS.sub("", requirements.read_text())
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"making {name} (once; a minute)", file=sys.stderr, flush=True)
        venv.create(folder, clear=True, with_pip=True)
        pip = (str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        if subprocess.run((*pip, *options, "-r", "/dev/stdin"), input=wanted, text=True).returncode:
            raise SystemExit(f"serving is not measured: pip could not install what {requirements} asks for")
        stamp.write_text(wanted)
    return folder / "bin"


def _token(audience: str, invoker: str) -> str:
    """As Cloud Run hands a token on, whose signature it has checked."""
    now = int(time.time())
    said = {"iss": "https://accounts.google.com", "aud": audience, "email": invoker, "email_verified": True,
            "iat": now, "exp": now + 6 * 3600}  # fmt: skip
    return f"e30.{base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip('=')}.SIGNATURE_REMOVED_BY_GOOGLE"


def _get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def _post(path: str, said: object, headers: str = "") -> bytes:
    body = json.dumps(said)
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{headers}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


# ---- Where it is served


def _set_up(cloud: Cloud, spec: Any, place: Path) -> None:
    """A project with all that either service asks for; its jobs wait for ever."""
    world = cloud.state
    project = world.project(PROJECT)
    world.enable("aiplatform", "iam", "cloudresourcemanager", project=PROJECT)
    world.grant(OWNER, "roles/owner", on=f"projects/{PROJECT}")
    world.grant(OWNER, "roles/storage.admin", on=f"projects/{PROJECT}")
    account = f"projects/{PROJECT}/serviceAccounts/{RUNNER}"
    world.resources[account] = {"name": account, "projectId": PROJECT, "uniqueId": "1", "email": RUNNER}
    bucket = {"kind": "storage#bucket", "name": BUCKET, "projectNumber": project.number, "location": "US-CENTRAL1"}
    world.resources[f"buckets/{BUCKET}"] = bucket
    job = {
        "displayName": PIPELINE, "pipelineSpec": spec, "serviceAccount": RUNNER,
        "runtimeConfig": {"gcsOutputDirectory": f"gs://{BUCKET}/{PIPELINE}/runs", "parameterValues": VALUES},
    }  # fmt: skip
    release = {"location": "us-central1", "job": job}
    for path, content in {SPEC: spec, f"{PIPELINE}/release/job.json": release}.items():
        (place / "object").write_text(json.dumps(content))
        put = cloud.run("gcloud", "storage", "cp", place / "object", f"gs://{BUCKET}/{path}", f"--project={PROJECT}")
        if put.returncode:
            raise SystemExit(f"{path} could not be put into the bucket:\n{put.stderr[-2000:]}")
    login = Path(cloud.environment(OWNER)["CLOUDSDK_CONFIG"], "application_default_credentials.json")
    shutil.copy(login, place / CREDENTIALS)
    cloud.jobs.close()


def _served(cloud: Cloud, server: Server, number: int, place: Path) -> Served:
    message = server.message(f"{number + 1}")
    asked = {
        "folder": str(server.folder), "command": server.command, "port": server.port, "log": str(place / "log"),
        "ready": (server.ready or message).decode(), "message": message.decode(),
        "again": server.again, "connections": CONNECTIONS,
    }  # fmt: skip
    # Named outright, as a service finds its account's; where gcloud keeps them, Google's client asks gcloud as well.
    credentials = {"GOOGLE_APPLICATION_CREDENTIALS": str(place / CREDENTIALS)}
    plain = {name: "" for name in os.environ if name.startswith("PYTHON")}
    jobs = _jobs(cloud)
    done = cloud.run(sys.executable, HERE / "load.py", json.dumps(asked), env={**plain, **credentials, **CLOUD_RUN})
    if done.returncode:
        raise SystemExit(f"{server.folder}: {done.stderr[-2000:]}\n{(place / 'log').read_text()[-3000:]}")
    return Served(**json.loads(done.stdout), jobs=_jobs(cloud) - jobs)


def _jobs(cloud: Cloud) -> int:
    with cloud.turn:
        return sum("/pipelineJobs/" in name for name in cloud.state.resources)


# ---- What is told


def _figures(turns: Sequence[Turn]) -> str:
    """Medians over the turns."""
    head = (
        "",
        "first 200 s",
        "first run s",
        "MiB",
        "MiB after",
        "requests/s",
        "CPU ms each",
        "refused",
        "runs of one message",
    )
    rows = [head, ("---",) * len(head)]
    for name, of in COLUMNS.items():
        served = [of(turn) for turn in turns]
        rows.append((
            name,
            *(f"{median(getattr(each, field) for each in served):.3f}" for field in ("up", "first")),
            *(f"{median(getattr(each, field) for each in served):.1f}" for field in ("resident", "after")),
            f"{median(each.rate for each in served):.0f}",
            f"{1000 * median(each.processor for each in served):.2f}",
            f"{sum(each.refused for each in served)} of {len(served) * (PEERS_AGAIN if name == 'peer' else AGAIN)}",
            f"{median(each.jobs for each in served):g}",
        ))  # fmt: skip
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


COLUMNS: Mapping[str, Callable[[Turn], Served]] = {
    "ours": lambda turn: turn.ours,
    "bare framework": lambda turn: turn.bare,
    "peer": lambda turn: turn.peer,
}


def _conditions(turns: Sequence[Turn]) -> str:
    return f"{len(turns)} turns, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    sys.exit(main())
