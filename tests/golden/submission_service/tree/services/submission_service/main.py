"""Starts runs of pipelines in Vertex AI: for messages that Pub/Sub pushes, and for who may ask outright.

Who asks names a pipeline, and nothing else that would be run: what runs is the release of that name in the bucket,
which the pipeline's own build puts there. One service serves every pipeline of the project.
"""

import asyncio
import base64
import binascii
import hashlib
import json
import math
import os
import re
import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

PROJECT = "my-project-123"
BUCKET = "my-project-123-bucket"
AUDIENCE = "automlops/my-project-123/run-pipeline"
INVOKER = "run-pipeline-invoker@my-project-123.iam.gserviceaccount.com"
DEAD_LETTERS = "automlops-runs-dead-letters"

AI = "https://{location}-aiplatform.googleapis.com/v1"
CERTIFICATES = "https://www.googleapis.com/oauth2/v1/certs"
PUBSUB = "https://pubsub.googleapis.com/v1"
STORAGE = "https://storage.googleapis.com/storage/v1"
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
ISSUERS = ("accounts.google.com", "https://accounts.google.com")
PATIENCE = (5, 25)  # seconds, to reach Google and to wait for its answer
DEADLINE = 50  # seconds, for all of an answer: Cloud Run and Pub/Sub wait for 60
TRIES = 20  # after which Pub/Sub gives a message up, as provision/ has it
LARGEST = 15 * 1024 * 1024  # bytes: a message of Pub/Sub's largest size, in base64
MOST = 1024 * 1024  # bytes of what asks for a run: more than a step could be given, and what memory has room for

KINDS: dict[str, tuple[type, ...]] = {
    "STRING": (str,),
    "NUMBER_INTEGER": (int,),
    "NUMBER_DOUBLE": (int, float),
    "BOOLEAN": (bool,),
    "LIST": (list,),
    "STRUCT": (dict,),
}


class Never(Exception):
    """What was asked can never succeed."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(plain(why))
        self.status = status


class Later(Exception):
    """What was asked may succeed when it is asked again."""


class Asked(NamedTuple):
    """A run that somebody asks for; `id` is the same however often it is asked. `mark` tells the message that asks."""

    pipeline: str
    parameters: dict[str, Any]
    id: str
    mark: str = ""


class Message(NamedTuple):
    """What Pub/Sub brings: `run` is the id of the run that it asks for, `tries` how often it was brought so far."""

    id: str
    content: bytes
    run: str
    mark: str
    tries: int


def plain(text: str) -> str:
    """Text that any log, header and terminal takes, cut to what an attribute of a message may hold."""
    return text.encode("unicode_escape").decode()[:1000]


# However long Google takes, it holds up only what waits for it; what is cancelled before its turn is never asked.
verifying = ThreadPoolExecutor(4, "verifies tokens")
asking = ThreadPoolExecutor(20, "asks Google")
burying = ThreadPoolExecutor(3, "keeps dead letters")  # each there several times over on its way, and maybe large


async def by(threads: ThreadPoolExecutor, do: Callable[..., Any], *given: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(threads, do, *given)


# ---- Google: nothing of it is loaded before it is needed


@cache
def google() -> Any:
    """The one session with Google, as the account that the service runs as."""
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    return AuthorizedSession(google.auth.default(scopes=SCOPES)[0])


def ask(method: str, url: str, **options: Any) -> Any:
    """Google's answer, unless it is one that may be another next time."""
    from google.auth.exceptions import GoogleAuthError

    host = url.split("/")[2]
    try:
        answer = google().request(method, url, timeout=PATIENCE, **options)
    except (GoogleAuthError, OSError) as error:  # what requests raises is an OSError
        raise Later(f"{host} could not be asked: {type(error).__name__}") from error
    if answer.status_code in (401, 403, 408, 429) or answer.status_code >= 500:
        raise Later(f"{host} answered {answer.status_code}: {plain(answer.text)}")
    return answer


def refusal(answer: Any) -> str:
    """Google's own word for why it refused; the rest of what it says may repeat what it was asked."""
    try:
        return str(answer.json()["error"]["status"])
    except (KeyError, TypeError, ValueError):
        return ""


# ---- Who asks


