"""What a person sees of what was planned, made and started in the cloud."""

import re
from html.parser import HTMLParser

import browser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from AutoMLOps.display import Generated
from AutoMLOps.outcomes import Deployed, Launched, Planned, Provisioned, Pushed, Row
from AutoMLOps.preflight import Check, Fate

SCRIPT = "AutoMLOps/provision/provision_resources.sh"
RUNNER = "vertex-pipelines@demo-project.iam.gserviceaccount.com"
LINK = "https://console.cloud.google.com/vertex-ai/runs/wine-1?project=demo-project"
LOGIN = Check(name="login", fate=Fate.WRONG, told="nobody is logged in", mend="gcloud auth login")
GCLOUD = Check(name="gcloud", fate=Fate.OK, told="528.0.0")
BILLING = Check(name="billing", fate=Fate.UNKNOWN, told="not known", mend="https://example.test/billing")


def row(fate, kind="bucket", name="demo-bucket", why=""):
    return Row(fate=fate, kind=kind, name=name, why=why)


def planned(*rows, checks=(), unasked=""):
    return Planned(script=SCRIPT, checks=checks, rows=rows, unasked=unasked)


ROLE = row("create", "role", f"roles/aiplatform.user on project demo-project for {RUNNER}", "runs the steps")
CONNECTION = row("needed", "connection", "automlops-github", "a person makes it: https://example.test/connect")
MIXED = (row("keep", "api", "iam.googleapis.com"), ROLE, row("change"), row("create", "account"), CONNECTION)
RUN = Deployed(job="projects/1/pipelineJobs/wine-1", link=LINK, spec="gs://b/specs/abc.json", images=("host/one@abc",))
PUSH = Pushed(remote="https://example.test/wine.git", branch="automlops", commit="c0ffee" * 7, link=LINK, fresh=True)
GENERATED = Generated(folder="AutoMLOps/", changes=(), warnings=(), next_steps=(), dry_run=False)
MADE = Provisioned(script=SCRIPT, rows=(row("created"), row("kept", "api")))
PLAN = planned(*MIXED, checks=(GCLOUD, LOGIN, BILLING))
LAUNCHED = Launched(generated=GENERATED, planned=planned(ROLE), provisioned=MADE, deployed=RUN)
ALL = [PLAN, MADE, RUN, PUSH, LAUNCHED, planned(row("create"), checks=(GCLOUD,), unasked="it stopped:\n  403")]


