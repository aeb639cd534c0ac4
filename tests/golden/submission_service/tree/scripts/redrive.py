#!/usr/bin/env python3
"""Publishes the dead letters of this pipeline again, one after the other; one leaves them once that has succeeded.

redrive.py [--dry-run] [--limit N]. A letter says which run it asks for, so that none is started twice, whatever is cut
off here. Letters of other pipelines stay. It asks Google as who is logged in to gcloud.
"""

import argparse
import base64
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

PROJECT = "my-project-123"
PIPELINE = "words"
LOCATION = "us-central1"
TOPIC = "automlops-runs"
LETTERBOX = "automlops-runs-dead-letters"

PUBSUB = f"https://pubsub.googleapis.com/v1/projects/{PROJECT}"
RUNS = f"https://{LOCATION}-aiplatform.googleapis.com/v1/projects/{PROJECT}/locations/{LOCATION}/pipelineJobs"
SOURCE = "CloudPubSubDeadLetterSource"  # begins what Pub/Sub adds to the messages that it gives up itself
HELD = 60  # seconds that nobody else is given what was pulled

Letter = dict[str, Any]


@cache
def token() -> str:
    command = ("gcloud", "auth", "print-access-token")
    asked = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - nothing else is run
    return asked.stdout.strip()


def ask(where: str, body: object = None) -> dict[str, Any]:
    """What Google answers; what it refuses is an HTTPError."""
    content = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "X-Goog-User-Project": PROJECT}
    request = Request(where, content, headers)  # noqa: S310 - they are addresses of Google's, above
    request.add_unredirected_header("Authorization", f"Bearer {token()}")
    with urlopen(request, timeout=60) as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)
        return found


# ---- Letters


class Letterbox:
    """The dead letters; `held` are those that were pulled and are still among them."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}

    def letters(self) -> Iterator[Letter]:
        """All of them, as they are pulled; one that is slow to go comes twice."""
        seen: set[str] = set()
        for pause in (0.5, 1, 0):  # Pub/Sub may say that there is nothing, and then find something
            while received := self._ask("pull", maxMessages=100, returnImmediately=True).get("receivedMessages"):
                acks = {each["message"]["messageId"]: each["ackId"] for each in received}
                self._ask("modifyAckDeadline", ackIds=list(acks.values()), ackDeadlineSeconds=HELD)
                self.held.update(acks)
                yield from (each["message"] for each in received)
                if acks.keys() <= seen:
                    return
                seen.update(acks)
            time.sleep(pause)

    def take(self, letter: Letter) -> None:
        self._ask("acknowledge", ackIds=[self.held[letter["messageId"]]])
        del self.held[letter["messageId"]]

    def put_back(self) -> None:
        """What is still held can be pulled again at once."""
        acks = list(self.held.values())
        for first in range(0, len(acks), 1000):
            self._ask("modifyAckDeadline", ackIds=acks[first : first + 1000], ackDeadlineSeconds=0)

    def _ask(self, what: str, **body: object) -> dict[str, Any]:
        return ask(f"{PUBSUB}/subscriptions/{LETTERBOX}:{what}", body)


def content(letter: Letter) -> bytes:
    return base64.b64decode(letter.get("data", ""))


def attributes(letter: Letter) -> dict[str, str]:
    return dict(letter.get("attributes") or {})


def is_ours(letter: Letter) -> bool:
    try:
        said = json.loads(content(letter))
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and said.get("pipeline") == PIPELINE


def mark(letter: Letter) -> str:
    """What the service put on the run that it started of this message, if it did; nothing for a letter of its own."""
    try:
        sent = datetime.fromisoformat(attributes(letter)[f"{SOURCE}TopicPublishTime"])
    except (KeyError, ValueError):
        return ""
    moment = sent.astimezone(UTC).isoformat(timespec="milliseconds")
    return hashlib.sha256(moment.encode() + b"\n" + content(letter)).hexdigest()[:32]


def run(letter: Letter) -> str:
    """The run that a letter asks for: the same however often it is redriven."""
    return attributes(letter).get("run") or mark(letter) or str(letter["messageId"])


def started(letter: Letter) -> str:
    """The run that was started of a letter after all, while Pub/Sub heard of none and gave it up."""
    if "run" in attributes(letter) or not mark(letter):
        return ""  # the service knows that run by its name
    wanted = urlencode({"filter": f'labels.automlops_message="{mark(letter)}"', "readMask": "name", "pageSize": 1})
    found = ask(f"{RUNS}?{wanted}").get("pipelineJobs", [])
    return found[0]["name"].rpartition("/")[2] if found else ""


def publish(letter: Letter) -> None:
    kept = {key: value for key, value in attributes(letter).items() if key != "why" and not key.startswith(SOURCE)}
    again: Letter = {key: letter[key] for key in ("data", "orderingKey") if key in letter}
    message = {**again, "attributes": {**kept, "run": run(letter)}}
    ask(f"{PUBSUB}/topics/{TOPIC}:publish", {"messages": [message]})


def why(letter: Letter) -> str:
    said = attributes(letter)
    tries = said.get(f"{SOURCE}DeliveryCount")
    return said.get("why") or (f"the service did not take it in {tries} tries" if tries else "it does not say why")


# ---- What becomes of them


def said(fate: str, name: str, reason: str) -> None:
    print(f"{fate:8} letter     {shown(name)} ({shown(reason)})", flush=True)


def shown(text: str) -> str:
    """Text that anybody may have written: one line, and nothing that commands a terminal."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def redrive(letterbox: Letterbox, limit: float, dry_run: bool) -> None:
    done: set[str] = set()
    others: set[str] = set()
    for letter in letterbox.letters():
        number = letter["messageId"]
        if number in done:
            if not dry_run:
                letterbox.take(letter)
        elif not is_ours(letter):
            others.add(number)
        elif len(done) >= limit:
            break
        else:
            settle(letterbox, letter, dry_run)
            done.add(number)
    if others:
        said("kept", f"{len(others)}", "of other pipelines")
    if not done:
        print(f"nothing to do: there is no dead letter of {PIPELINE}")