class Certificates:
    """Google's public keys, asked for again after an hour."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.until = 0.0
        self.turn = threading.Lock()

    def now(self) -> dict[str, str]:
        with self.turn:
            if time.monotonic() >= self.until:
                self.found = self._ask()
                self.until = time.monotonic() + 3600
            return self.found

    def _ask(self) -> dict[str, str]:
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import Request as Transport

        try:
            answer = Transport()(CERTIFICATES, timeout=PATIENCE[1])
            if answer.status != 200:
                raise Later(f"Google's keys could not be asked for: {answer.status}")
            return dict(json.loads(answer.data))
        except (GoogleAuthError, ValueError) as error:
            raise Later(f"Google's keys could not be asked for: {type(error).__name__}") from error


certificates = Certificates()


async def admit(headers: Headers) -> None:
    """Lets through who shows a token of the invoker for this service; Cloud Run asked for the same before."""
    shown = headers.getlist("authorization") or [""]
    if len(shown) > 1 or "x-serverless-authorization" in headers:  # where Cloud Run may have looked at the other one
        raise Never(401, "there is more than one token")
    scheme, _, token = shown[0].partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Never(401, "there is no token")
    said = await claims(token.strip())
    expires, issued = said.get("exp"), said.get("iat")
    if not isinstance(expires, int | float) or not isinstance(issued, int | float):
        raise Never(401, "the token does not say for how long it is")
    if not issued - 60 <= time.time() <= expires + 10:
        raise Never(401, "the token has expired, or is not valid yet")
    if said.get("iss") not in ISSUERS or said.get("aud") != AUDIENCE:
        raise Never(401, "the token is of somebody else than Google, or for something else than this service")
    if said.get("email") != INVOKER or said.get("email_verified") is not True:
        raise Never(403, f"the token is not of {INVOKER}")


async def claims(token: str) -> dict[str, Any]:
    """What a token says that Google signed. Cloud Run, which checks that before it asks, takes the signature away."""
    try:
        if "K_SERVICE" in os.environ and token.endswith(".SIGNATURE_REMOVED_BY_GOOGLE"):
            said = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        else:
            said = await by(verifying, verified, token)
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise Never(401, "the token is not one of Google's, or has expired") from error
    if not isinstance(said, dict):
        raise Never(401, "the token says nothing")
    return said


def verified(token: str) -> Any:
    """What a token says whose signature is there, and is Google's."""
    from google.auth import jwt
    from google.auth.exceptions import GoogleAuthError

    try:
        return jwt.decode(token, certs=certificates.now(), clock_skew_in_seconds=60)
    except GoogleAuthError as error:
        raise ValueError(str(error)) from error


# ---- What is asked


