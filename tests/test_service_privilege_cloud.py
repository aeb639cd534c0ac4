"""Least privilege of the service that starts runs: exactly the roles of the table, and what stops without each of them."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field

import pytest
from cloud import pubsub
from cloud.roles import ROLES
from cloud.standin import PROJECT, standin
from cloud.web import JSON
from deliveries import deliver, delivered
from privileges import (
    BY_PUSH,
    MAKER,
    Prepared,
    asking,
    built,
    entitled,
    git,
    holder,
    in_a_work_tree,
    name_of,
    pipeline,
    place,
)
from provisioned import PROVISION
from tools import need

from AutoMLOps.cloud import POSTMAN, Authority, Binding, On, authority, resources
from AutoMLOps.nouns import replace

pytestmark = [pytest.mark.thorough, pytest.mark.slow, pytest.mark.xdist_group("privileges of the service")]

SERVED = replace(BY_PUSH, submission_service=True)
TABLE = resources(SERVED, pipeline())
BUILDER, SUBMITTER, INVOKER = TABLE.builder.email, TABLE.service.submitter.email, TABLE.service.invoker.email
SERVICE = f"projects/{PROJECT}/locations/{TABLE.service.location}/services/{TABLE.service.name}"
TOPIC, PUSH, DEAD = TABLE.service.topic.name, TABLE.service.topic.subscription, TABLE.service.dead_letters.name
# What the service adds: the other rows are those of a push without it.
ROWS = [row for row in TABLE.bindings if row not in resources(BY_PUSH, pipeline()).bindings]
MAKING = [each for each in authority(SERVED) if each not in authority(BY_PUSH)]
UNSEEN = {"pubsub.subscriptions.update", "run.services.update"}  # asked for where one is there, and is another
ACTS = "roles/iam.serviceAccountUser"


def rows_of(member: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", [row for row in ROWS if row.member == member], ids=name_of)


def test_every_row_that_the_service_adds_is_somebodys_who_is_tried_without_it() -> None:
    assert {row.member for row in ROWS} == {BUILDER, SUBMITTER, INVOKER, POSTMAN}
    assert sum(row.member == INVOKER for row in ROWS) == 1


@dataclass
class Served(Prepared):
    """Deployed by a push. `placeholder` is the service as provisioning made it, `stops` what that said when it stopped."""

    placeholder: JSON = field(default_factory=dict)
    stops: list[str] = field(default_factory=list)

    @contextmanager
    def undeployed(self) -> Iterator[None]:
        """As before the first push."""
        found = self.cloud.state.resources
        kept, found[SERVICE] = found[SERVICE], deepcopy(self.placeholder)
        try:
            yield
        finally:
            found[SERVICE] = kept

    def asked_for(self, **parameters: object) -> JSON:
        """A message that asks for a run, as it lies in the topic."""
        data = json.dumps({"pipeline": "words", "parameters": parameters}).encode()
        pubsub.put(self.cloud.state, f"projects/{PROJECT}/topics/{TOPIC}", [{"data": base64.b64encode(data).decode()}])
        return pubsub.published(self.cloud.state, TOPIC)[-1]

    def answer(self, message: JSON) -> JSON:
        """What the service says to it."""
        ((_, said),) = delivered(self.cloud, SERVICE, [message], self.folder)
        return said

    def reached(self, message: JSON, taken: bool) -> int:
        """How often it comes through to a service that takes it, or takes nothing."""
        found: list[bool] = []

        def take(_: JSON) -> bool:
            found.append(taken)
            return taken

        deliver(self.cloud.state, PUSH, [message], take)
        return len(found)

    @property
    def dead(self) -> list[JSON]:
        return pubsub.published(self.cloud.state, DEAD)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Provisioned by somebody who may do exactly that, and follows the advice of each error; then pushed to."""
    need("gcloud")
    with standin() as cloud:
        made = Served(cloud, tmp_path_factory.mktemp("served"), TABLE)
        in_a_work_tree(made, ", submission_service=True")
        entitled(made, SERVED)
        with asking(MAKER, made.asked):
            while (done := made.run(PROVISION, as_=MAKER)).returncode and len(made.stops) < 3:
                made.stops.append(done.stderr)
                made.follow(done.stderr)
        assert done.returncode == 0, done.stderr
        made.placeholder = deepcopy(cloud.state.resources[SERVICE])
        git(made, "add", ".")
        git(made, "commit", "--quiet", "--message=first")
        status, told = built(made)
        assert status == "SUCCESS", told
        yield made


