"""The generated script that redrives dead letters, and the verb that runs it: what is published, what goes, what stays."""

import base64
import importlib.util
import json
from collections.abc import Callable
from types import ModuleType
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qs, urlsplit

import golden
import pytest
from submissions import CASE, Google, loaded

TREE = golden.ROOT / CASE / "tree"
SENT = "2026-11-29T14:30:00.120+00:00"
RAIN = {"pipeline": "words", "parameters": {"times": 7}}


def letter(number: str, content: object = RAIN, **attributes: str) -> dict[str, Any]:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return {"messageId": number, "data": base64.b64encode(data).decode(), "attributes": attributes}


def forwarded(number: str, content: object = RAIN, sent: str = SENT, **attributes: str) -> dict[str, Any]:
    source = "CloudPubSubDeadLetterSource"
    said = {f"{source}DeliveryCount": "20", f"{source}TopicPublishTime": sent, **attributes}
    return letter(number, content, **said)


class Box:
    """Pub/Sub and Vertex AI as the script asks them: letters, what holds them, and what was published."""

    def __init__(self, *letters: dict[str, Any]) -> None:
        self.letters = {each["messageId"]: each for each in letters}
        self.held: set[str] = set()
        self.published: list[dict[str, Any]] = []
        self.started: dict[str, str] = {}
        self.heard: list[str] = []
        self.fault: Callable[[str], Exception | None] = lambda what: None
        self.most = 100

    def ask(self, where: str, body: Any = None) -> dict[str, Any]:
        what = urlsplit(where).path.rpartition(":")[2] if body is not None else "runs"
        self.heard.append(what)
        if fault := self.fault(what):
            raise fault
        match what:
            case "pull":
                free = [each for each in self.letters.values() if each["messageId"] not in self.held][: self.most]
                self.held |= {each["messageId"] for each in free}
                return {"receivedMessages": [{"ackId": each["messageId"], "message": each} for each in free]}
            case "modifyAckDeadline":
                if not body["ackDeadlineSeconds"]:
                    self.held -= set(body["ackIds"])
            case "acknowledge":
                for each in body["ackIds"]:
                    self.letters.pop(each, None)
            case "publish":
                self.published += body["messages"]
            case "runs":
                (wanted,) = parse_qs(urlsplit(where).query)["filter"]
                found = self.started.get(wanted.partition('"')[2].rstrip('"'))
                return {"pipelineJobs": [{"name": f"projects/1/locations/l/pipelineJobs/{found}"}]} if found else {}
        return {}


