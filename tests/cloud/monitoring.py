"""Cloud Monitoring: of all metrics the one of messages that wait in subscriptions, as if it were counted at once."""

import re

from cloud import pubsub
from cloud.refusals import Unknown
from cloud.routes import Call, answers
from cloud.web import JSON
from cloud.world import now

UNDELIVERED = "pubsub.googleapis.com/subscription/num_undelivered_messages"
ASKED = re.compile(
    rf'metric\.type = "{re.escape(UNDELIVERED)}" AND resource\.labels\.subscription_id = one_of\((".+")\)'
)


@answers("GET monitoring/v3/{name=projects/*}/timeSeries", needs="monitoring.timeSeries.list")
def list_all(call: Call, name: str) -> JSON:
    asked, project = ASKED.fullmatch(call.request.asks("filter")), name.rpartition("/")[2]
    if not asked or not call.request.asks("interval.endTime"):
        raise Unknown(f"time series by {call.request.query}")
    names = [
        each for each in re.findall('"([^"]+)"', asked[1]) if f"{name}/subscriptions/{each}" in call.world.resources
    ]
    return {"timeSeries": [_series(call, project, each) for each in names]}


def _series(call: Call, project: str, subscription: str) -> JSON:
    moment = now()
    point = {
        "interval": {"startTime": moment, "endTime": moment},
        "value": {"int64Value": f"{len(pubsub.waiting(call.world, subscription, project))}"},
    }
    labels = {"project_id": project, "subscription_id": subscription}
    return {
        "metric": {"type": UNDELIVERED},
        "resource": {"type": "pubsub_subscription", "labels": labels},
        "metricKind": "GAUGE",
        "valueType": "INT64",
        "points": [point],
    }
