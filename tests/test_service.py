"""The generated service that starts runs: what it starts, what it refuses, and whom."""

import base64
import hmac
import json
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from submissions import PIPELINE, RELEASE, Google, generated, keys, listening, loaded, push, running, token, until


class Asking(NamedTuple):
    """The service in this process, its Google, and one who may ask."""

    service: ModuleType
    google: Google
    client: TestClient

    def post(self, path: str, body: Any, **headers: str) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {right(self.service)}", "Content-Type": "application/json", **headers}
        return self.client.post(path, content=content, headers=headers)


@cache
def right(service: ModuleType) -> str:
    """A token that is let in, signed once."""
    return token(service)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generated(tmp_path_factory.mktemp("service"))


@pytest.fixture
def asking(folder: Path) -> Iterator[Asking]:
    google = Google()
    service = loaded(folder, google)
    with TestClient(service.app, raise_server_exceptions=False) as client:
        yield Asking(service, google, client)


RUN = {"pipeline": PIPELINE, "parameters": {"word": "better"}}


def test_a_message_starts_one_run_with_what_was_released_and_what_it_says(asking: Asking) -> None:
    found = asking.post("/push", push(RUN, "77"))
    assert (found.status_code, found.json()) == (200, {"outcome": "started", "job": "words-77", "message_id": "77"})
    (job,) = asking.google.jobs.values()
    assert job["runtimeConfig"]["parameterValues"] == {"word": "better", "times": 3}
    assert job["serviceAccount"] == RELEASE["job"]["serviceAccount"]


def test_a_message_that_comes_again_starts_nothing_also_after_the_service_forgot_it(asking: Asking) -> None:
    first = asking.post("/push", push(RUN, "77"))
    again = asking.post("/push", push(RUN, "77"))
    asking.service.started.names.clear()
    forgotten = asking.post("/push", push(RUN, "77"))
    assert [found.status_code for found in (first, again, forgotten)] == [200, 200, 200]
    assert again.json()["outcome"] == forgotten.json()["outcome"] == "started before"
    assert list(asking.google.jobs) == ["words-77"]


def test_messages_of_one_text_are_runs_of_their_own(asking: Asking) -> None:
    for number in ("1", "2"):
        asking.post("/push", push(RUN, number))
    assert list(asking.google.jobs) == ["words-1", "words-2"]


def test_the_parameters_are_those_of_the_release_at_that_moment(asking: Asking) -> None:
    newer = json.loads(json.dumps(RELEASE))
    newer["job"]["runtimeConfig"]["parameterValues"]["times"] = 9
    asking.google.objects[f"{PIPELINE}/release/job.json"] = json.dumps(newer).encode()
    asking.post("/push", push({"pipeline": PIPELINE}, "1"))
    assert asking.google.jobs["words-1"]["runtimeConfig"]["parameterValues"]["times"] == 9


def test_who_asks_outright_twice_with_one_id_starts_one_run(asking: Asking) -> None:
    said = [asking.post("/runs", {**RUN, "id": "monday"}).json()["outcome"] for _ in range(2)]
    assert said == ["started", "started before"] and list(asking.google.jobs) == ["words-monday"]
    asking.post("/runs", RUN)
    asking.post("/runs", RUN)
    assert len(asking.google.jobs) == 3


NEAR = st.lists(st.sampled_from(["a", "b", "1", "p", "-", "--"]), min_size=1, max_size=6).map("".join)
IDS = NEAR | st.text(min_size=1, max_size=20) | st.integers(0, 10**20).map(str)


def name_of(service: ModuleType, pipeline: str, message: str) -> str:
    return str(service.job_id(service.Asked(pipeline, {}, service.fitting(message))))


