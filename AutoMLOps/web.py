"""The door to the web: the text of a component.yaml that a notebook loads by its address."""

import re

LARGEST = 4 * 1024 * 1024  # bytes; the components that kfp compiles have some thousands
PATIENCE = 20.0  # seconds for each answer
HERE = r"http://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?/"
BUCKET = "https://storage.googleapis.com/"


class Unreachable(Exception):
    """Why there is no text at an address, as one sentence."""


def text(address: str) -> str:
    """What is at an address, by https; by http on this machine alone. gs:// is what anyone may read of a bucket."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class Followed(HTTPRedirectHandler):
        """Redirects, each to an address that could have been given."""

        def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
            return super().redirect_request(req, fp, code, msg, headers, _checked(newurl))

    wanted, ask = _checked(address), build_opener(Followed).open
    try:
        with ask(Request(wanted), timeout=PATIENCE) as answer:  # noqa: S310 - checked above
            content = answer.read(LARGEST + 1)
    except HTTPError as error:
        raise Unreachable(f"{address} answers {error.code} {error.reason}") from error
    except (HTTPException, OSError, URLError, ValueError) as error:
        raise Unreachable(f"{address} cannot be reached: {getattr(error, 'reason', '') or error}") from error
    if len(content) > LARGEST:
        raise Unreachable(f"{address} holds more than {LARGEST // 1024 // 1024} MiB")
    try:
        return str(content, "utf-8")
    except UnicodeDecodeError as error:
        raise Unreachable(f"{address} holds no text: {error}") from error


def _checked(address: str) -> str:
    if address.startswith("gs://"):
        return BUCKET + address.removeprefix("gs://")
    if address.startswith("https://") or re.match(HERE, address):
        return address
    raise Unreachable(f"{address} is no https:// address")