class Page(HTMLParser):
    """What a browser reads: the tags with their attributes, and the words."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.words.append(data)


def words(shown):
    """The words of its HTML, in the order of reading."""
    return "".join(f"{each} " for each in Page(shown._repr_html_().replace("<wbr>", "")).words)


# ------------------------------------------------------------------------------- headlines


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "nothing to do"),
        ([row("keep")], "nothing to do, 1 is as it should be"),
        ([row("keep")] * 20, "nothing to do, 20 are as they should be"),
        ([row("change")] * 3 + [row("create")] * 12, "12 to create, 3 to change"),
        ([row("create"), row("keep")], "1 to create"),
        ([CONNECTION, row("create")], "1 to create; 1 to mend first"),
        ([CONNECTION, row("keep")], "nothing to do, 1 is as it should be; 1 to mend first"),
    ],
)
def test_a_plan_says_its_numbers_in_one_line(rows, told):
    assert planned(*rows).headline == f"{SCRIPT}: {told}"


@pytest.mark.parametrize(
    ("fates", "dry_run", "told"),
    [
        (["created", "kept", "changed", "created"], False, "2 created, 1 changed"),
        (["kept", "gone"], False, "nothing to do, 2 are as they should be"),
        (["remove", "keep"], True, "1 to remove (nothing was done yet)"),
        (["keep"], True, "nothing to do, 1 is as it should be"),
        (["removed", "gone"], False, "1 removed"),
    ],
)
def test_what_was_done_says_its_numbers_in_one_line(fates, dry_run, told):
    done = Provisioned(script=SCRIPT, rows=tuple(map(row, fates)), dry_run=dry_run)
    assert done.headline == f"{SCRIPT}: {told}"


def test_what_is_wrong_and_what_waits_for_a_person_is_to_be_mended():
    assert [problem.message for problem in PLAN.problems] == [
        "nobody is logged in",
        "connection automlops-github is not there, or not yours",
    ]
    assert [problem.hint for problem in PLAN.problems] == ["gcloud auth login", CONNECTION.why]
    assert PLAN.headline.endswith("; 2 to mend first")


def test_a_plan_that_asked_nobody_knows_of_no_missing_connection():
    unasked = planned(CONNECTION, checks=(LOGIN,), unasked="nobody could be asked")
    assert [problem.message for problem in unasked.problems] == ["nobody is logged in"]
    assert "planned as if nothing were there: nobody could be asked" in str(unasked)


# ------------------------------------------------------------------------------- order and columns


def test_problems_come_first_and_what_is_kept_last():
    fates = [line.split()[0] for line in str(PLAN).splitlines()[1:]]
    assert fates == ["wrong", "->", "unknown", "->", "ok", "needed", "create", "create", "change", "keep"]
    said = words(PLAN)
    places = [said.index(each) for each in ("nobody is logged in", "automlops-github", "demo-bucket", "iam.google")]
    assert places == sorted(places)


def test_a_role_is_shown_as_which_on_what_and_for_whom():
    assert ROLE.role == ("roles/aiplatform.user", "project demo-project", RUNNER)
    assert row("create", "role", "projects/p/roles/own on secret a on b for c@d").role[1:] == ("secret a on b", "c@d")
    assert row("create", "role", "strange").role == () and row("create", "bucket", "a on b for c").role == ()
    assert f"roles/aiplatform.user  on project demo-project  for {RUNNER}  (runs the steps)" in str(PLAN)
    assert "role on for whom would why roles/aiplatform.user project demo-project" in words(planned(ROLE))


def test_the_columns_of_the_text_are_straight_however_long_one_name_is():
    names = ("b", "demo-bucket", "x" * 200)
    lines = str(planned(*(row("create", name=name, why="why") for name in names))).splitlines()[1:]
    assert lines[0].index("(why)") == lines[1].index("(why)") < 60 and "x" * 200 in lines[2]
    two = (row("create", "role", f"{role} on bucket b for c@d") for role in ("roles/a", "roles/longer"))
    assert len({line.index("on bucket") for line in str(planned(*two)).splitlines()[1:]}) == 1


def test_what_mends_a_check_stands_on_a_line_that_can_be_copied():
    assert "-> gcloud auth login" in [line.strip() for line in str(PLAN).splitlines()]


def test_where_everything_is_kept_the_rows_are_folded_away():
    html = Provisioned(script=SCRIPT, rows=tuple(row("kept", name=f"b{number}") for number in range(20)))._repr_html_()
    before, folded = html.split("<details>")
    assert "20 are as they should be</summary>" in folded and "<table" not in before and folded.count("b1") == 11


def test_checks_are_folded_away_when_all_is_well_and_only_then():
    assert "1 checks" not in (well := planned(row("create"), checks=(GCLOUD,))._repr_html_()) and "<details>" in well
    assert "1 check, all well</summary>" in well
    assert "2 checks, all well</summary>" in planned(checks=(GCLOUD, GCLOUD))._repr_html_()
    assert "<details>" not in planned(row("create"), checks=(GCLOUD, LOGIN))._repr_html_()


def test_sixty_rows_are_all_shown():
    done = Provisioned(script=SCRIPT, rows=tuple(row("created", name=f"bucket-{number}.") for number in range(60)))
    for shown in (str(done), done._repr_html_()):
        assert all(f"bucket-{number}." in shown for number in range(60))


# ------------------------------------------------------------------------------- runs, pushes, and all of it


def test_a_run_is_a_link_with_its_spec_and_images():
    assert str(RUN).splitlines() == [
        "projects/1/pipelineJobs/wine-1: submitted",
        f"  run    {LINK}",
        "  spec   gs://b/specs/abc.json",
        "  image  host/one@abc",
    ]
    assert ("a", {"href": LINK}) in Page(RUN._repr_html_()).tags


def test_a_push_says_whether_there_was_anything_to_push():
    assert str(PUSH).startswith("pushed c0ffeec0ffee to automlops of https://example.test/wine.git: the trigger")
    again = Pushed(remote=PUSH.remote, branch=PUSH.branch, commit=PUSH.commit, link=LINK, fresh=False)
    assert again.headline.startswith("nothing to do: automlops of") and LINK in str(again)


def test_a_launch_shows_what_was_made_and_the_run():
    assert str(LAUNCHED) == f"{MADE.headline}\n{RUN}"
    assert MADE.headline in words(LAUNCHED) and "gs://b/specs/abc.json" in words(LAUNCHED)


def test_a_launch_that_stopped_at_the_plan_says_so_and_its_numbers():
    dry = Launched(generated=GENERATED, planned=PLAN)
    told = "dry run, nothing was made in Google Cloud: 2 to create, 1 to change; 2 to mend first"
    assert str(dry) == told and told in words(dry) and dry.problems == PLAN.problems


# ------------------------------------------------------------------------------- as a page

OWN = set("div p strong span table thead tbody tr th td code a details summary wbr".split())
HOSTILE = st.text(max_size=20) | st.sampled_from(
    ["<b>", "<script>alert(1)</script>", "'\"><img src=x onerror=alert(1)>", "</td></table><h1>", "&lt;i&gt;", "<!--"]
    + ["javascript:alert(1)", 'https://x.test/"onclick=alert(1)', "https://x.test/<b>", "data:text/html,<b>", "]]>"]
    + ["roles/<i> on <u>x</u> for <s>y</s>", "https://x.test/' style='a"]
)


@given(one=HOSTILE, two=HOSTILE, fate=st.sampled_from(["create", "kept", "needed"]) | HOSTILE)
def test_no_text_ever_opens_a_tag(one, two, fate):
    rows = (
        row(fate, one, two, one),
        row(fate, "role", f"roles/{one} on {two} for x@{two}", two),
        row("kept", two, one),
    )
    checks = tuple(Check(name=one, fate=each, told=two, mend=one) for each in Fate)
    shown = [
        planned(*rows, checks=checks, unasked=two),
        planned(*rows, checks=checks[:1]),
        done := Provisioned(script=one, rows=rows, dry_run=True),
        run := Deployed(job=one, link=two, spec=one, images=(two,), state=one),
        Pushed(remote=one, branch=two, commit=one, link=two, fresh=True),
        Launched(generated=GENERATED, planned=planned(*rows), provisioned=done, deployed=run),
    ]
    for page in (Page(each._repr_html_()) for each in shown):
        assert {tag for tag, _ in page.tags} <= OWN
        assert {name for _, attributes in page.tags for name in attributes} <= {"style", "scope", "href"}
        assert all(attributes["href"].startswith("https://") for _, attributes in page.tags if "href" in attributes)
        assert all(re.fullmatch("[a-z0-9:;,.# -]+", attributes.get("style", "a")) for _, attributes in page.tags)


def test_only_pages_served_over_https_are_links():
    for address in ("javascript:alert(1)", "http://example.test", "data:text/html,x", "https://x.test/ onclick=x", ""):
        run = Deployed(job="wine-1", link=address, spec="", images=())
        assert "<a " not in run._repr_html_() and "wine-1" in words(run)


def test_an_address_in_a_reason_can_be_followed_and_keeps_its_sentence():
    reason = "make it at https://example.test/connect, once (see https://example.test/more)."
    page = Page(planned(row("needed", "connection", "c", reason))._repr_html_())
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert links == ["https://example.test/connect", "https://example.test/more"]
    assert reason in "".join(page.words)


@pytest.mark.parametrize("shown", ALL, ids=lambda shown: type(shown).__name__)
def test_every_heading_says_what_it_heads_and_no_fate_is_colour_alone(shown):
    page = Page(shown._repr_html_())
    assert {attributes.get("scope") for tag, attributes in page.tags if tag == "th"} <= {"col", "row"}
    assert not re.search(r"border-left[^>]*>\s*<", shown._repr_html_())


@pytest.mark.slow
def test_a_browser_and_its_judges_have_nothing_against_them(tmp_path):
    documents = [browser.document(shown._repr_html_()) for shown in ALL]
    with browser.chromium() as chromium:
        for scheme in ("light", "dark"):
            for document in documents:
                with browser.window(chromium, scheme, tmp_path, (700, 900)) as opened:
                    opened.page.set_content(document)
                    opened.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
                    assert not browser.axe(opened.page) and not opened.errors and not opened.outside
                    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is too wide"
    assert not browser.html_faults(*documents)
