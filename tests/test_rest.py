"""The door to Google's APIs: what it sends, what it makes of answers, and where the token goes."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from AutoMLOps import rest

TOKEN = "ya29.not-to-be-seen"


@pytest.fixture
def web():
    """A server that answers what `.answers` says for a path; and what it heard."""
    heard, charged = [], []

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            heard.append((self.command, self.path, self.headers["Authorization"], body))
            charged.append(self.headers["X-Goog-User-Project"])
            status, headers, content = server.answers[self.path]
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = answer

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.heard, server.charged, server.answers = heard, charged, {}
    server.at = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_token_goes_where_it_is_meant_to_and_stays_behind_when_that_leads_elsewhere(web):
    web.answers = {
        "/a": (200, {}, b'{"permissions": ["x"]}'),
        "/b": (302, {"Location": f"{web.at}/a"}, b""),
        "/c": (403, {}, b'{"error": {"message": "no"}}'),
        "/d": (200, {}, b"<html>"),
    }
    google = rest.Google(TOKEN)
    assert TOKEN not in repr(google)
    assert google(f"{web.at}/a", {"permissions": ["x"]}) == (200, {"permissions": ["x"]})
    assert google(f"{web.at}/b") == (200, {"permissions": ["x"]})
    assert google(f"{web.at}/c") == (403, {"error": {"message": "no"}})
    assert google(f"{web.at}/d") == (200, {})
    assert web.heard[0] == ("POST", "/a", f"Bearer {TOKEN}", '{"permissions": ["x"]}')
    known = f"Bearer {TOKEN}"
    heard = [(path, authorization) for _, path, authorization, _ in web.heard]
    assert heard == [("/a", known), ("/b", known), ("/a", None), ("/c", known), ("/d", known)]


def test_a_server_that_is_not_there_is_a_reason(web):
    status, said = rest.Google(TOKEN)("http://127.0.0.1:1/")
    assert status == 0 and "refused" in said["reason"] and TOKEN not in str(said)


def test_requests_count_as_those_of_a_project_where_one_is_named_and_may_be_of_any_method(web):
    web.answers = {"/a": (200, {}, b"{}")}
    rest.Google(TOKEN)(f"{web.at}/a")
    rest.Google(TOKEN, "demo-project")(f"{web.at}/a", {"paused": True}, "PATCH")
    assert [(method, body) for method, _, _, body in web.heard] == [("GET", ""), ("PATCH", '{"paused": true}')]
    assert web.charged == [None, "demo-project"]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [((0, {"reason": "timed out"}), "timed out"), ((403, {"error": {"message": "no"}}), "403 no"), ((500, {}), "500")],
)
def test_what_is_wrong_is_told_with_its_status(answer, fault):
    assert rest.fault(answer) == fault
