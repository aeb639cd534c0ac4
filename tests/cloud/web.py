"""HTTPS over a socket that someone else opened: a Request in, an Answer out."""

import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cloud.authority import Authority

JSON = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """What a client sent. `path` keeps %2F, by which storage tells an object's name from the path around it."""

    method: str
    host: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    content: bytes

    @cached_property
    def body(self) -> JSON:
        """The content as JSON, empty where there is none."""
        return json.loads(self.content) if self.content else {}

    def asks(self, name: str, otherwise: str = "") -> str:
        """One value of the query."""
        return self.query.get(name, [otherwise])[0]

    def wants(self, name: str) -> bool:
        """A flag of the query, which gcloud writes as Python does."""
        return self.asks(name).lower() == "true"

    @property
    def line(self) -> str:
        return f"{self.method} {self.host}{unquote(self.path)}"

    @property
    def rest(self) -> "Request":
        """The same in the words of REST, where it was said otherwise."""
        return self


@dataclass(frozen=True, slots=True)
class Answer:
    status: int = 200
    body: JSON | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


class Dropped(Exception):
    """The connection ends here, without an answer."""


Handle = Callable[[Request], Answer]


class Secured(ssl.SSLSocket):
    """A connection that remembers which host it was meant for."""

    host = ""


Lead = Callable[[Secured], None]


@contextmanager
def serving(listening: socket.socket, authority: Authority, handle: Handle, lead: Lead) -> Iterator[None]:
    """`lead` is given the connections of clients that speak nothing but HTTP/2; who speaks both is answered in HTTP/1.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.certificate, authority.key)
    context.set_alpn_protocols(["http/1.1", "h2"])
    context.sslsocket_class = Secured
    context.sni_callback = lambda connection, name, _: setattr(connection, "host", name or "")
    server = _Server(listening, context, handle, lead)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, listening: socket.socket, context: ssl.SSLContext, handle: Handle, lead: Lead) -> None:
        socketserver.BaseServer.__init__(self, listening.getsockname(), _Connection)
        self.socket, self.context, self.handle, self.lead = listening, context, handle, lead

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed, or that does not trust us, is no news: it says so itself."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def setup(self) -> None:
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self) -> None:
        if self.request.selected_alpn_protocol() == "h2":
            self.server.lead(self.request)
        else:
            super().handle()

    def _answer(self) -> None:
        try:
            answer = self.server.handle(self._request())
        except Dropped:
            self.close_connection = True
            return
        content = answer.content
        self.send_response(answer.status)
        kind = "application/octet-stream" if isinstance(answer.body, bytes) else "application/json; charset=UTF-8"
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def _request(self) -> Request:
        url = urlsplit(self.path)
        return Request(
            method=self.command,
            host=self.headers.get("Host", "").partition(":")[0],
            path=url.path,
            query=parse_qs(url.query, keep_blank_values=True),
            headers={name.lower(): value for name, value in self.headers.items()},
            content=self._content(),
        )

    def _content(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def finish(self) -> None:
        with suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:
        """The log of requests is the stand-in's own."""