def settle(letterbox: Letterbox, letter: Letter, dry_run: bool) -> None:
    """Publishes it again, unless its run was started; only then it is taken from the dead letters."""
    before = started(letter)
    if dry_run:
        said("redrive", run(letter), f"its run was started: {before}" if before else why(letter))
        return
    if not before:
        publish(letter)
    letterbox.take(letter)
    said("gone" if before else "redriven", run(letter), f"its run was started: {before}" if before else why(letter))


def refused(error: HTTPError) -> str:
    """What Google said, and what gives the permission that was missing."""
    try:
        message = json.load(error)["error"]["message"]
    except (KeyError, TypeError, ValueError):
        message = error.reason
    lines = [f"stopped: Google answered {error.code}: {message}"]
    if error.code == 403:
        of = f"gcloud projects add-iam-policy-binding {PROJECT}", "aiplatform.viewer"
        if error.url.endswith(":publish"):
            of = f"gcloud pubsub topics add-iam-policy-binding {TOPIC} --project={PROJECT}", "pubsub.publisher"
        elif error.url.startswith(PUBSUB):
            command = f"gcloud pubsub subscriptions add-iam-policy-binding {LETTERBOX} --project={PROJECT}"
            of = command, "pubsub.subscriber"
        lines += [
            "if it is for want of a role, one who may give it to you runs:",
            f"  {of[0]} --member=user:YOU --role=roles/{of[1]}",
        ]
    return "\n".join([*lines, "then run this again: it goes on from here"])


def several(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is no number of letters")
    return int(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dry-run", action="store_true", help="show the letters, and leave them where they are")
    parser.add_argument("--limit", type=several, metavar="N", default=float("inf"), help="redrive so many of them")
    given = parser.parse_args()
    letterbox = Letterbox()
    try:
        redrive(letterbox, given.limit, given.dry_run)
    except HTTPError as error:
        sys.exit(refused(error))
    except OSError as error:  # also where gcloud is missing
        sys.exit(f"stopped: {error}")
    except subprocess.CalledProcessError:
        sys.exit("stopped: nobody is logged in to gcloud: gcloud auth login")
    finally:
        with suppress(OSError, subprocess.CalledProcessError):
            letterbox.put_back()


if __name__ == "__main__":
    main()
