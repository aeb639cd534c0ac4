"""Runs the jobs of Vertex AI: with the code of their images, as their service accounts, as far as these may."""

import json
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tools import CHECKOUT

from AutoMLOps.artifacts import metadata, named, title
from cloud import images
from cloud.refusals import Refusal
from cloud.routes import answer
from cloud.vertex import OVER
from cloud.web import JSON, Request
from cloud.world import World, member, now

STEPS = Path(__file__).resolve().parent / "steps.py"
CODE = "pipelines/component/src"  # where the images that we generate keep their steps
SAID = "executor_output.json"
DENIED, MISSING, UNMET, INTERNAL = 7, 5, 9, 13  # numbers of google.rpc.Code
STATES = {"waiting": "PENDING", "cached": "SKIPPED", "skipped": "NOT_TRIGGERED"}  # where Google's word is another
METADATA = ("metadataStores.get", "contexts.create", "executions.create", "artifacts.create")
OBJECTS = ("storage.objects.get", "storage.objects.create", "storage.objects.list")


class Hindered(Exception):
    """Why a job cannot run, or not go on; `code` is a number of google.rpc.Code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(slots=True, eq=False)
class Jobs:
    """The jobs that run: a thread for each, and a process within the room. What exists is changed in `turn` alone."""

    world: World
    turn: threading.RLock
    start: Callable[..., "subprocess.Popen[str]"]
    scratch: Path
    note: Callable[[str], None]
    threads: dict[str, threading.Thread] = field(default_factory=dict)
    processes: dict[str, "subprocess.Popen[str]"] = field(default_factory=dict)
    closed: bool = False

    def look(self) -> None:
        """Begins the jobs that nobody has begun, and interrupts those that are to be cancelled."""
        with self.turn:
            for name, job in [each for each in self.world.resources.items() if "/pipelineJobs/" in each[0]]:
                if name not in self.threads and not self.closed and job["state"] not in OVER:
                    folder = self.scratch / "jobs" / str(len(self.threads))
                    self.threads[name] = threading.Thread(target=self._run, args=(name, job, folder), daemon=True)
                    self.threads[name].start()
                elif name in self.processes and job["state"].endswith("CANCELLING"):
                    self.processes.pop(name).send_signal(signal.SIGINT)

    def settle(self, timeout: float) -> None:
        """Waits until all have ended."""
        until = time.monotonic() + timeout
        for name, thread in list(self.threads.items()):
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                raise TimeoutError(f"{name} has not ended within {timeout:g} seconds: {self.world.resources[name]}")

    def close(self) -> None:
        """Starts nothing any more."""
        with self.turn:
            self.closed = True

    def _run(self, name: str, job: JSON, folder: Path) -> None:
        try:
            ended, error = self._through(name, job, folder)
            with self.turn:
                if job["state"].endswith("CANCELLING") or ended == "cancelled":
                    _end(job, "CANCELLED", 1, "The PipelineJob was cancelled.")
                elif ended == "succeeded":
                    _end(job, "SUCCEEDED")
                else:
                    _end(job, "FAILED", UNMET, _blame(self.world, job, error))
        except Hindered as why:
            with self.turn:
                _end(job, "FAILED", why.code, str(why))
        except Exception as fault:
            with self.turn:
                self.note(f"{name}, which it stumbled over: {fault!r}")
                _end(job, "FAILED", INTERNAL, repr(fault))

    def _through(self, name: str, job: JSON, folder: Path) -> tuple[str, str]:
        """How it ended, and why it failed."""
        with self.turn:
            _permitted(self.world, name, job)
            _lay_out(self.world, job, folder)
            if self.closed or job["state"].endswith("CANCELLING"):
                return "cancelled", ""
            process = self._process(name, job, folder)
            job.update(state="PIPELINE_STATE_RUNNING", startTime=now(), updateTime=now())
        ended, error, tasks = "failed", "", dict[str, JSON]()
        with process:
            for line in process.stdout or ():
                news = json.loads(line)
                with self.turn:
                    if "task" in news:
                        tasks[news["task"]["path"]] = news["task"]
                        self._show(job, folder, tasks)
                    else:
                        ended, error = news["ended"], news["error"]
        with self.turn:
            self.processes.pop(name, None)
            for file in _produced(folder / "run", tasks):
                self._put(job, file, folder)
        return ended, error or (folder / "said.txt").read_text()[-2000:]

    def _process(self, name: str, job: JSON, folder: Path) -> "subprocess.Popen[str]":
        with (folder / "said.txt").open("w") as said:
            self.processes[name] = self.start(
                sys.executable, STEPS, folder, as_=job["serviceAccount"], cwd=folder, env={"PYTHONPATH": str(CHECKOUT)},
                stdout=subprocess.PIPE, stderr=said, text=True,
            )  # fmt: skip
        return self.processes[name]

    def _show(self, job: JSON, folder: Path, tasks: dict[str, JSON]) -> None:
        within, place = str(folder.resolve() / "run"), _place(job)
        job["jobDetail"] = {"taskDetails": [_detail(task, within, place) for task in tasks.values()]}
        job["updateTime"] = now()

    def _put(self, job: JSON, file: Path, folder: Path) -> None:
        """Into the pipeline's root, as the job's account would."""
        within, content = str(folder.resolve() / "run").encode(), file.read_bytes()
        if file.name == SAID:
            content = content.replace(within, _place(job).encode())
        bucket, _, path = f"{_place(job)}/{file.relative_to(folder / 'run').as_posix()}"[5:].partition("/")
        token = next(token for token, who in self.world.tokens.items() if who == job["serviceAccount"])
        request = Request(
            "POST", "storage.googleapis.com", f"/upload/storage/v1/b/{bucket}/o", {"uploadType": ["media"], "name": [path]},
            {"authorization": f"Bearer {token}", "content-type": "application/octet-stream"}, content,
        )  # fmt: skip
        try:
            answer(self.world, request)
        except Refusal as refusal:
            raise Hindered(DENIED, refusal.message) from None


def _permitted(world: World, name: str, job: JSON) -> None:
    """What a run needs of its account, whatever its steps do: to write down what happens, and its root."""
    account, place = job["serviceAccount"], name.partition("/pipelineJobs/")[0]
    for permission in (f"aiplatform.{each}" for each in METADATA):
        if not world.permits(member(account), permission, place):
            raise Hindered(
                DENIED,
                f"Permission '{permission}' denied on resource '//aiplatform.googleapis.com/{place}/metadataStores/default' "
                f"(or it may not exist). The service account of the PipelineJob is {account}.",
            )
    bucket = _root(job)[5:].partition("/")[0]
    if f"buckets/{bucket}" not in world.resources:
        raise Hindered(MISSING, f"The bucket {bucket} of the pipeline root does not exist.")
    missing = [each for each in OBJECTS if not world.permits(member(account), each, f"buckets/{bucket}")]
    if missing:
        raise Hindered(
            UNMET,
            f"Service account `{account}` does not have `[{', '.join(missing)}]` IAM permission(s) to the bucket `{bucket}`. "
            "Please either copy the files to the Google Cloud Storage bucket owned by your project, or grant the required IAM "
            "permission(s) to the service account.",
        )


def _lay_out(world: World, job: JSON, folder: Path) -> None:
    """The job, and the code of its images, as a codebase has it."""
    for reference in _images(job["pipelineSpec"]):
        source = folder / "components" / reference.partition("@")[0].rpartition("/")[2].partition(":")[0] / "src"
        for path, content in _pulled(world, job["serviceAccount"], reference).items():
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).write_bytes(content)
    folder.mkdir(parents=True, exist_ok=True)
    values = job["runtimeConfig"].get("parameterValues", {})
    (folder / "job.json").write_text(json.dumps({"pipelineSpec": job["pipelineSpec"], "parameterValues": values}))


def _images(spec: JSON) -> list[str]:
    """Those that lie in Artifact Registry; what runs in an image of somebody else's, its spec brings along."""
    executors = spec.get("deploymentSpec", {}).get("executors", {}).values()
    named = (each["container"]["image"] for each in executors if "container" in each)
    return [each for each in dict.fromkeys(named) if images.serves(each.partition("/")[0])]