@given(one=st.tuples(NEAR, IDS), other=st.tuples(NEAR, IDS))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_id_of_a_message_vertex_takes_the_name_of_its_run_and_no_other_has_it(
    asking: Asking, one: tuple[str, str], other: tuple[str, str]
) -> None:
    pairs = [each for each in (one, other) if re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", each[0])]
    names = [name_of(asking.service, *each) for each in pairs]
    assert all(re.fullmatch("[a-z][-a-z0-9]{0,127}", name) for name in names)
    assert len(set(names)) == len(set(pairs))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a-b", "c"), ("a", "b-c")),
        (("1x", "5"), ("p-1x", "5")),
        (("p---1x", "5"), ("1x", "5")),
        (("a" * 100, "5"), ("a" * 101, "5")),
        (("a" * 78, "5"), ("a" * 79, "5")),
        (("words", "A"), ("words", "a")),
        (("words", "7\n"), ("words", "7")),
        (("words", "\ud800"), ("words", "\udfff")),
        (("words", "9" * 1_000_000), ("words", "9" * 1_000_001)),
    ],
)
def test_names_of_runs_that_could_be_taken_for_each_other_differ(
    asking: Asking, one: tuple[str, str], other: tuple[str, str]
) -> None:
    names = name_of(asking.service, *one), name_of(asking.service, *other)
    assert names[0] != names[1] and all(re.fullmatch("[a-z][-a-z0-9]{0,127}", name) for name in names)


@pytest.mark.parametrize("number", ["9" * 3_000_000, "7\n", "Ü" * 200, "../7", "\ud800", "7", "-", " "])
def test_a_message_with_an_odd_id_is_one_run_and_one_line_of_the_log(
    asking: Asking, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [asking.post("/push", push(RUN, number)).json() for _ in range(2)]
    assert [each["outcome"] for each in said] == ["started", "started before"]
    assert list(asking.google.jobs) == [said[0]["job"]]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and all(len(line) < 2000 and json.loads(line) for line in lines)


def test_the_dead_letter_of_a_message_with_an_odd_id_starts_that_run(asking: Asking) -> None:
    asking.post("/push", push(RUN, "Ü" * 200))
    asking.google.objects, kept = {}, asking.google.objects
    asking.service.started.names.clear()
    asking.post("/push", push(RUN, "Ü" * 200))
    (dead,) = asking.google.dead
    asking.google.objects = kept
    again = asking.post("/push", push(base64.b64decode(dead["data"]), "78", run=dead["attributes"]["run"]))
    assert again.json()["outcome"] == "started before" and len(asking.google.jobs) == 1


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"words": "x"}, "it has no parameter words"),
        ({"times": "3"}, "its parameter times is a NUMBER_INTEGER, and was given a str"),
        ({"times": True}, "its parameter times is a NUMBER_INTEGER, and was given a bool"),
        ({"times": 1.5}, "its parameter times is a NUMBER_INTEGER, and was given a float"),
        ({"word": None}, "its parameter word is a STRING, and was given a NoneType"),
        ({"loud": 1}, "its parameter loud is a BOOLEAN, and was given a int"),
        (
            {"list": {}, "more": []},
            "its parameter list is a LIST, and was given a dict; its parameter more is a STRUCT",
        ),
    ],
)
def test_parameters_are_held_against_the_signature(asking: Asking, parameters: Any, why: str) -> None:
    found = asking.post("/runs", {"pipeline": PIPELINE, "parameters": parameters})
    assert found.status_code == 422 and why in found.json()["why"]
    assert asking.google.jobs == {}


def test_a_parameter_without_a_value_anywhere_is_missed(asking: Asking) -> None:
    bare = json.loads(json.dumps(RELEASE))
    bare["job"]["runtimeConfig"]["parameterValues"] = {"times": 1}
    asking.google.objects[f"{PIPELINE}/release/job.json"] = json.dumps(bare).encode()
    found = asking.post("/runs", {"pipeline": PIPELINE})
    assert found.status_code == 422 and found.json()["why"] == "its parameter word has no value"