# ------------------------------------------------------------------------------- provisioning


def test_provisioning_acts_as_three_accounts_and_names_each_that_it_may_not_act_as(served: Served) -> None:
    steps = f"the service {TABLE.service.name}", f"the subscription {PUSH}", f"the trigger {TABLE.trigger.name}"
    assert len(served.stops) == len(steps)
    for said, step in zip(served.stops, steps, strict=True):
        assert f"stopped at: making {step}" in said and f"{ACTS} has it" in said
    on = {place.rpartition("/")[2] for who, role, place in served.held() if (who, role) == (MAKER, ACTS)}
    assert on == {SUBMITTER, INVOKER, BUILDER}


def test_provisioning_gives_the_rows_of_the_table_and_nothing_else(served: Served) -> None:
    own = {found for found in served.held() if found[0] != MAKER}
    assert own == {(holder(row), row.role, place(row, TABLE)) for row in TABLE.bindings}


def test_provisioning_asks_for_the_permissions_of_the_table_and_no_other(served: Served) -> None:
    said = {permission for each in MAKING if each.on != "callers" for permission in each.permissions}
    asked = {each for each in served.asked if each.startswith(("pubsub.", "run."))}
    assert asked <= said and said - asked <= UNSEEN


@pytest.mark.parametrize("row", [each for each in MAKING if each.on != "callers"], ids=name_of)
def test_provisioning_stops_without_one_of_its_roles(row: Authority, served: Served) -> None:
    with served.without(MAKER, row.role, f"projects/{PROJECT}"):
        done = served.run(PROVISION, as_=MAKER)
        assert done.returncode == 1, f"{row.role} is not needed: {done.stdout}"
        assert f"{row.role} has it" in done.stderr, done.stderr
        served.follow(done.stderr)
    assert (MAKER, row.role, f"projects/{PROJECT}") in served.held()


# ------------------------------------------------------------------------------- from a push to a run


def names(row: Binding, told: str) -> bool:
    """Whether an error says a permission of the role, or the account that may not be acted as; Pub/Sub says neither."""
    words = ROLES.get(row.role, TABLE.role.permissions)
    if row.on is On.TOPIC:
        words = {f"a role, which {row.role} has", "pubsub.googleapis.com answered 403"}
    return any(each in told for each in words) or (row.on is On.ACCOUNT and row.name in told)


@rows_of(BUILDER)
def test_a_build_deploys_and_asks_for_a_run_by_every_row(row: Binding, served: Served) -> None:
    script = "scripts/publish_to_topic.sh" if row.on is On.TOPIC else "scripts/deploy_service.sh"
    with served.undeployed():
        with served.without(BUILDER, row.role, place(row, TABLE)):
            done = served.run(script, as_=BUILDER)
        assert done.returncode == 1, f"nothing needs {row}: {done.stdout}"
        assert names(row, done.stderr), done.stderr
        again = served.run(script, as_=BUILDER)
        assert again.returncode == 0, again.stderr


@rows_of(SUBMITTER)
def test_the_service_does_its_work_by_every_row(row: Binding, served: Served) -> None:
    never = row.on is On.TOPIC  # it puts there what no run can come of
    message = served.asked_for(times="many" if never else 2)
    with served.without(SUBMITTER, row.role, place(row, TABLE)):
        said = served.answer(message)
    assert said["outcome"] == "ask again", f"nothing needs {row}: {said}"
    assert names(row, said["why"]), said
    assert served.answer(message)["outcome"] == ("dead letter" if never else "started")


@rows_of(INVOKER)
def test_pubsub_reaches_the_service_by_the_role_of_its_caller(row: Binding, served: Served) -> None:
    message = served.asked_for()
    with served.without(INVOKER, row.role, place(row, TABLE)):
        assert served.reached(message, taken=True) == 0 and served.dead[-1]["data"] == message["data"]
    assert served.reached(message, taken=True) == 1


@rows_of(POSTMAN)
def test_a_message_that_nobody_takes_is_a_dead_letter_by_every_row(row: Binding, served: Served) -> None:
    message, before = served.asked_for(), len(served.dead)
    with served.without(holder(row), row.role, place(row, TABLE)):
        assert served.reached(message, taken=False) == 20 and len(served.dead) == before
    assert served.reached(message, taken=False) == 20
    (found,) = served.dead[before:]
    assert found["data"] == message["data"]
    assert found["attributes"]["CloudPubSubDeadLetterSourceSubscription"] == PUSH
