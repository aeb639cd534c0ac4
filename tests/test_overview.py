"""What a person sees of how things stand, and of dead letters."""

import browser
import pytest
from test_outcomes import Page, words

from AutoMLOps import documents
from AutoMLOps.inquiry import Thing
from AutoMLOps.outcomes import Row
from AutoMLOps.overview import Redriven, Status

RUN = "https://console.cloud.google.com/vertex-ai/locations/us-central1/pipelines/runs/rain-17?project=p"
ROWS = (
    Thing(kind="service", name="run-pipeline", state="ready", when="2026-11-28T09:12:00Z", told="run-pipeline-7"),
    Thing(kind="dead letter", name="18", state="waits", when="2026-11-29T10:00:00Z", told="its parameter <days> is text"),
    Thing(kind="run", name="rain-17", state="succeeded", when="2026-11-29T10:00:00Z", took=90.4, told="by the message 17", link=RUN),
    Thing(kind="build", name="t", state="unknown", told="403 no", mend="gcloud projects add-iam-policy-binding p"),
)  # fmt: skip
STATUS = Status(pipeline="rain", project="p", asked="2026-11-29T14:40:31Z", rows=ROWS)
LETTERS = (
    Row(fate="redriven", kind="letter", name="17", why="times is text"),
    Row(fate="gone", kind="letter", name="18", why="its run was started: rain-18"),
    Row(fate="kept", kind="letter", name="3", why="of other pipelines"),
)
REDRIVEN = Redriven(script="AutoMLOps/scripts/redrive.py", rows=LETTERS)


def test_a_status_is_a_line_for_each_thing_in_columns():
    assert str(STATUS).splitlines() == [
        "rain in p, 2026-11-29 14:40 UTC",
        "  service      run-pipeline  ready      2026-11-28 09:12              run-pipeline-7",
        "  dead letter  18            waits      2026-11-29 10:00              its parameter <days> is text",
        f"  run          rain-17       succeeded  2026-11-29 10:00  1 min 30 s  by the message 17  {RUN}",
        "  build        t             unknown                                  403 no",
        "    -> gcloud projects add-iam-policy-binding p",
    ]
    assert repr(STATUS) == str(STATUS)


def test_in_a_notebook_it_is_one_table_with_links():
    page = Page(STATUS._repr_html_())
    assert [attributes["href"] for tag, attributes in page.tags if tag == "a"] == [RUN]
    assert len([tag for tag, _ in page.tags if tag == "tr"]) == len(ROWS) + 1 and "days" not in {
        tag for tag, _ in page.tags
    }
    assert "1 min 30 s" in words(STATUS) and "its parameter <days> is text" in words(STATUS)


@pytest.mark.parametrize(
    ("rows", "dry_run", "told"),
    [
        ((), False, "nothing to do"),
        (LETTERS[2:], False, "nothing to do, 3 of other pipelines kept"),
        (LETTERS, False, "1 redriven, 1 taken out, for its run had been started, 3 of other pipelines kept"),
        ((Row(fate="redrive", kind="letter", name="17"),) * 2, True, "2 to redrive (nothing was done yet)"),
    ],
)
def test_what_became_of_letters_is_one_line_of_numbers(rows, dry_run, told):
    assert Redriven(script="s", rows=rows, dry_run=dry_run).headline == f"s: {told}"


def test_letters_are_told_one_by_one():
    assert str(REDRIVEN).splitlines()[1:] == [
        "  redriven  17  (times is text)",
        "  gone      18  (its run was started: rain-18)",
    ]
    assert "its run was started: rain-18" in words(REDRIVEN)
    assert "<table" not in Redriven(script="s", rows=())._repr_html_()


def test_as_json_what_is_not_known_is_null():
    found = documents._result(STATUS)
    assert found["pipeline"] == "rain" and found["rows"][0]["took"] is None and found["rows"][0]["link"] is None
    assert found["rows"][2]["took"] == 90.4 and found["rows"][2]["link"] == RUN
    assert documents._result(REDRIVEN)["rows"][0] == {
        "fate": "redriven",
        "kind": "letter",
        "name": "17",
        "why": "times is text",
    }


@pytest.mark.slow
def test_both_can_be_read_by_all(tmp_path):
    documents = [browser.document(shown._repr_html_()) for shown in (STATUS, REDRIVEN)]
    with browser.chromium() as chromium:
        for document in documents:
            with browser.window(chromium, "dark", tmp_path, (700, 900)) as opened:
                opened.page.set_content(document)
                assert not browser.axe(opened.page) and not opened.errors and not opened.outside
    assert not browser.html_faults(*documents)
