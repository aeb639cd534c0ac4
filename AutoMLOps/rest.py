"""The door to Google's APIs: asks in REST, with gcloud's login, what no command of gcloud asks."""

import json
import re
from collections.abc import Mapping
from typing import Any

from . import shell
from .nouns import replace
from .shell import Asked

QUIET = {
    "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
    "CLOUDSDK_CORE_DISABLE_FILE_LOGGING": "1",  # what it prints here may be a token
    "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
}
PATIENCE = 20.0  # seconds for one answer of Google's
Answer = tuple[int, dict[str, Any]]


class Google:
    """Google, asked as who gcloud is logged in as. The token is known in here alone.

    An answer is a status and the object that came with it: 0 and a reason, where there was none.
    """

    def __init__(self, token: str, project: str = "") -> None:
        self._token, self._project = token, project

    def __call__(self, where: str, body: object = None, method: str | None = None) -> Answer:
        """A GET, or a POST of a body, unless a method is named. The requests count as those of the project, if any."""
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import Request, urlopen

        content = None if body is None else json.dumps(body).encode()
        request = Request(where, content, {"Content-Type": "application/json"}, method=method)
        request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        if self._project:
            request.add_unredirected_header("X-Goog-User-Project", self._project)
        try:
            with urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, read(answer.read())
        except HTTPError as error:
            with error:
                return error.code, read(error.read())
        except (OSError, HTTPException) as error:
            return 0, {"reason": str(getattr(error, "reason", "") or error) or type(error).__name__}


def login(project: str = "") -> tuple[Asked, Google | None]:
    """Whether gcloud has a login that holds, without what it printed; and Google, as who that is."""
    asked = shell.ask(("gcloud", "auth", "print-access-token"), environment=QUIET)
    token = asked.said.strip()
    holds = not asked.code and re.fullmatch(r"[!-~]+", token)
    return replace(asked, said=""), Google(token, project) if holds else None


def address(where: str, **query: object) -> str:
    """An address with what is asked there; a list is said item by item."""
    from urllib.parse import urlencode

    return f"{where}?{urlencode(query, doseq=True)}"


def fault(answer: tuple[int, Mapping[str, Any]]) -> str:
    """What is wrong, of an answer that is none of those hoped for: "403 no"."""
    status, said = answer
    error = said.get("error")
    message = str(error.get("message", "")) if isinstance(error, dict) else str(said.get("reason", ""))
    return f"{status} {message}".strip() if status else message


def read(text: str | bytes) -> dict[str, Any]:
    """The object that a text of JSON is; an empty one for any other text."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
