"""The door to the web: https, or this machine; a bound on size; what went wrong as one sentence."""

import pytest

from AutoMLOps import web


def test_a_text_is_fetched(served):
    address, asked = served({"/a.yaml": (200, "name: é\n")})
    assert web.text(f"{address}/a.yaml") == "name: é\n"
    assert asked == ["/a.yaml"]


@pytest.mark.parametrize(
    "address", ["http://example.org/a", "file:///etc/hostname", "ftp://a/b", "a.yaml", "http://localhost.example.org/"]
)
def test_only_https_is_asked(address):
    with pytest.raises(web.Unreachable, match="is no https:// address"):
        web.text(address)


def test_a_redirect_leads_to_no_other_kind_of_address(served):
    address, _ = served({"/a": (302, "http://example.org/b"), "/b": (302, "/c"), "/c": (200, "x")})
    assert web.text(f"{address}/b") == "x"
    with pytest.raises(web.Unreachable, match="http://example.org/b is no https:// address"):
        web.text(f"{address}/a")


def test_what_is_not_there_is_said(served):
    address, _ = served({})
    with pytest.raises(web.Unreachable, match="answers 404"):
        web.text(f"{address}/a")


def test_nobody_there_is_said():
    with pytest.raises(web.Unreachable, match="cannot be reached"):
        web.text("http://127.0.0.1:1/a")


def test_what_is_too_large_is_not_taken(served, monkeypatch):
    monkeypatch.setattr(web, "LARGEST", 3)
    address, _ = served({"/a": (200, "four")})
    with pytest.raises(web.Unreachable, match="holds more than"):
        web.text(f"{address}/a")


def test_what_is_no_text_is_said(served):
    address, _ = served({"/a": (200, b"\xff\xfe")})
    with pytest.raises(web.Unreachable, match="holds no text"):
        web.text(f"{address}/a")


def test_a_public_bucket_is_read_by_its_address(monkeypatch):
    assert web._checked("gs://b/a.yaml") == "https://storage.googleapis.com/b/a.yaml"