def finite(number: str) -> float:
    """A number that can be sent on: neither NaN nor larger than any number."""
    if not math.isfinite(found := float(number)):
        raise ValueError(f"{number} is no number of JSON")
    return found


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object that says each thing once: of two, somebody else may have read the other."""
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("it says something twice")
    return found


def read(body: bytes, most: int = MOST) -> dict[str, Any]:
    """The JSON object that somebody sent."""
    if len(body) > most:
        raise Never(413, f"this is more than {most} bytes")
    try:
        found = json.loads(body, parse_float=finite, parse_constant=finite, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise Never(400, "this is not JSON") from error
    if not isinstance(found, dict):
        raise Never(400, "this is not a JSON object")
    return found


def pushed(envelope: dict[str, Any]) -> Message:
    """A message as Pub/Sub pushes it; a dead letter that is redriven says which run it asked for."""
    message = envelope.get("message")
    if not isinstance(message, dict):
        raise Never(400, "this is not what Pub/Sub pushes: it has no message")
    found, attributes = message.get("messageId"), message.get("attributes") or {}
    if not isinstance(found, str) or not found or not isinstance(attributes, dict):
        raise Never(400, "this is not what Pub/Sub pushes: its message has no id")
    try:
        content = base64.b64decode(message.get("data") or "", validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise Never(400, "this is not what Pub/Sub pushes: its data is not base64") from error
    again, tries = attributes.get("run"), envelope.get("deliveryAttempt")
    run = fitting(again if isinstance(again, str) and again else found)
    mark = marked(content, message.get("publishTime"))
    return Message(plain(found), content, run, mark, tries if isinstance(tries, int) else 1)


def marked(content: bytes, published: object) -> str:
    """What tells a message from others when Pub/Sub has put it among the dead letters, where it has another id."""
    try:
        moment = datetime.fromisoformat(str(published)).astimezone(UTC)
    except (OverflowError, ValueError):
        return ""
    return hashlib.sha256(moment.isoformat(timespec="milliseconds").encode() + b"\n" + content).hexdigest()[:32]


def fitting(name: str) -> str:
    """The id of a run as it was given, or its hash where Vertex AI would not take it in a name."""
    return name if re.fullmatch("[a-z0-9]([-a-z0-9]{0,46}[a-z0-9])?", name) else digest(name)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def asked(content: dict[str, Any], name: str) -> Asked:
    """The run that is asked for. The name of a pipeline is its folder in the bucket, and never more of a path."""
    if unknown := sorted(content.keys() - {"pipeline", "parameters"}):
        raise Never(400, f"it says {', '.join(unknown)}, which is nothing that a run has: a pipeline, and parameters")
    pipeline, parameters = content.get("pipeline"), content.get("parameters", {})
    if not isinstance(pipeline, str):
        raise Never(400, "the pipeline has no name")
    if not re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", pipeline) or len(pipeline) > 128:
        raise Never(404, f"there is no pipeline {pipeline!r}")
    if not isinstance(parameters, dict):
        raise Never(400, "parameters are a JSON object, by name")
    return Asked(pipeline, parameters, name)


def checked(given: dict[str, Any], declared: dict[str, Any]) -> None:
    """Holds values against the parameters that the pipeline was compiled with."""
    faults = [f"it has no parameter {name}" for name in given if name not in declared]
    for name, parameter in declared.items():
        kind = parameter.get("parameterType", "")
        if name not in given:
            if "defaultValue" not in parameter and not parameter.get("isOptional"):
                faults.append(f"its parameter {name} has no value")
        elif not is_a(given[name], kind):
            faults.append(f"its parameter {name} is a {kind}, and was given a {type(given[name]).__name__}")
    if faults:
        raise Never(422, "; ".join(faults))


def is_a(value: Any, kind: str) -> bool:
    if isinstance(value, bool) and kind != "BOOLEAN":
        return False
    return isinstance(value, KINDS.get(kind, ()))


# ---- Runs


class Started:
    """The runs that were started lately, so that a message that comes again asks Google nothing."""

    def __init__(self, most: int = 2000) -> None:
        self.names: OrderedDict[str, None] = OrderedDict()
        self.most = most
        self.turn = threading.Lock()

    def has(self, name: str) -> bool:
        return name in self.names

    def add(self, name: str) -> None:
        with self.turn:
            self.names[name] = None
            while len(self.names) > self.most:
                self.names.popitem(last=False)


started = Started()


def released(run: Asked) -> tuple[str, dict[str, Any]]:
    """Where the run is to start, and the job: what the pipeline's build released last, with the values asked for."""
    path = quote(f"{run.pipeline}/release/job.json", safe="")
    answer = ask("GET", f"{STORAGE}/b/{BUCKET}/o/{path}", params={"alt": "media"})
    if answer.status_code != 200:
        raise Never(404, f"there is no pipeline {run.pipeline!r}: its build has released none")
    try:
        found = json.loads(answer.content)
        location, job = found["location"], found["job"]
        if not re.fullmatch("[a-z]+-[a-z]+[0-9]+", location):
            raise ValueError("no region of Google's")
        values = {**job["runtimeConfig"]["parameterValues"], **run.parameters}
        checked(values, job["pipelineSpec"]["root"].get("inputDefinitions", {}).get("parameters", {}))
        job["runtimeConfig"]["parameterValues"] = values
        if run.mark:
            job["labels"] = {**job.get("labels", {}), "automlops_message": run.mark}
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise Never(422, f"the release of {run.pipeline} is not one that its build makes") from error
    return location, job


def job_id(run: Asked) -> str:
    """The same for a message however often it comes, and for no two runs: no pipeline has two hyphens in a row."""
    first = run.pipeline
    if not first[0].isalpha() or len(first) > 78:
        first = f"p---{digest(first)}-{first[:41]}"
    return f"{first}{'--' if '-' in run.id else '-'}{run.id}"


async def start(run: Asked) -> dict[str, str]:
    """Starts the run, unless it was started before; only who has to ask Google waits, in a thread."""
    name = job_id(run)
    if started.has(name):
        return {"outcome": "started before", "job": name}
    return await by(asking, submit, run, name)


def submit(run: Asked, name: str) -> dict[str, str]:
    """Has Vertex AI start the run, which takes a name once."""
    location, job = released(run)
    url = f"{AI.format(location=location)}/projects/{PROJECT}/locations/{location}/pipelineJobs"
    answer = ask("POST", url, params={"pipelineJobId": name}, json=job)
    before = answer.status_code == 409
    if before and refusal(answer) != "ALREADY_EXISTS":
        raise Later(f"Vertex AI answered 409: {plain(answer.text)}")
    if refusal(answer) == "FAILED_PRECONDITION":  # in a project that is new to it, its accounts are still being made
        raise Later("Vertex AI is not ready in this project yet")
    if answer.status_code != 200 and not before:
        raise Never(422, f"Vertex AI answered {answer.status_code}: {answer.text}")
    started.add(name)
    return {"outcome": "started before" if before else "started", "job": name}