TRICKS = (
    "../other", "words/../secret", "words/", "/words", "words%2f..", "words\n", "words\x00", ".", "..", "", "WORDS", "wörds",
    "gs://bucket/spec", "words/release/job.json", "words?alt=json", "words#", "words\\..", "-words", "words--x" * 40,
)  # fmt: skip


@pytest.mark.parametrize("name", TRICKS)
def test_a_name_that_is_a_path_is_no_pipeline_and_nothing_is_read(asking: Asking, name: str) -> None:
    assert asking.post("/runs", {"pipeline": name}).status_code == 404
    assert (asking.google.read, asking.google.jobs) == (set(), {})


def test_a_spec_cannot_be_named(asking: Asking) -> None:
    """A message names a pipeline; what is run is never in it."""
    for more in ("spec", "gcs_spec_path", "serviceAccount", "location"):
        assert asking.post("/runs", {**RUN, more: "gs://theirs/spec.json"}).status_code == 400
    assert asking.google.jobs == {}


def test_what_can_never_succeed_is_taken_and_kept_among_the_dead_letters_with_the_reason(asking: Asking) -> None:
    wrong = (
        b"hello",
        b"[]",
        {"pipeline": "none"},
        {"pipeline": PIPELINE, "parameters": {"word": 1}},
        {"pipeline": ".."},
    )
    for number, content in enumerate(wrong):
        found = asking.post("/push", push(content, str(number)))
        assert (found.status_code, found.json()["outcome"]) == (200, "dead letter")
    assert asking.google.jobs == {}
    assert [letter["attributes"]["run"] for letter in asking.google.dead] == ["0", "1", "2", "3", "4"]
    assert base64.b64decode(asking.google.dead[0]["data"]) == b"hello"
    assert asking.google.dead[2]["attributes"]["why"] == "there is no pipeline 'none': its build has released none"


def test_a_dead_letter_that_is_published_again_starts_the_run_it_was_to_start(asking: Asking) -> None:
    asking.post("/push", push(RUN, "77"))
    again = asking.post("/push", push(RUN, "78", run="77"))
    assert again.json()["outcome"] == "started before" and list(asking.google.jobs) == ["words-77"]


def test_the_last_try_in_vain_is_a_dead_letter_that_says_which_run_it_asked_for(asking: Asking) -> None:
    asking.google.faults = {"pipelineJobs": [503] * 4}
    tries = [asking.post("/push", {**push(RUN, "5"), "deliveryAttempt": number}) for number in (1, 19, 20)]
    assert [found.status_code for found in tries] == [503, 503, 200]
    (dead,) = asking.google.dead
    assert dead["attributes"]["run"] == "5" and "not in 20 tries" in dead["attributes"]["why"]
    assert "answered 503" in dead["attributes"]["why"] and base64.b64decode(dead["data"]) == json.dumps(RUN).encode()
    asking.google.faults = {"pipelineJobs": [503], ":publish": [503]}
    kept = asking.post("/push", {**push(RUN, "6"), "deliveryAttempt": 20})
    assert kept.status_code == 503, "Pub/Sub gives it up itself"


def test_a_run_says_of_which_message_it_came_and_keeps_its_labels(asking: Asking) -> None:
    envelope = push(RUN, "5")
    envelope["message"]["publishTime"] = "2026-11-29T14:30:00.120Z"
    asking.post("/push", envelope)
    asking.post("/runs", {**RUN, "id": "6"})
    first, second = asking.google.jobs["words-5"]["labels"], asking.google.jobs["words-6"].get("labels", {})
    content = json.dumps(RUN).encode()
    assert first["automlops_message"] == asking.service.marked(content, "2026-11-29T14:30:00.12Z")
    assert "automlops_message" not in second


def test_it_gives_up_when_pubsub_does(asking: Asking, folder: Path) -> None:
    script = "".join(path.read_text() for path in (folder.parents[1] / "provision").glob("*.sh"))
    assert f"--max-delivery-attempts={asking.service.TRIES} " in script