def _pulled(world: World, account: str, reference: str) -> Any:
    try:
        place, _ = images.find(world, reference)
    except LookupError as missing:
        raise Hindered(MISSING, f"Failed to pull the image: {missing}") from None
    if not world.permits(member(account), images.READ, place.repository):
        raise Hindered(
            DENIED,
            f'Failed to pull the image {reference}: Permission "{images.READ}" denied on resource "{place.repository}" '
            f"(or it may not exist). Grant it to the service account {account}.",
        )
    return images.files(world, reference, CODE)


def _produced(run: Path, tasks: dict[str, JSON]) -> Iterator[Path]:
    """The files of the artifacts that tasks gave, and what kfp's executor said of them."""
    for task in tasks.values():
        uris = [Path(each["uri"]) for _, each in named(task["outputs"])]
        said = run / task["path"] / "outputs" / SAID
        for top in (*uris, said):
            if top.is_relative_to(run.resolve()) or top == said:
                yield from (each for each in (top, *sorted(top.rglob("*"))) if each.is_file())


def _detail(task: JSON, within: str, place: str) -> JSON:
    """A task in Vertex AI's words."""
    path, state = task["path"].partition("/")[2], task["state"]
    given: dict[str, JSON] = {}
    for name, each in named(task["outputs"]):
        shown = {
            "uri": each["uri"].replace(within, place), "displayName": each.get("name", ""), "metadata": metadata(each),
            "schemaTitle": title(each),
        }  # fmt: skip
        given.setdefault(name, {"artifacts": []})["artifacts"].append(shown)
    values = {f"output:{name}": value for name, value in json.loads(task["outputs"]).items() if name not in given}
    asked = dict(named(task["inputs"]))
    values |= {f"input:{name}": value for name, value in json.loads(task["inputs"]).items() if name not in asked}
    return {
        "taskId": str(zlib.crc32(path.encode())), "taskName": path, "state": STATES.get(state, state.upper()),
        "execution": {"displayName": path, "metadata": values}, "outputs": given,
        **{key: _moment(task[field]) for key, field in (("startTime", "started"), ("endTime", "ended")) if task[field]},
        **({"error": {"code": UNMET, "message": task["error"]}} if task["error"] and state == "failed" else {}),
    }  # fmt: skip


def _end(job: JSON, state: str, code: int = 0, message: str = "") -> None:
    job.update(state=f"PIPELINE_STATE_{state}", endTime=now(), updateTime=now())
    if message:
        job["error"] = {"code": code, "message": message}


def _blame(world: World, job: JSON, error: str) -> str:
    _, number, *_, short = job["name"].split("/")
    project = world.canonical(f"projects/{number}").partition("/")[2]
    return (
        f"{error.strip()}; Job (project_id = {project}, job_id = {short}) is failed due to the above error.; "
        f"Failed to handle the job: {{project_number = {number}, job_id = {short}}}"
    )


def _root(job: JSON) -> str:
    found: str = job["runtimeConfig"]["gcsOutputDirectory"]
    return found.rstrip("/")


def _place(job: JSON) -> str:
    """Where in its root a run puts what it produces."""
    _, number, *_, short = job["name"].split("/")
    return f"{_root(job)}/{number}/{short}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
