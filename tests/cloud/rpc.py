"""gRPC beside REST on the same port: each call is put in the words of REST, and answered as that request is."""

import json
import re
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cloud.web import JSON, Answer, Dropped, Handle, Request, Secured

WORKERS = 16  # calls at a time, for each host
VERTEX, PROJECTS = "google.cloud.aiplatform.v1.PipelineService", "google.cloud.resourcemanager.v3.Projects"
STREAMED = 65536


@dataclass(frozen=True, slots=True)
class Method:
    """A method of gRPC: the request of REST that it is, the field that is its body, and the module of its messages."""

    line: str
    body: str
    messages: str
    gives: str

    def plain(self, request: Request, said: JSON) -> Request:
        """That request; what is neither in the path nor the body goes into the query."""
        said = dict(said)
        verb, _, path = self.line.partition(" ")
        path = re.sub(r"{(\w+)}", lambda name: quote(said.pop(name[1], ""), safe="/"), path)
        body = said if self.body == "*" else said.pop(self.body, None)
        query = {} if self.body == "*" else {key: [_text(value)] for key, value in said.items()}
        content = b"" if body is None else json.dumps(body).encode()
        return Request(verb, request.host, path, query, request.headers, content)


def _vertex(line: str, body: str = "", gives: str = "PipelineJob") -> Method:
    return Method(line, body, "google.cloud.aiplatform_v1", gives)


METHODS = {
    f"{VERTEX}/CreatePipelineJob": _vertex("POST /v1/{parent}/pipelineJobs", "pipelineJob"),
    f"{VERTEX}/GetPipelineJob": _vertex("GET /v1/{name}"),
    f"{VERTEX}/ListPipelineJobs": _vertex("GET /v1/{parent}/pipelineJobs", gives="ListPipelineJobsResponse"),
    f"{VERTEX}/CancelPipelineJob": _vertex("POST /v1/{name}:cancel", "*", ""),
    f"{PROJECTS}/GetProject": Method("GET /v3/{name}", "", "google.cloud.resourcemanager_v3", "Project"),
}


@dataclass(frozen=True)
class Call(Request):
    """A call as it is logged, and as faults meet it: `POST host/service/method`."""

    plain: Request | None = None

    @property
    def rest(self) -> Request:
        return self.plain or self


@contextmanager
def speaking(scratch: Path, handle: Handle) -> Iterator[Callable[[Secured], None]]:
    """What a connection that asks for HTTP/2 is handed to; gRPC itself is loaded when the first one comes."""
    hosts = Hosts(scratch, handle)
    try:
        yield hosts.lead
    finally:
        hosts.end()


class Hosts:
    """A server of grpcio for each host that is called: a server does not tell which host a call was for."""

    def __init__(self, scratch: Path, handle: Handle) -> None:
        self.scratch, self.handle = scratch, handle
        self.turn = threading.Lock()
        self.servers: dict[str, tuple[str, Any, Executor]] = {}

    def lead(self, connection: Secured) -> None:
        """Carries one connection to the server of its host, to its end."""
        with connection, socket.socket(socket.AF_UNIX) as inner, suppress(OSError):
            inner.connect(self._door(connection.host))
            _carry(connection, inner)

    def end(self) -> None:
        with self.turn:
            for _, server, workers in self.servers.values():
                server.stop(None).wait()
                workers.shutdown()

    def _door(self, host: str) -> str:
        with self.turn:
            if host not in self.servers:
                door = str(self.scratch / f"rpc-{len(self.servers)}")
                self.servers[host] = door, *_server(host, door, self.handle)
            return self.servers[host][0]


def _carry(outer: ssl.SSLSocket, inner: socket.socket) -> None:
    """By one thread: a connection of OpenSSL's is not to be read and written at once."""
    while True:
        ready = [outer] if outer.pending() else select.select([outer, inner], [], [])[0]
        if outer in ready:
            said = _said(outer)
            if said == b"":
                return
            inner.sendall(said or b"")
        if inner in ready:
            given = inner.recv(STREAMED)
            if not given:
                return
            outer.sendall(given)


def _said(outer: ssl.SSLSocket) -> bytes | None:
    """What has come; None where it was no whole record, or none of the client's own."""
    outer.settimeout(0)
    try:
        return outer.recv(STREAMED)
    except ssl.SSLWantReadError:
        return None
    finally:
        outer.settimeout(None)


def _server(host: str, door: str, handle: Handle) -> tuple[Any, Executor]:
    import grpc

    class Every(grpc.GenericRpcHandler):  # type: ignore[misc]
        """Takes every method, so that one nobody knows is asked, logged and refused as every request is."""

        def service(self, call: Any) -> Any:
            name = call.method.removeprefix("/")
            return grpc.unary_unary_rpc_method_handler(lambda sent, context: _call(host, name, sent, context, handle))

    workers = ThreadPoolExecutor(WORKERS)
    server = grpc.server(workers, handlers=(Every(),))
    server.add_insecure_port(f"unix:{door}")
    server.start()
    return server, workers


def _call(host: str, name: str, sent: bytes, context: Any, handle: Handle) -> bytes:
    import grpc

    method = METHODS.get(name)
    headers = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
    request = Call("POST", host, f"/{name}", {}, headers, b"")
    if method:
        said = _read(method, f"{name.rpartition('/')[2]}Request", sent)
        request = Call("POST", host, f"/{name}", {}, headers, json.dumps(said).encode(), method.plain(request, said))
    try:
        answer = handle(request)
    except Dropped:
        context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
    if answer.status >= 400:
        _refuse(answer, context)
    return _written(method, answer) if method else b""


def _read(method: Method, kind: str, sent: bytes) -> JSON:
    from google.protobuf import json_format

    said: JSON = json_format.MessageToDict(_message(method, kind).FromString(sent))
    return said


def _written(method: Method, answer: Answer) -> bytes:
    from google.protobuf import json_format

    if not method.gives:
        return b""
    body = json.loads(answer.content)
    given: bytes = json_format.ParseDict(
        body, _message(method, method.gives)(), ignore_unknown_fields=True
    ).SerializeToString()
    return given


def _message(method: Method, kind: str) -> Any:
    return getattr(import_module(method.messages), kind).pb()


def _refuse(answer: Answer, context: Any) -> None:
    import grpc
    from google.protobuf import json_format
    from google.rpc import status_pb2

    import_module("google.rpc.error_details_pb2")  # so that the kinds of details are known
    error = json.loads(answer.content)["error"]
    code = grpc.StatusCode[error["status"]]
    said = {"code": code.value[0], "message": error["message"], "details": error.get("details", [])}
    status = json_format.ParseDict(said, status_pb2.Status())
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, error["message"])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