def test_where_the_dead_letter_cannot_be_kept_the_message_comes_again(asking: Asking) -> None:
    asking.google.faults[":publish"] = [403]
    assert asking.post("/push", push(b"hello", "1")).status_code == 503
    assert asking.post("/push", push(b"hello", "1")).status_code == 200
    assert len(asking.google.dead) == 1


@pytest.mark.parametrize("kind", ["/o/", "pipelineJobs"])
@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_what_may_succeed_later_is_answered_so_that_it_comes_again(asking: Asking, kind: str, status: int) -> None:
    asking.google.faults[kind] = [status]
    found = asking.post("/push", push(RUN, "1"))
    assert found.status_code == 503 and "Retry-After" in found.headers
    assert asking.post("/push", push(RUN, "1")).status_code == 200
    assert list(asking.google.jobs) == ["words-1"] and asking.google.dead == []


def test_a_conflict_that_is_not_about_the_name_is_no_run(asking: Asking) -> None:
    """Google says 409 of what it broke off, too."""
    asking.google.faults["pipelineJobs"] = [409]
    assert asking.post("/push", push(RUN, "1")).status_code == 503
    assert asking.post("/push", push(RUN, "1")).json()["outcome"] == "started"


def test_a_release_that_no_build_made_starts_nothing(asking: Asking) -> None:
    for content in (b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"job": {"pipelineSpec": []}}'):
        asking.google.objects[f"{PIPELINE}/release/job.json"] = content
        assert asking.post("/runs", RUN).status_code == 422
    assert asking.google.jobs == {}


PARTS = (("location",), ("job",), ("job", "labels"), ("job", "pipelineSpec"), ("job", "pipelineSpec", "root"),
         ("job", "runtimeConfig"), ("job", "runtimeConfig", "parameterValues"),
         *(("job", "pipelineSpec", "root", "inputDefinitions", *more) for more in
           ((), ("parameters",), ("parameters", "word"), ("parameters", "word", "parameterType"))))  # fmt: skip


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part[-1])
@pytest.mark.parametrize("value", [None, [], "x", 1, [[]], "evil.example/"])
def test_a_release_that_was_tampered_with_is_no_fault_of_the_service(
    asking: Asking, part: tuple[str, ...], value: object
) -> None:
    """What its steps may write into the bucket as well."""
    harmed = json.loads(json.dumps({**RELEASE, "job": {**RELEASE["job"], "labels": {}}}))
    within = harmed
    for name in part[:-1]:
        within = within[name]
    within[part[-1]] = value
    asking.google.objects[f"{PIPELINE}/release/job.json"] = json.dumps(harmed).encode()
    message = push({"pipeline": PIPELINE})
    message["message"]["publishTime"] = "2026-11-29T15:00:00Z"
    assert asking.post("/push", message).json()["outcome"] == "dead letter"
    assert asking.google.jobs == {}


def test_words_of_google_in_a_value_are_no_answer_of_google(asking: Asking) -> None:
    """It repeats what it was asked."""
    said = {"pipeline": PIPELINE, "parameters": {"word": "FAILED_PRECONDITION ALREADY_EXISTS"}}
    assert asking.post("/push", push(said)).json()["outcome"] == "started"


# ---- Who may ask


