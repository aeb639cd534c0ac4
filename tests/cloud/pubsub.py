"""Pub/Sub: topics, subscriptions, and the messages that were published; nothing is pushed, but who pulls is given them."""

import re
import time
from datetime import datetime
from typing import Any

from cloud import policies
from cloud.refusals import Refusal, Unknown
from cloud.routes import Call, answers
from cloud.web import JSON, Answer
from cloud.world import World, now

PS = "pubsub"
TOPIC = "projects/*/topics/*"
SUBSCRIPTION = "projects/*/subscriptions/*"
NAME = re.compile(r"(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}")
NOTHING = Answer(200, {})
DEADLINE = 10.0  # seconds that a message is held, where a subscription says nothing


def published(world: World, topic: str, project: str = "demo-project") -> list[JSON]:
    """The messages that a topic was given, oldest first."""
    found: list[JSON] = world.resources.get(f"messages/{project}/{topic}", {}).get("messages", [])
    return found


def waiting(world: World, subscription: str, project: str = "demo-project") -> list[JSON]:
    """The messages of a subscription that nobody has acknowledged, oldest first; held or not."""
    name = f"projects/{project}/subscriptions/{subscription}"
    topic = world.canonical(world.resources[name]["topic"]).rpartition("/")[2]
    done = world.resources.get(f"acknowledged/{project}/{subscription}", {}).get("messages", [])
    return [
        {**each, "publishTime": world.published[each["messageId"]]}
        for each in published(world, topic, project)
        if each["messageId"] not in done
    ]


def forward(world: World, message: JSON, subscription: str, tries: int, project: str = "demo-project") -> str:
    """Puts a message among the dead letters as Pub/Sub does when its tries are used up: in a new message."""
    found = world.resources[f"projects/{project}/subscriptions/{subscription}"]
    sent = datetime.fromisoformat(world.published[message["messageId"]])
    source = "CloudPubSubDeadLetterSource"
    added = {
        f"{source}DeliveryCount": f"{tries}",
        f"{source}Subscription": subscription,
        f"{source}SubscriptionProject": project,
        f"{source}TopicPublishTime": sent.isoformat(timespec="milliseconds"),
    }
    wrapped = {"data": message["data"], "attributes": {**message.get("attributes", {}), **added}}
    (given,) = put(world, world.canonical(found["deadLetterPolicy"]["deadLetterTopic"]), [wrapped])
    return given


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
    for found in call.world.below(f"projects/{project}", "subscriptions"):
        if found["topic"] == name:
            found["topic"] = "_deleted-topic_"  # and never of a new one of that name
    return _take(call, name)


@answers(f"POST {PS}/v1/{{name={TOPIC}}}:publish", needs="pubsub.topics.publish")
def publish(call: Call, name: str) -> JSON:
    call.find(name)
    return {"messageIds": put(call.world, name, call.body["messages"])}


def put(world: World, topic: str, messages: list[JSON]) -> list[str]:
    """Puts messages into a topic; their ids."""
    project, short = topic.split("/")[1], topic.split("/")[3]
    kept = world.resources.setdefault(f"messages/{project}/{short}", {"messages": []})["messages"]
    ids = [f"{7000000 + next(world.numbers)}" for _ in messages]
    kept += [{**message, "messageId": each} for message, each in zip(messages, ids, strict=True)]
    moment = f"{now()[:-4]}Z"
    world.published.update(dict.fromkeys(ids, moment))
    return ids


@answers(f"PUT {PS}/v1/{{name={SUBSCRIPTION}}}", on="")
def create_subscription(call: Call, name: str) -> JSON:
    """Who makes one that pushes as an account must be permitted to act as that."""
    sent, project = call.body, name.rpartition("/subscriptions/")[0]
    call.needs("pubsub.subscriptions.create", project)
    topic = call.world.canonical(sent["topic"])
    call.find(topic)
    call.needs("pubsub.topics.attachSubscription", topic)
    _acts(call, sent.get("pushConfig", {}))
    if dead := sent.get("deadLetterPolicy", {}).get("deadLetterTopic"):
        call.find(call.world.canonical(dead))
    return _make(call, name, {**sent, "state": "ACTIVE"})


