"""Pub/Sub: topics, subscriptions, and the messages that were published; nothing is delivered by itself."""

import re
from typing import Any

from cloud import policies
from cloud.refusals import Refusal
from cloud.routes import Call, answers
from cloud.web import JSON, Answer
from cloud.world import World

PS = "pubsub"
TOPIC = "projects/*/topics/*"
SUBSCRIPTION = "projects/*/subscriptions/*"
NAME = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}")
NOTHING = Answer(200, {})


def published(world: World, topic: str, project: str = "demo-project") -> list[JSON]:
    """The messages that a topic was given, oldest first."""
    found: list[JSON] = world.resources.get(f"messages/{project}/{topic}", {}).get("messages", [])
    return found


@answers(f"PUT {PS}/v1/{{name={TOPIC}}}", on="")
def create_topic(call: Call, name: str) -> JSON:
    call.needs("pubsub.topics.create", name.rpartition("/topics/")[0])
    return _make(call, name, call.body)


@answers(f"GET {PS}/v1/{{name={TOPIC}}}", needs="pubsub.topics.get")
def get_topic(call: Call, name: str) -> JSON:
    return call.find(name)


@answers(f"GET {PS}/v1/{{parent=projects/*}}/topics", needs="pubsub.topics.list")
def list_topics(call: Call, parent: str) -> JSON:
    return {"topics": call.world.below(parent, "topics")}


@answers(f"DELETE {PS}/v1/{{name={TOPIC}}}", needs="pubsub.topics.delete")
def delete_topic(call: Call, name: str) -> Answer:
    project, short = name.split("/")[1], name.split("/")[3]
    call.world.resources.pop(f"messages/{project}/{short}", None)
    return _take(call, name)


@answers(f"POST {PS}/v1/{{name={TOPIC}}}:publish", needs="pubsub.topics.publish")
def publish(call: Call, name: str) -> JSON:
    call.find(name)
    project, short = name.split("/")[1], name.split("/")[3]
    kept = call.world.resources.setdefault(f"messages/{project}/{short}", {"messages": []})["messages"]
    ids = [f"{7000000 + next(call.world.numbers)}" for _ in call.body["messages"]]
    kept += [{**message, "messageId": each} for message, each in zip(call.body["messages"], ids, strict=True)]
    return {"messageIds": ids}


@answers(f"PUT {PS}/v1/{{name={SUBSCRIPTION}}}", on="")
def create_subscription(call: Call, name: str) -> JSON:
    """Who makes one that pushes as an account must be permitted to act as that."""
    sent, project = call.body, name.rpartition("/subscriptions/")[0]
    call.needs("pubsub.subscriptions.create", project)
    topic = call.world.canonical(sent["topic"])
    call.find(topic)
    call.needs("pubsub.topics.attachSubscription", topic)
    if account := sent.get("pushConfig", {}).get("oidcToken", {}).get("serviceAccountEmail"):
        actor = call.world.account(account)
        if not call.world.sees(actor) or not call.world.permits(call.who, "iam.serviceAccounts.actAs", actor):
            raise Refusal(
                403, f"User not authorized to act as {account}, or it does not exist: iam.serviceAccounts.actAs"
            )
    if dead := sent.get("deadLetterPolicy", {}).get("deadLetterTopic"):
        call.find(call.world.canonical(dead))
    return _make(call, name, {**sent, "state": "ACTIVE"})


@answers(f"GET {PS}/v1/{{name={SUBSCRIPTION}}}", needs="pubsub.subscriptions.get")
def get_subscription(call: Call, name: str) -> JSON:
    return call.find(name)


@answers(f"GET {PS}/v1/{{parent=projects/*}}/subscriptions", needs="pubsub.subscriptions.list")
def list_subscriptions(call: Call, parent: str) -> JSON:
    return {"subscriptions": call.world.below(parent, "subscriptions")}


@answers(f"DELETE {PS}/v1/{{name={SUBSCRIPTION}}}", needs="pubsub.subscriptions.delete")
def delete_subscription(call: Call, name: str) -> Answer:
    return _take(call, name)


@answers(f"GET {PS}/v1/{{name={TOPIC}}}:getIamPolicy", needs="pubsub.topics.getIamPolicy")
@answers(f"GET {PS}/v1/{{name={SUBSCRIPTION}}}:getIamPolicy", needs="pubsub.subscriptions.getIamPolicy")
def get_policy(call: Call, name: str) -> JSON:
    call.find(name)
    return policies.read(call, name)


@answers(f"POST {PS}/v1/{{name={TOPIC}}}:setIamPolicy", needs="pubsub.topics.setIamPolicy")
@answers(f"POST {PS}/v1/{{name={SUBSCRIPTION}}}:setIamPolicy", needs="pubsub.subscriptions.setIamPolicy")
def set_policy(call: Call, name: str) -> JSON:
    call.find(name)
    return policies.write(call, name, call.body["policy"])


@answers(f"POST {PS}/v1/{{name={TOPIC}}}:testIamPermissions")
@answers(f"POST {PS}/v1/{{name={SUBSCRIPTION}}}:testIamPermissions")
def test_permissions(call: Call, name: str) -> JSON:
    return policies.test(call, name)


def _make(call: Call, name: str, sent: dict[str, Any]) -> JSON:
    if name in call.world.resources:
        raise Refusal(409, f"Resource already exists in the project (resource={name.rpartition('/')[2]}).")
    if not NAME.fullmatch(name.rpartition("/")[2]):
        raise Refusal(400, f"Invalid resource name given (name={name}).")
    call.world.resources[name] = {**sent, "name": name}
    return call.world.resources[name]


def _take(call: Call, name: str) -> Answer:
    call.find(name)
    del call.world.resources[name]
    call.world.policies.pop(name, None)
    return NOTHING