def test_without_a_token_of_the_invoker_for_this_service_nobody_is_let_in(asking: Asking) -> None:
    service, hour = asking.service, 3600
    now = int(time.time())
    tokens = {
        token(service, forged=True): 401,
        token(service, aud="https://other.example"): 401,
        token(service, iss="https://evil.example"): 401,
        token(service, iat=now - 2 * hour, exp=now - hour): 401,
        token(service, iat=now + hour, exp=now + 2 * hour): 401,
        token(service, email="other@example.test"): 403,
        token(service, email_verified=False): 403,
        "a.b.c": 401,
        "": 401,
        unsigned(token(service)): 401,
        headed(token(service), {"alg": "none"}, b""): 401,
        headed(token(service), {"alg": "none", "kid": "1"}, b""): 401,
        headed(token(service), {"alg": "HS256", "kid": "1"}): 401,
        headed(token(service), {"alg": ["RS256"], "kid": {}}): 401,
        headed(token(service), {"alg": "RS256", "kid": "../1"}): 401,
        headed(token(service), {"alg": "ES256", "kid": "1"}): 401,
        token(service).rpartition(".")[0]: 401,
        token(service, aud=[service.AUDIENCE]): 401,
        token(service, email=None): 403,
        token(service, exp="never"): 401,
        "a." * 5000: 401,
    }
    for shown, status in tokens.items():
        for path in ("/push", "/runs"):
            assert asking.post(path, push(RUN), Authorization=f"Bearer {shown}").status_code == status, (shown, path)
    for path in ("/push", "/runs"):
        for header in ("", "Basic abc", "Bearer"):
            assert asking.post(path, push(RUN), Authorization=header).status_code == 401
        assert asking.client.post(path, json=push(RUN)).status_code == 401
    assert (asking.google.jobs, asking.google.read) == ({}, set())


def headed(shown: str, header: object, signature: bytes | None = None) -> str:
    """What a token says under a header of somebody else's, signed with Google's public key as if that were a secret."""

    def text(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).decode().rstrip("=")

    said = f"{text(json.dumps(header).encode())}.{shown.split('.')[1]}"
    signed = hmac.digest(keys()[1].encode(), said.encode(), "sha256") if signature is None else signature
    return f"{said}.{text(signed)}"