@answers(f"POST {PS}/v1/{{name={SUBSCRIPTION}}}:modifyPushConfig", needs="pubsub.subscriptions.update")
def modify_push_config(call: Call, name: str) -> JSON:
    sent, found = call.body["pushConfig"], call.find(name)
    _acts(call, sent)
    found["pushConfig"] = sent
    return {}


def _acts(call: Call, push: JSON) -> None:
    """Whether who has Pub/Sub push as an account may act as that. Pub/Sub does not say what it refuses."""
    if account := push.get("oidcToken", {}).get("serviceAccountEmail"):
        actor = call.world.account(account)
        if not call.world.sees(actor) or not call.world.permits(call.who, "iam.serviceAccounts.actAs", actor):
            raise Refusal(403, "User not authorized to perform this action.")


@answers(f"GET {PS}/v1/{{name={SUBSCRIPTION}}}", needs="pubsub.subscriptions.get")
def get_subscription(call: Call, name: str) -> JSON:
    return call.find(name)


@answers(f"GET {PS}/v1/{{parent=projects/*}}/subscriptions", needs="pubsub.subscriptions.list")
def list_subscriptions(call: Call, parent: str) -> JSON:
    return {"subscriptions": call.world.below(parent, "subscriptions")}


@answers(f"DELETE {PS}/v1/{{name={SUBSCRIPTION}}}", needs="pubsub.subscriptions.delete")
def delete_subscription(call: Call, name: str) -> Answer:
    return _take(call, name)


@answers(f"POST {PS}/v1/{{name={SUBSCRIPTION}}}:pull", needs="pubsub.subscriptions.consume")
def pull(call: Call, name: str) -> JSON:
    """What nobody holds; each of it is held for a while by who was given it."""
    found, (_, project, _, short) = call.find(name), name.split("/")
    if not call.body.get("returnImmediately"):
        raise Unknown("a pull that waits for messages")
    if found.get("pushConfig", {}).get("pushEndpoint"):
        raise Refusal(400, "Cannot pull from a push subscription.", code="FAILED_PRECONDITION")
    free = [each for each in waiting(call.world, short, project) if not held(call.world, each["messageId"])]
    given = []
    for message in free[: call.body["maxMessages"]]:
        ack = f"{message['messageId']}:{next(call.world.numbers)}"
        call.world.held[ack] = time.monotonic() + float(found.get("ackDeadlineSeconds", DEADLINE))
        given.append({"ackId": ack, "message": message})
    return {"receivedMessages": given} if given else {}


@answers(f"POST {PS}/v1/{{name={SUBSCRIPTION}}}:acknowledge", needs="pubsub.subscriptions.consume")
def acknowledge(call: Call, name: str) -> JSON:
    """Of a message that is not held any more this is no news to Pub/Sub: it comes again."""
    call.find(name)
    project, short = name.split("/")[1], name.split("/")[3]
    done = call.world.resources.setdefault(f"acknowledged/{project}/{short}", {"messages": []})["messages"]
    done += [each.partition(":")[0] for each in call.body["ackIds"] if call.world.held.get(each, 0) > time.monotonic()]
    return {}


@answers(f"POST {PS}/v1/{{name={SUBSCRIPTION}}}:modifyAckDeadline", needs="pubsub.subscriptions.consume")
def hold(call: Call, name: str) -> JSON:
    call.find(name)
    until = time.monotonic() + call.body["ackDeadlineSeconds"]
    call.world.held.update({each: until for each in call.body["ackIds"] if each in call.world.held})
    return {}


def held(world: World, message: str) -> bool:
    """Whether somebody was given a message, and has time left for it."""
    moment = time.monotonic()
    return any(ack.startswith(f"{message}:") and until > moment for ack, until in world.held.items())


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