@pytest.fixture
def script(monkeypatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("redrive", TREE / "scripts/redrive.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    monkeypatch.setattr(module, "token", lambda: pytest.fail("Google was asked"))
    return module


@pytest.fixture
def redrive(script, monkeypatch, capsys):
    """redrive(box, *words) is what the script says of that box."""

    def call(box: Box, *words: str) -> list[str]:
        monkeypatch.setattr(script, "ask", box.ask)
        monkeypatch.setattr(script.sys, "argv", ["redrive.py", *words])
        try:
            script.main()
        finally:
            said = capsys.readouterr().out.splitlines()
        return said

    return call


def test_a_letter_is_published_with_its_run_and_only_then_taken(redrive):
    box = Box(letter("1", run="17", why="times is a NUMBER_INTEGER", team="a"))
    assert redrive(box) == ["redriven letter     17 (times is a NUMBER_INTEGER)"]
    assert box.published == [{"data": letter("1")["data"], "attributes": {"run": "17", "team": "a"}}]
    assert box.letters == {} and box.heard.index("publish") < box.heard.index("acknowledge")


def test_an_empty_box_is_nothing_to_do(redrive):
    assert redrive(Box()) == ["nothing to do: there is no dead letter of words"]


def test_letters_of_others_and_of_nobody_stay_and_can_be_pulled_at_once(redrive):
    others = [letter("1", {"pipeline": "rain"}), letter("2", b"\xff"), letter("3", [1]), letter("4", b"[" * 100_000)]
    box = Box(*others, letter("5", run="5"))
    assert redrive(box) == ["redriven letter     5 (it does not say why)", "kept     letter     4 (of other pipelines)"]
    assert list(box.letters) == ["1", "2", "3", "4"] and not box.held & set(box.letters)


def test_a_dry_run_shows_the_letters_and_leaves_them(redrive):
    box = Box(letter("1", run="17", why="no"), forwarded("2"))
    assert [line.split()[0] for line in redrive(box, "--dry-run")] == ["redrive", "redrive"]
    assert not box.published and not box.held and len(box.letters) == 2 and "acknowledge" not in box.heard


def test_so_many_as_are_asked_for_are_redriven(redrive):
    box = Box(*(letter(str(number), run=str(number)) for number in range(5)))
    box.most = 2
    assert len(redrive(box, "--limit", "3")) == 3
    assert len(box.published) == 3 and list(box.letters) == ["3", "4"] and not box.held & set(box.letters)


@pytest.mark.parametrize("limit", ["0", "-1", "all"])
def test_a_limit_is_a_number_of_letters(redrive, limit):
    with pytest.raises(SystemExit):
        redrive(Box(), f"--limit={limit}")


def test_more_letters_than_one_pull_gives_all_go(redrive):
    box = Box(*(letter(str(number), run=str(number)) for number in range(9)), letter("x", {"pipeline": "rain"}))
    box.most = 2
    redrive(box)
    assert len(box.published) == 9 and list(box.letters) == ["x"]


@pytest.mark.parametrize("what", ["publish", "acknowledge"])
def test_what_stops_it_loses_no_letter_and_what_was_begun_asks_for_the_same_run_again(redrive, what):
    box = Box(letter("1", run="17"), forwarded("2"))
    box.fault = lambda asked: URLError("gone") if asked == what else None
    with pytest.raises(SystemExit, match="gone"):
        redrive(box)
    assert list(box.letters) == ["1", "2"] and not box.held
    box.fault = lambda asked: None
    redrive(box)
    runs = [each["attributes"]["run"] for each in box.published]
    assert box.letters == {} and len(set(runs)) == 2 and runs[-2:] == [runs[0], runs[-1]]


def test_what_google_refuses_is_told_with_what_gives_the_role(redrive):
    box = Box(letter("1", run="17"))
    address = "https://pubsub.googleapis.com/v1/projects/p/topics/t:publish"
    box.fault = lambda asked: HTTPError(address, 403, "no", {}, None) if asked == "publish" else None
    with pytest.raises(SystemExit, match="(?s)answered 403: no.*topics add-iam-policy-binding.*pubsub.publisher"):
        redrive(box)


def test_a_letter_that_pubsub_gave_up_asks_for_one_run_however_often_it_is_a_letter(redrive, script):
    box = Box(forwarded("1"), forwarded("2"), forwarded("3", sent="2026-11-29T14:30:00.121+00:00"))
    redrive(box)
    first, second, third = (each["attributes"]["run"] for each in box.published)
    assert first == second != third
    assert all(list(each["attributes"]) == ["run"] for each in box.published)


def test_a_letter_whose_run_was_started_after_all_is_taken_and_not_published(redrive, script):
    box = Box(forwarded("1"))
    box.started = {script.mark(forwarded("1")): "words-17"}
    assert redrive(box) == [f"gone     letter     {script.mark(forwarded('1'))} (its run was started: words-17)"]
    assert not box.published and not box.letters


@pytest.mark.parametrize(
    "moment", ["2026-11-29T14:30:00.12Z", "2026-11-29T14:30:00.120Z", "2026-11-29T15:30:00.120+01:00"]
)
def test_the_service_puts_on_a_run_what_the_script_looks_for(script, moment):
    service = loaded(TREE / "services/submission_service", Google())
    content = base64.b64decode(letter("1")["data"])
    assert script.mark(forwarded("9")) == service.marked(content, moment)
    assert service.marked(content, "no moment") == service.marked(content, None) == ""


def test_lines_of_a_letter_stay_one_line(redrive):
    box = Box(letter("1", run="a\nredriven letter b (c)", why="two\nlines"))
    assert redrive(box) == ["redriven letter     a redriven letter b (c) (two lines)"]


def test_a_letter_commands_no_terminal(redrive):
    box = Box(letter("1", run="17", why="no\x1b[2J\x9b31m\x07\u202e"))
    assert redrive(box) == ["redriven letter     17 (no [2J 31m)"]


def test_nobody_but_who_is_logged_in_can(script, monkeypatch, capsys):
    def nobody() -> str:
        raise script.subprocess.CalledProcessError(1, "gcloud")

    monkeypatch.setattr(script, "token", nobody)
    monkeypatch.setattr(script.sys, "argv", ["redrive.py"])
    with pytest.raises(SystemExit, match="gcloud auth login"):
        script.main()