def test_of_several_tokens_none_counts(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cloud Run may have looked at the other one."""
    monkeypatch.setenv("K_SERVICE", "run-pipeline")
    shown = f"Bearer {unsigned(token(asking.service))}"
    for path in ("/push", "/runs"):
        for more in (
            ("Authorization", "Bearer x"),
            ("Authorization", shown),
            ("X-Serverless-Authorization", "Bearer x"),
        ):
            found = asking.client.post(path, json=push(RUN), headers=[("Authorization", shown), more])
            assert found.status_code == 401
    assert asking.google.jobs == {}


def unsigned(shown: str) -> str:
    """A token as Cloud Run hands it on: it has checked the signature, and takes it away."""
    return f"{shown.rpartition('.')[0]}.SIGNATURE_REMOVED_BY_GOOGLE"


def test_on_cloud_run_which_takes_signatures_away_what_a_token_says_still_counts(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("K_SERVICE", "run-pipeline")
    service = asking.service
    shown = {
        unsigned(token(service)): 200,
        unsigned(token(service, aud="other")): 401,
        unsigned(token(service, exp=1)): 401,
        unsigned(token(service, email="other@example.test")): 403,
        "x.!.SIGNATURE_REMOVED_BY_GOOGLE": 401,
        token(service, forged=True): 401,
    }
    for header, status in shown.items():
        assert asking.post("/push", push(RUN), Authorization=f"Bearer {header}").status_code == status
        assert asking.post("/runs", RUN, Authorization=f"Bearer {header}").status_code == status


# ---- What it says of itself


def test_health_and_the_description_need_no_token_and_no_google(asking: Asking) -> None:
    assert asking.client.get("/health").json() == {"outcome": "well"}
    assert set(asking.client.get("/openapi.json").json()["paths"]) == {"/health", "/push", "/runs"}
    assert not asking.google.asked


@pytest.mark.parametrize(
    "header", [{"X-Cloud-Trace-Context": f"{'ab' * 16}/123;o=1"}, {"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}]
)
def test_each_line_of_the_log_is_json_and_names_its_trace(
    asking: Asking, capsys: pytest.CaptureFixture[str], header: dict[str, str]
) -> None:
    asking.post("/push", push(RUN, "1"), **header)
    (line,) = capsys.readouterr().out.splitlines()
    said = json.loads(line)
    assert said["severity"] == "INFO" and said["job"] == "words-1"
    assert said["logging.googleapis.com/trace"] == f"projects/{asking.service.PROJECT}/traces/{'ab' * 16}"


@pytest.mark.parametrize("host", ["[", "a/b?c", "a@b:99999999", "{}", '"'])
def test_a_name_of_the_service_that_is_none_is_no_fault_and_does_not_reach_the_log(
    asking: Asking, host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asking.post("/runs", RUN, Host=host).status_code == 200
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["path"] == "/runs"


def test_what_is_sent_makes_no_line_of_the_log_of_its_own(asking: Asking, capsys: pytest.CaptureFixture[str]) -> None:
    forged = '\n{"severity": "INFO", "message": "started"}\n\u2028\r'
    asking.post("/push", push({"pipeline": forged}, forged), traceparent=f"00-{'ab' * 16}-x")
    asking.post("/push", push({"pipeline": PIPELINE, "parameters": {forged: 1}}, forged, run=forged))
    asking.post("/runs", {"pipeline": PIPELINE, forged: 1, "id": forged})
    lines = capsys.readouterr().out.split("\n")[:-1]
    assert [json.loads(line)["severity"] for line in lines] == ["ERROR", "INFO", "ERROR", "INFO", "WARNING"]
    assert all(line.isascii() and "\r" not in line for line in lines)


def test_what_is_said_of_a_message_commands_no_terminal(asking: Asking, capsys: pytest.CaptureFixture[str]) -> None:
    for said in ({"pipeline": PIPELINE, "\x1b[2J\x9b\x07": 1}, {"pipeline": PIPELINE, "parameters": {"\x1b[2J\n": 1}}):
        assert asking.post("/push", push(said)).json()["why"].isprintable()
    assert all(letter["attributes"]["why"].isprintable() for letter in asking.google.dead)
    assert all(line.isprintable() for line in capsys.readouterr().out.splitlines())


# ---- Anything at all

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NAMED = st.fixed_dictionaries(
    {}, optional={"pipeline": st.just(PIPELINE) | JSON_VALUES, "parameters": JSON_VALUES, "id": JSON_VALUES}
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "message": JSON_VALUES
        | st.fixed_dictionaries(
            {},
            optional={
                "messageId": st.text() | JSON_VALUES,
                "data": st.binary().map(lambda data: base64.b64encode(data).decode()) | JSON_VALUES,
                "attributes": JSON_VALUES | st.dictionaries(st.text(), st.text()),
            },
        )
    },
)
BODIES = st.binary(max_size=300) | (JSON_VALUES | NAMED | MESSAGES).map(lambda value: json.dumps(value).encode())


@given(
    body=BODIES,
    path=st.sampled_from(["/push", "/runs"]),
    kind=st.text(st.characters(codec="latin-1", categories=["L", "N"])),
)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_sent_there_is_no_fault_of_its_own(asking: Asking, body: bytes, path: str, kind: str) -> None:
    shown = f"Bearer {right(asking.service)}"
    found = asking.client.post(
        path, content=body, headers={"Authorization": shown, "Content-Type": kind.encode("latin-1")}
    )
    assert found.status_code in (200, 400, 404, 422), found.text
    for job in asking.google.jobs.values():  # those that were asked for rightly
        assert set(job["runtimeConfig"]["parameterValues"]) <= set(
            RELEASE["job"]["pipelineSpec"]["root"]["inputDefinitions"]["parameters"]
        )


@pytest.mark.slow
def test_its_description_is_what_it_does(asking: Asking) -> None:
    """Whatever schemathesis makes of the description: no fault, no answer that it does not name."""
    import schemathesis
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

    described = schemathesis.openapi.from_asgi("/openapi.json", asking.service.app)
    for result in described.get_all_operations():
        operation = result.ok()

        @given(case=operation.as_strategy())
        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        def holds(case: Any) -> None:
            found = case.call(headers={"Authorization": f"Bearer {right(asking.service)}"})
            case.validate_response(
                found, checks=[not_a_server_error, status_code_conformance, response_schema_conformance]
            )

        holds()
    assert set(asking.google.read) <= {name for name in asking.google.read if name.endswith("/release/job.json")}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" * 100_000, 400),
        (b'{"a":' * 100_000, 400),
        (b'{"pipeline": "words", "parameters": {"list": ' + b"[" * 50_000 + b"]" * 50_000 + b"}}", 400),
        (b'{"pipeline": "words", "parameters": {"rate": NaN}}', 400),
        (b'{"pipeline": "words", "parameters": {"list": [1e999]}}', 400),
        (b'{"pipeline": "words", "parameters": {"times": ' + b"9" * 5000 + b"}}", 400),
        (b'{"pipeline": "words", "parameters": {"word": "\\ud800"}}', 200),
        (b'{"pipeline": "words", "parameters": {"\\ud800": 1}}', 422),
        (b'{"pipeline": "other", "pipeline": "words"}', 400),
        (b'{"pipeline": "words", "parameters": {"times": 1, "times": 2}}', 400),
        (b'{"pipeline": "words", "parameters": {"more": {"a": [{"b": 1, "\\u0062": 2}]}}}', 400),
        (b" " * (16 * 1024 * 1024), 413),
        (b'{"pipeline": "' + b"a" * (1000 * 1000) + b'"}', 404),
        (b'{"pipeline": "words", "parameters": {"list": [' + b"[]," * 3_000_000 + b"[]]}}", 413),
    ],
)  # fmt: skip
def test_nesting_numbers_repetitions_and_sizes(asking: Asking, body: bytes, status: int) -> None:
    assert asking.post("/runs", body).status_code == status
    assert asking.post("/push", body).status_code == (413 if len(body) > asking.service.LARGEST else 400)
    if len(body) < asking.service.LARGEST:
        outcome = asking.post("/push", push(body)).json()["outcome"]
        assert outcome == ("started" if status == 200 else "dead letter")
        assert [base64.b64decode(letter["data"]) for letter in asking.google.dead] == [body] * (status != 200)


def test_of_two_messages_in_one_push_neither_counts(asking: Asking) -> None:
    one, other = (json.dumps(push(RUN, number)["message"]) for number in "12")
    assert asking.post("/push", f'{{"message": {one}, "message": {other}}}'.encode()).status_code == 400
    assert asking.google.jobs == {}


KINDS = (
    "", "application/json", "application/json; charset=utf-16", "text/plain", "application/octet-stream", "rubbish", ";;;",
    "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "application/cloudevents+json", "a" * 8000,
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_is_what_it_is_whatever_it_is_said_to_be(asking: Asking, kind: str) -> None:
    assert asking.post("/push", push(RUN), **{"Content-Type": kind}).json()["outcome"] == "started"
    assert asking.post("/runs", RUN, **{"Content-Type": kind}).json()["outcome"] == "started"


# ---- As a process


@pytest.mark.slow
def test_a_service_that_is_stopped_ends_what_it_has_begun(folder: Path) -> None:
    google = Google()
    google.hang = 0.5
    service_module = loaded(folder, google)
    shown = token(service_module)
    with listening(google) as address, running(folder, address) as service:
        answers: list[int] = []

        def ask(number: int) -> None:
            answers.append(service.post("/push", json.dumps(push(RUN, str(number))).encode(), shown))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        until(lambda: google.asked["pipelineJobs"] >= 10, "nothing was begun")
        assert service.stop() in (0, -signal.SIGTERM)
        for thread in threads:
            thread.join()
    assert len(answers) == 20 and answers.count(200) == len(google.jobs) >= 10


@pytest.mark.slow
def test_a_request_that_is_half_there_when_the_service_is_stopped_is_answered(folder: Path) -> None:
    google = Google()
    shown, body = token(loaded(folder, google)), json.dumps(push(RUN, "1")).encode()
    head = f"POST /push HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {shown}\r\nContent-Length: {len(body)}\r\n\r\n"
    with listening(google) as address, running(folder, address) as service:
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as half:
            half.sendall(head.encode() + body[:10])
            until(lambda: service.get("/health") == 200, "it is not up")
            service.process.send_signal(signal.SIGTERM)
            until(lambda: service.get("/health") == 0, "it still lets requests in")
            half.sendall(body[10:])
            assert half.recv(100).startswith(b"HTTP/1.1 200 ")
        assert service.process.wait(timeout=30) in (0, -signal.SIGTERM)
    assert list(google.jobs) == ["words-1"]


@pytest.mark.slow
def test_a_request_that_hides_in_another_has_no_token_of_its_own(folder: Path) -> None:
    google = Google()
    shown, body = token(loaded(folder, google)), json.dumps(push(RUN, "1")).encode()
    head = f"POST /push HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {shown}\r\n".encode()
    run = json.dumps({**RUN, "id": "hidden"}).encode()
    hidden = b"POST /runs HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(run), run)
    length, chunked = b"Content-Length: %d\r\n" % len(body), b"Transfer-Encoding: chunked\r\n"
    pieces = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)

    def statuses(sent: bytes) -> list[int]:
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
            connection.sendall(sent)
            answers = b"".join(iter(lambda: connection.recv(65536), b""))
        return [int(each) for each in re.findall(rb"HTTP/1.1 (\d+)", answers)]

    with listening(google) as address, running(folder, address) as service:
        assert statuses(head + length + b"\r\n" + body + hidden) == [200, 401]
        assert statuses(head + length + chunked + b"\r\n" + pieces + hidden) == [200, 401]
        for twice in (
            b"Content-Length: 5\r\n" + length,
            chunked + chunked,
            b"Transfer-Encoding: xchunked\r\n" + length,
        ):
            assert statuses(head + twice + b"\r\n" + pieces + hidden) == [400]
    assert list(google.jobs) == ["words-1"]


@pytest.mark.slow
@pytest.mark.thorough
def test_as_many_of_the_largest_messages_as_cloud_run_lets_in_fit_into_its_memory(folder: Path) -> None:
    google = Google()
    shown = token(loaded(folder, google))
    making = (folder.parents[1] / "provision/provision_resources.sh").read_text()
    at_once, memory = (int(each) for each in re.findall(r"--(?:concurrency|memory)=(\d+)", making))
    lists = b'{"pipeline": "words", "parameters": {"list": [' + b"[]," * 3_300_000 + b"[]]}}"
    with listening(google) as address, running(folder, address) as service:
        body = json.dumps(push(lists)).encode()
        asking = [threading.Thread(target=service.post, args=("/push", body, shown)) for _ in range(at_once)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        assert len(google.dead) == at_once and service.peak < memory * 1024 * 0.9


@pytest.mark.slow
def test_nothing_of_google_is_loaded_before_the_first_answer(folder: Path) -> None:
    google = Google()
    with listening(google) as address, running(folder, address) as service:
        assert service.get("/health") == 200
        assert not google.asked


@pytest.mark.slow
@pytest.mark.thorough
def test_memory_is_flat_over_ten_thousand_requests(folder: Path) -> None:
    google = Google()
    service_module = loaded(folder, google)
    shown = token(service_module)
    with listening(google) as address, running(folder, address) as service:

        def ask(first: int, count: int) -> None:
            for number in range(first, first + count):
                assert service.post("/push", json.dumps(push(RUN, str(number))).encode(), shown) == 200

        ask(0, 2500)
        before = service.resident
        ask(2500, 7500)
        assert service.resident < before + 8 * 1024, (before, service.resident)