def bury(content: bytes, run: str, why: str) -> None:
    """Puts a message that can never succeed where somebody finds it, with the reason."""
    message = {
        "data": base64.b64encode(content).decode(),
        "attributes": {"run": run, "why": why or "no reason was given"},
    }
    answer = ask("POST", f"{PUBSUB}/projects/{PROJECT}/topics/{DEAD_LETTERS}:publish", json={"messages": [message]})
    if answer.status_code != 200:
        raise Later(f"the dead letter could not be kept: {answer.status_code}")


# ---- The web


def tell(severity: str, message: str, request: Request, **more: str) -> None:
    """One line of the log, which Cloud Logging shows under the request that it is about."""
    entry = {"severity": severity, "message": message, "path": request.scope["path"], **more}
    traced = request.headers.get("traceparent", "") or request.headers.get("x-cloud-trace-context", "")
    if found := re.match("(?:00-)?([0-9a-f]{32})(?![0-9a-f])", traced):
        entry["logging.googleapis.com/trace"] = f"projects/{PROJECT}/traces/{found[1]}"
    print(json.dumps(entry), flush=True)


def answer(status: int, said: dict[str, Any]) -> Response:
    headers = {"Retry-After": "10"} if status == 503 else {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return Response(json.dumps(said), status_code=status, media_type="application/json", headers=headers)


def answering(handle: Callable[[bytes, Request], Awaitable[dict[str, str]]]) -> Callable[[Request], Any]:
    """The endpoint that has `handle` take what was sent by who may send it, and answers within the deadline."""

    async def endpoint(request: Request) -> Response:
        try:
            async with asyncio.timeout(DEADLINE):
                await admit(request.headers)
                said = await handle(await received(request), request)
        except Never as never:
            tell("WARNING", f"refused: {never}", request)
            return answer(never.status, {"outcome": "refused", "why": str(never)})
        except (Later, TimeoutError) as later:
            why = str(later) or f"this took more than {DEADLINE} seconds"
            tell("ERROR", f"not now: {why}", request)
            return answer(503, {"outcome": "ask again", "why": why})
        except ClientDisconnect:
            return answer(400, {"outcome": "refused", "why": "the request ended early"})
        tell("INFO", said["outcome"], request, **said)
        return answer(200, said)

    return endpoint


async def received(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            raise Never(413, f"this is more than {LARGEST} bytes")
    return bytes(body)


async def push(body: bytes, request: Request) -> dict[str, str]:
    """A message of Pub/Sub. One that can never succeed, or has not in so many tries, is taken, so that it does not come
    again, and kept elsewhere: there it says which run it asked for, which it would not if Pub/Sub gave it up."""
    message = pushed(read(body, LARGEST))
    del body  # which may be large, and is not needed while Google is asked
    try:
        wanted = asked(read(message.content), message.run)
        return {"message_id": message.id, **await start(wanted._replace(mark=message.mark))}
    except Never as never:
        why = str(never)
    except Later as later:
        if message.tries < TRIES:
            raise
        why = f"not in {message.tries} tries: {later}"
    await by(burying, bury, message.content, message.run, plain(why))
    tell("ERROR", f"a dead letter: {why}", request, message_id=message.id)
    return {"message_id": message.id, "outcome": "dead letter", "why": why}


async def runs(body: bytes, request: Request) -> dict[str, str]:
    """A run that is asked for outright; with an `id` of the caller's it is started once, however often it is asked."""
    content = read(body)
    name = content.pop("id", os.urandom(16).hex())
    if not isinstance(name, str) or not name:
        raise Never(400, "the id is text")
    return await start(asked(content, fitting(name)))


async def health(request: Request) -> Response:
    return answer(200, {"outcome": "well"})


async def openapi(request: Request) -> Response:
    return Response(described(), media_type="application/json")


@cache
def described() -> bytes:
    return Path(__file__).with_name("openapi.json").read_bytes()


async def failed(request: Request, error: Exception) -> Response:
    trace = "".join(traceback.format_exception(error))
    tell("CRITICAL", f"a fault of this service: {error}", request, stack_trace=trace)
    return answer(500, {"outcome": "failed"})


app = Starlette(
    routes=[
        Route("/health", health),
        Route("/openapi.json", openapi),
        Route("/push", answering(push), methods=["POST"]),
        Route("/runs", answering(runs), methods=["POST"]),
    ],
    exception_handlers={Exception: failed},
)
