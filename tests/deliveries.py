"""Brings messages to the service in the stand-in cloud, as Pub/Sub and Cloud Run do: each asks who may."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from cloud import images, pubsub, run
from cloud.standin import NUMBER, PROJECT, Cloud
from cloud.web import JSON
from cloud.world import World, member

POSTMAN = member(f"service-{NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com")  # as whom Pub/Sub itself acts

# The token is as Cloud Run hands it on.
DELIVER = """
import base64, json, os, sys, time
sys.path.insert(0, sys.argv[1])
os.environ["K_SERVICE"] = "run-pipeline"
import main
from starlette.testclient import TestClient
now = time.time()
said = {"iss": "https://accounts.google.com", "aud": main.AUDIENCE, "email": main.INVOKER, "email_verified": True, "iat": now, "exp": now + 60}
token = ".".join(("e30", base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("="), "SIGNATURE_REMOVED_BY_GOOGLE"))
with TestClient(main.app) as client:
    for message in json.loads(sys.argv[2]):
        found = client.post("/push", json={"message": message}, headers={"Authorization": f"Bearer {token}"})
        print(json.dumps([found.status_code, found.json()]))
"""


def delivered(cloud: Cloud, service: str, messages: list[JSON], scratch: Path) -> list[tuple[int, JSON]]:
    """What the deployed service answers to messages, by the account that it runs as."""
    spec = cloud.state.resources[service]["spec"]["template"]["spec"]
    assert not spec["containers"][0].get("command"), "the placeholder's command is gone"
    folder = scratch / "container"
    folder.mkdir(exist_ok=True)
    for path, content in images.files(cloud.state, spec["containers"][0]["image"], "service").items():
        (folder / path).write_bytes(content)
    words = sys.executable, "-c", DELIVER, folder, json.dumps(messages)
    done = cloud.run(*words, as_=spec["serviceAccountName"])
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return [(status, said) for status, said in (each for each in answers if isinstance(each, list))]


def deliver(world: World, subscription: str, messages: list[JSON], take: Callable[[JSON], bool]) -> None:
    """Pushes messages until there are no more tries: `take` is the service, and whether it takes one.

    What it does not take is a dead letter, where Pub/Sub's own agent may move it there; else it would come again.
    """
    found = world.resources[f"projects/{PROJECT}/subscriptions/{subscription}"]
    push, dead = found["pushConfig"], found["deadLetterPolicy"]
    moves = world.permits(POSTMAN, "pubsub.topics.publish", dead["deadLetterTopic"]) and world.permits(
        POSTMAN, "pubsub.subscriptions.consume", found["name"]
    )
    for message in messages:
        tries = (
            run.admits(world, push["pushEndpoint"], push["oidcToken"]) and take(message)
            for _ in range(dead["maxDeliveryAttempts"])
        )
        if not any(tries) and moves:
            pubsub.forward(world, message, subscription, dead["maxDeliveryAttempts"])
