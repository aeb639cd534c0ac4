"""The report of a rehearsal: one HTML page, complete, valid, and deaf to what the user's data says."""

import json
import math
import re
from collections import Counter
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from AutoMLOps import report
from AutoMLOps.model import Problem, Run, State, TaskRun
from AutoMLOps.report import Document, Evidence, charts, measures, times, traces
from AutoMLOps.report.coloured import coloured
from AutoMLOps.report.markup import text
from AutoMLOps.report.style import STYLE
from AutoMLOps.report.told import lines
from AutoMLOps.report.words import plain, seconds

PICTURE = '<svg role="img" aria-label="graph" width="10" height="10"><rect width="10" height="10"/></svg>'
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """A page read back: its elements, what they are called, and its text."""

    def __init__(self, page):
        super().__init__()
        self.stack, self.elements, self.words, self.headings = [], [], [], []
        self.feed(page)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if self.stack[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self):
        return "".join(self.words)

    def all(self, *tags):
        return [attrs for tag, attrs in self.elements if tag in tags]

    @property
    def shape(self):
        """What elements there are, each with its attributes; words of code are coloured by what they are."""
        return Counter((tag, *sorted(attrs)) for tag, attrs in self.elements if tag != "span")


def task(path, state=State.SUCCEEDED, **said):
    name = path.rpartition("/")[2]
    times = {} if state in (State.SKIPPED, State.WAITING) else {"started": 101.0, "ended": 103.5}
    return TaskRun(**{"path": path, "name": name, "component": name, "state": state, **times, **said})


def run(*tasks, state=State.SUCCEEDED, folder="/nowhere", **said):
    return Run(
        **{"name": "wine", "id": "wine-1", "state": state, "folder": folder, "started": 100.0, "ended": 110.0, **said},
        tasks=tasks,
    )


def artifact(title, uri="/nowhere/file", **metadata):
    return [{"name": "x", "uri": uri, "type": {"schemaTitle": title}, "metadata": metadata}]


def outputs(**values):
    return json.dumps(values)


def made(told, evidence=None, picture=PICTURE, warnings=()):
    return Page(report.page(told, picture, evidence or {}, warnings))


MATRIX = {
    "annotationSpecs": [{"displayName": "cat"}, {"displayName": "dog"}],
    "rows": [{"row": [8, 2]}, {"row": [0, 5]}],
}
CURVE = [
    {"falsePositiveRate": x, "recall": y, "confidenceThreshold": at} for x, y, at in ((0.5, 1, 0.2), (0, 0.5, 0.9))
]
SCORES = artifact("system.ClassificationMetrics", confusionMatrix=MATRIX, confidenceMetrics=CURVE)

WHOLE = run(
    task("root/load", inputs='{"rows": 178}', outputs=outputs(data=artifact("system.Dataset", rows=178)), attempts=1),
    task("root/loop", group=True),
    *(
        task(
            f"root/loop/{item}/train",
            inputs=json.dumps({"depth": item + 1, "seed": 7}),
            outputs=outputs(metrics=artifact("system.Metrics", accuracy=0.9 + item / 100), scores=SCORES),
            attempts=1,
        )
        for item in range(3)
    ),
    task("root/again", attempts=3),
    task("root/before", State.CACHED, cached="/runs/earlier", outputs='{"Output": 0.25}'),
    task("root/condition-1", State.SKIPPED, group=True),
    task(
        "root/deploy", State.FAILED, error='ValueError: too bad\nFile "/code/deploy.py", line 3, in deploy', attempts=1
    ),
    task("root/tell", State.SKIPPED),
    task("root/late", State.CANCELLED),
    task("root/now", State.RUNNING, ended=0.0),
    task("root/then", State.WAITING),
    state=State.FAILED,
    parameters='{"rows": 178, "word": "x"}',
    outputs='{"best": 0.93}',
)
LEFT = {
    "root/deploy": Evidence(
        log="looking\nValueError: too bad",
        code="import os\n\n" + "raise ValueError('too bad')  # no\n" + "x = '''a\nb'''\n",
        requirements="pandas==2\n",
    ),
    "root/again": Evidence(log="third time", earlier=("first time", "second time")),
    "root/loop/0/train": Evidence(log="", code="x = 1\n", requirements=""),
    "root/loop/1/train": Evidence(log="", code="x = 1\n", requirements=""),
    "root/load": Evidence(
        documents=(
            Document(name="page", place="/p", text='<h1>It"s</h1><script>1</script>'),
            Document(name="card", place="/m", markdown=True, text="# Card\n\n<script>1</script> **bold**"),
            Document(name="far", place="gs://b/x", missing="its file is not on this machine"),
        )
    ),
}


@pytest.fixture(scope="module")
def page():
    return made(WHOLE, LEFT, warnings=[Problem(message="the cells changed", hint="call generate()")])


# What it says


def test_it_says_first_whether_it_worked_on_what_when_and_how_long(page):
    told = " ".join(page.text.split())
    assert (
        told.index("wine: failed")
        < told.index("failed in 10.0 s")
        < told.index("11 steps, began ")
        < told.index("wine-1")
    )
    assert datetime.strptime(page.all("time")[0]["datetime"], "%Y-%m-%dT%H:%M:%S%z").timestamp() == 100
    assert "/nowhere" in told


def test_what_went_wrong_stands_before_everything_else(page):
    titles = [part["id"] for part in page.all("section")]
    assert titles == "failures warnings metrics graph timeline parameters outputs steps".split()
    assert page.text.index("ValueError: too bad") < page.text.index("the cells changed")


def test_each_state_is_told_in_words_and_by_a_sign_of_its_own(page):
    signs = {attrs["href"] for attrs in page.all("use")} - {"#time-grid"}
    assert signs == {f"#icon-{state.value}" for state in State}
    for state in State:
        assert page.text.count(state.value) >= 3, state


def test_failed_steps_are_open_and_the_others_closed(page):
    steps = [attrs for attrs in page.all("details") if attrs.get("class", "").startswith("step ")]
    assert [attrs["class"] for attrs in steps if "open" in attrs] == ["step failed"]
    assert len(steps) == len(WHOLE.tasks) - 1  # the loop is told by what it holds


def test_the_error_stands_above_the_log_and_the_line_that_failed_is_marked():
    whole = report.page(WHOLE, PICTURE, LEFT)
    step = whole[whole.index('<details class="step failed"') :]
    assert step.index("ValueError: too bad") < step.index("Log") < step.index("raise")
    marked = re.findall(r'<span class="line failed">(.*)</span>', step)
    assert [re.sub("<[^>]*>", "", line) for line in marked] == ["raise ValueError(&#x27;too bad&#x27;)  # no"]


def test_items_of_a_loop_are_told_apart_by_what_they_were_given(page):
    assert "item 2, depth=3" in page.text and "seed=" not in page.text
    rows = [line.name for line in lines(WHOLE)]
    assert rows[rows.index("loop") :][:4] == ["loop", "train", "train", "train"]
    assert [line.depth for line in lines(WHOLE) if line.name == "train"] == [1, 1, 1]


def test_retries_and_their_logs_are_told(page):
    told = page.text
    assert "3 attempts" in told
    assert told.index("third time") < told.index("attempt 1") < told.index("first time") < told.index("second time")


def test_a_cached_step_says_whose_outputs_it_has(page):
    assert "It did not run again" in page.text and "/runs/earlier" in page.text


def test_the_picture_stands_in_it_as_it_is():
    assert PICTURE in report.page(WHOLE, PICTURE, {})


def test_what_there_is_not_is_left_out():
    page = made(run(), picture="")
    assert [part["id"] for part in page.all("section")] == []
    assert "0 steps" in page.text


def test_a_run_that_was_ended_says_why():
    page = made(run(task("root/a", State.CANCELLED), state=State.FAILED, error="it took longer than 5 seconds"))
    assert [part["id"] for part in page.all("section")][0] == "failures"
    assert page.text.count("it took longer than 5 seconds") == 1


def test_the_same_run_gives_the_same_page():
    assert report.page(WHOLE, PICTURE, LEFT) == report.page(WHOLE, PICTURE, LEFT)


def test_code_is_shown_once_and_pointed_to_after_that(page):
    told = page.text
    assert told.count("x = 1") == 1 and "The same as" in told


def test_the_picture_may_link_to_the_section_of_a_step(page):
    assert report.anchor(WHOLE, "root/deploy") in {attrs.get("id") for _, attrs in page.elements}
    assert report.anchor(WHOLE, "root/none") == ""


# How it is built


def test_every_link_leads_somewhere_in_the_page(page):
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    links = [attrs["href"] for attrs in page.all("a", "use")]
    assert links and {link.removeprefix("#") for link in links} <= set(ids)


def test_headings_go_down_one_level_at_a_time(page):
    assert page.headings[0] == 1 and page.headings.count(1) == 1
    assert all(below - above <= 1 for above, below in zip(page.headings, page.headings[1:], strict=False))


def test_tables_have_heads_that_say_what_they_are_for(page):
    heads = page.all("th")
    assert heads and all(attrs.get("scope") in ("col", "row", "colgroup") for attrs in heads)
    assert len(page.all("caption")) == len(page.all("table")) - 3  # a confusion matrix has the caption of its figure


def test_it_has_landmarks_a_language_and_a_way_past_the_contents(page):
    assert page.all("html") == [{"lang": "en"}]
    assert all(len(page.all(landmark)) == 1 for landmark in ("header", "nav", "main", "footer", "h1"))
    assert page.all("a")[0] == {"class": "skip", "href": "#top"} and page.all("main")[0]["id"] == "top"


def test_it_runs_nothing_and_loads_nothing():
    whole = report.page(WHOLE, PICTURE, LEFT)
    page = Page(whole)
    assert not page.all("script", "object", "embed", "form", "base", "img")
    (policy,) = [attrs["content"] for attrs in page.all("meta") if "http-equiv" in attrs]
    assert policy.startswith("default-src 'none';") and "script" not in policy and "http" not in policy
    assert whole.index("Content-Security-Policy") < whole.index("<style>")
    assert [attrs["href"] for attrs in page.all("link")] == ["data:,"]
    assert not [
        name for _, attrs in page.elements for name in attrs if name.startswith("on") or name in ("src", "style")
    ]
    assert "url(" not in whole and "@import" not in whole


def test_what_steps_wrote_to_be_read_is_in_frames_that_may_do_nothing(page):
    html, markdown = page.all("iframe")
    for frame in (html, markdown):
        assert frame["sandbox"] == "" and frame["loading"] == "lazy"
    assert html["title"] == "HTML page" and html["srcdoc"] == '<h1>It"s</h1><script>1</script>'
    card = Page(markdown["srcdoc"])
    assert [tag for tag, _ in card.elements if tag in ("h1", "strong", "script")] == ["h1", "strong"]
    assert "<script>1</script> bold" in card.text and markdown["title"] == "Markdown card"
    assert "its file is not on this machine" in page.text and "gs://b/x" in page.text


def test_both_light_and_dark_are_legible():
    light, dark = (dict(re.findall(r"--([\w-]+): (#\w+)", part)) for part in _schemes(STYLE))
    assert set(light) == set(dark)
    for colours in (light, dark):
        for state in State:
            for ground in ("sheet", "ground"):
                assert contrast(colours[state.value], colours[ground]) >= 4.5, state
        for word in ("ink", "soft", "link"):
            assert min(contrast(colours[word], colours[ground]) for ground in ("sheet", "ground", "well")) >= 4.5
        for word in ("keyword", "string", "comment", "literal", "ink"):
            assert min(contrast(colours[word], colours[ground]) for ground in ("well", "mark")) >= 4.5, word
        assert min(contrast(colours[word], colours["blush"]) for word in ("failed", "ink")) >= 4.5


def test_every_shade_of_a_heat_map_is_legible():
    shades = re.findall(r"\.heat-(\d) \{\s*background: rgba\(var\(--heat\), ([\d.]+)\)", STYLE)
    assert [int(shade) for shade, _ in shades] == list(range(charts.SHADES))
    inverse = re.findall(r"\.heat-(\d)(?=[^}]*\{\s*color: var\(--sheet\))", STYLE)
    for scheme in _schemes(STYLE):
        colours = dict(re.findall(r"--([\w-]+): (#\w+)", scheme))
        (heat,) = re.findall(r"--heat: ([\d, ]+)", scheme)
        tone = [int(part) for part in heat.split(",")]
        for shade, share in shades:
            word = "sheet" if shade in inverse else "ink"
            mixed = [
                float(share) * a + (1 - float(share)) * b for a, b in zip(tone, channels(colours["sheet"]), strict=True)
            ]
            assert contrast(colours[word], mixed) >= 4.5, (shade, word)


def _schemes(style):
    light, dark = style.split("prefers-color-scheme: dark", 1)
    return light, dark[: dark.index("} }")]


def channels(colour):
    digits = colour.removeprefix("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    return [int(digits[place : place + 2], 16) for place in (0, 2, 4)]


def luminance(colour):
    parts = [part / 255 for part in (channels(colour) if isinstance(colour, str) else colour)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_a_run_of_a_hundred_steps_stays_small():
    code = "def train(depth: int) -> float:\n" + "    value = depth + 1  # a line of code\n" * 60
    tasks = [task("root/loop", group=True)]
    tasks += [
        task(
            f"root/loop/{item}/train",
            inputs=json.dumps({"depth": item}),
            outputs=outputs(metrics=artifact("system.Metrics", accuracy=0.9), scores=SCORES),
        )
        for item in range(100)
    ]
    left = {each.path: Evidence(log="a line of the log\n" * 50, code=code, requirements="a\n") for each in tasks[1:]}
    assert len(report.page(run(*tasks), PICTURE, left).encode()) < 2_000_000


# Metrics


def test_the_runs_of_a_component_stand_side_by_side(page):
    told = " ".join(page.text.split())
    assert "train, run by run" in told
    metrics = told[told.index("train, run by run") : told.index("predicted")]
    assert "accuracy metrics" in metrics and "area under ROC scores" in metrics
    assert [metrics.count(value) for value in ("0.9", "0.91", "0.92")] == [3, 1, 1]


def test_a_step_that_ran_once_has_a_row_for_each_metric():
    said = {"accuracy": 0.123456789, "name": "forest", "none": None, "big": 10**400, "bad": math.nan, "list": [1, 2]}
    page = made(
        run(task("root/a", outputs=outputs(m=artifact("system.Metrics", **said), Output=3, word="no", yes=True)))
    )
    assert [metric.name for metric in measures.measured(task("root/a", outputs=outputs(Output=3, yes=True)))] == [
        "Output"
    ]
    told = page.text
    assert all(each in told for each in ("0.123457", "forest", "null", "nan", "[1, 2]", "1" + "0" * 38 + "…"))
    assert "0.123456789" in {attrs.get("title") for attrs in page.all("td")}


def test_a_confusion_matrix_has_its_numbers_shares_and_names(page):
    told = " ".join(page.text.split())
    assert "predicted" in told and "actual" in told and "cat" in told and "dog" in told
    cells = [attrs["class"] for attrs in page.all("td") if attrs.get("class", "").startswith("heat")]
    assert cells[:4] == ["heat-8", "heat-2", "heat-0", "heat-9"]
    assert "86.7% of 15 on the diagonal" in told and "80%" in told


@pytest.mark.parametrize(
    ("points", "area"),
    [
        ([(0, 0), (0, 1), (1, 1)], 1.0),
        ([(0, 0), (1, 1)], 0.5),
        ([(1, 1), (0, 0), (0.5, 0.5)], 0.5),
        ([(0, 0.5), (0.5, 1)], 0.875),
        ([(1, 0)], 0.0),
        ([(0.25, 0.75)], 0.75),
    ],
)
def test_the_area_under_a_curve_is_that_of_its_trapezoids(points, area):
    said = {"confidenceMetrics": [{"falsePositiveRate": x, "recall": y} for x, y in points]}
    assert measures.curve_of(said).area == pytest.approx(area)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
def test_every_area_is_a_share_and_every_curve_begins_and_ends_in_the_corners(points):
    said = {"confidenceMetrics": [{"falsePositiveRate": x, "recall": y} for x, y in points]}
    curve = measures.curve_of(said)
    assert -1e-9 <= curve.area <= 1 + 1e-9
    assert curve.points[0][:2] == (0, 0) and curve.points[-1][:2] == (1, 1)
    assert Page(charts.curve(curve, "x")).all("polyline")


def test_a_long_curve_is_drawn_with_fewer_points_and_measured_with_all():
    said = {"confidenceMetrics": [{"falsePositiveRate": x / 9999, "recall": x / 9999} for x in range(10_000)]}
    curve = measures.curve_of(said)
    (drawn,) = Page(charts.curve(curve, "x")).all("polyline")
    assert len(drawn["points"].split()) <= charts.FINEST + 1
    assert drawn["points"].split()[-1] == f"{charts.LEFT + charts.SIDE:.1f},{charts.TOP:.1f}"
    assert curve.area == pytest.approx(0.5)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"confusionMatrix": 5, "confidenceMetrics": "x", "evaluationSlices": {}},
        {"confusionMatrix": {"annotationSpecs": [], "rows": []}, "confidenceMetrics": []},
        {"confusionMatrix": {"annotationSpecs": [{"displayName": "a"}], "rows": [{"row": [1, 2]}]}},
        {"confusionMatrix": {"annotationSpecs": [{"displayName": "a"}], "rows": [{"row": ["1"]}]}},
        {"confusionMatrix": {"annotationSpecs": [{"displayName": "a"}], "rows": [{"row": [True]}]}},
        {"confusionMatrix": {"annotationSpecs": [{"displayName": "a"}], "rows": [{"row": [math.inf]}]}},
        {"confusionMatrix": {"annotationSpecs": [{"displayName": "a"}], "rows": [None]}},
        {"confidenceMetrics": [{"falsePositiveRate": math.nan, "recall": 1}, {"recall": 1}, 3, None]},
        {"confidenceMetrics": [{"falsePositiveRate": 2, "recall": 1}, {"falsePositiveRate": "0", "recall": 1}]},
    ],
)
def test_what_is_no_matrix_and_no_curve_is_not_drawn(said):
    page = made(run(task("root/a", outputs=outputs(scores=artifact("system.ClassificationMetrics", **said)))))
    assert not page.all("figure")


def test_a_matrix_of_nothing_has_no_shares_and_one_of_very_many_classes_is_not_drawn():
    empty = measures.matrix_of({"confusionMatrix": {"annotationSpecs": [{"displayName": ""}], "rows": [{"row": [0]}]}})
    assert empty.right == 0 and "%" not in charts.matrix(empty) and "(no name)" in charts.matrix(empty)
    many = charts.WIDEST + 1
    large = {
        "annotationSpecs": [{"displayName": str(each)} for each in range(many)],
        "rows": [{"row": [1] * many}] * many,
    }
    assert "too many to be shown" in charts.matrix(measures.matrix_of({"confusionMatrix": large}))


def test_slices_are_drawn_each_with_its_name():
    inside = {"slice": "women", "sliceClassificationMetrics": {"confusionMatrix": MATRIX, "confidenceMetrics": CURVE}}
    sliced = artifact("system.SlicedClassificationMetrics", evaluationSlices=[inside, 3])
    page = made(run(task("root/a", outputs=outputs(scores=sliced))))
    assert len(page.all("figure")) == 2 and "scores · women" in page.text


# Times


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (-1, "0.00 s"),
        (0.04, "0.04 s"),
        (9.999, "10.0 s"),
        (59.97, "1 min 0 s"),
        (125, "2 min 5 s"),
        (3780, "1 h 3 min"),
    ],
)
def test_times_are_said_as_people_say_them(span, said):
    assert seconds(span) == said


@given(st.floats(0.001, 4e6))
def test_the_marks_of_time_are_few_and_begin_at_nothing(span):
    marks = times.ticks(span)
    assert marks[0] == 0 and 2 <= len(marks) <= 9 and marks[-1] <= span * (1 + 1e-9)
    assert marks == sorted(set(marks))


@given(st.floats(1, 4e6))
def test_the_marks_of_time_are_round(span):
    names = Page(times.axis(span)).text
    assert re.fullmatch(r"(\d{1,4}(\.[1-9])? (s|min|h))+", names), names


@given(st.floats(-10, 200), st.floats(-10, 200), st.floats(0.001, 100))
def test_a_bar_never_leaves_its_row(begin, end, span):
    (drawn,) = Page(times.bar(begin, end, span, "failed")).all("rect")
    left, width = (float(drawn[name].removesuffix("%")) for name in ("x", "width"))
    assert left >= 0 and width > 0 and left + width <= 100.02


# What is evidence


@pytest.fixture
def ran(tmp_path):
    """A run whose step trained twice, and left what there is to leave."""
    home = tmp_path / "root" / "train"
    (home / "attempt-2").mkdir(parents=True)
    (tmp_path / "code").mkdir()
    (home / "log.txt").write_text("first try")
    (home / "attempt-2" / "log.txt").write_bytes(
        b"\x1b[31mred\x1b[0m \xff\x00\x07 done\r\n 10%\r 90%\r100%\r\n\x1b]0;title\x07end"
    )
    (tmp_path / "code" / "train.py").write_text("x = 1\n")
    (tmp_path / "code" / "train.txt").write_text("pandas==2\n")
    (tmp_path / "page").write_text("<p>é</p>", encoding="utf-8")
    said = {
        "page": artifact("system.HTML", str(tmp_path / "page")),
        "card": artifact("system.Markdown", str(tmp_path / "page")),
        "far": artifact("system.HTML", "gs://bucket/page"),
        "odd": artifact("system.HTML", "a\0b"),
        "data": artifact("system.Dataset", str(tmp_path / "page")),
    }
    log = str(home / "attempt-2" / "log.txt")
    return run(task("root/train", attempts=2, log=log, outputs=json.dumps(said)), folder=str(tmp_path))


def test_it_finds_what_a_step_left(ran):
    found = report.evidence(ran)["root/train"]
    assert found.log == "red \ufffd done\n100%\nend"
    assert found.earlier == ("first try",)
    assert (found.code, found.requirements) == ("x = 1\n", "pandas==2\n")
    assert [(each.name, each.markdown, each.text) for each in found.documents] == [
        ("page", False, "<p>é</p>"),
        ("card", True, "<p>é</p>"),
        ("far", False, ""),
        ("odd", False, ""),
    ]
    assert [bool(each.missing) for each in found.documents] == [False, False, True, True]


def test_what_is_not_there_is_absent():
    found = report.evidence(run(task("root/a"), task("root/loop", group=True), folder="/nowhere"))
    assert found == {"root/a": Evidence()}


def test_of_a_long_log_the_head_and_the_tail_are_kept(ran, tmp_path):
    log = Path(ran.tasks[0].log)
    log.write_text("HEAD" + "x" * (2 * traces.LOG) + "TAIL")
    found = report.evidence(ran)["root/train"].log
    assert found.startswith("HEAD") and found.endswith("TAIL") and len(found) < traces.LOG + 500
    assert f"[... {traces.LOG + 8} bytes are left out here: the whole is in {log} ...]" in found


def test_many_long_logs_are_each_cut_shorter(tmp_path):
    tasks = [task(f"root/s{number}") for number in range(300)]
    for each in tasks:
        (tmp_path / each.path).mkdir(parents=True)
        (tmp_path / each.path / "log.txt").write_text("x" * 300_000)
    found = report.evidence(run(*tasks, folder=str(tmp_path)))
    assert sum(len(each.log) for each in found.values()) < traces.LOGS * 1.1


def test_a_document_that_is_too_long_is_told_and_not_shown(ran, tmp_path, monkeypatch):
    monkeypatch.setattr(traces, "DOCUMENT", 5)
    (first, *_) = report.evidence(ran)["root/train"].documents
    assert first.text == "" and "too long" in first.missing


def test_documents_share_what_room_there_is(ran, monkeypatch):
    monkeypatch.setattr(traces, "DOCUMENTS", 12)  # bytes: the first has 9
    assert [bool(each.text) for each in report.evidence(ran)["root/train"].documents] == [True, False, False, False]


def test_what_kfp_says_of_itself_is_folded_away_and_what_the_user_logs_is_not():
    head = "[KFP Executor 2026-11-21 08:00:00,000 INFO]: "
    log = f"{head}Got executor_input:\n{{\n  1\n}}\n{head}mine\n{head}Wrote executor output file to x.\n"
    whole = report.page(run(task("root/a")), PICTURE, {"root/a": Evidence(log=log)})
    assert re.search(r'aria-label="log of a">mine</pre>', whole)
    assert re.search("the whole log, with what kfp(&#x27;|')s executor said, 6 lines", whole)


# What the user's data says is text

NASTY = [
    "</pre><script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "' onmouseover='alert(1)",
    "--><!--",
    "]]></style></title></textarea>",
    "&lt;b&gt; &amp; &#60;script&#62;",
    "a\0b\x1b[31mred\x1b[0m\x07\x85\ufffe",
    "lone \ud800 surrogate",
    "\u202eright to left",
    "🎉 é 日本",
    "{{7*7}} ${x} %s {0}",
    "javascript:alert(1)",
    "x" * 5000,
]


def said_everywhere(word):
    """A run, and what it left, that say a word wherever a user's data can stand."""
    metadata = {word: word, "n": word}
    matrix = {"annotationSpecs": [{"displayName": word}], "rows": [{"row": [1]}]}
    scores = artifact(
        "system.ClassificationMetrics", word, confusionMatrix=matrix, confidenceMetrics=CURVE, **{f"k{word}": word}
    )
    given = {word: word, "list": [word, {word: word}], "data": artifact(word, word, **metadata)}
    gave = {
        f"o{word}": word,
        "m": artifact("system.Metrics", **metadata),
        f"s{word}": scores,
        "page": artifact("system.HTML", word),
    }
    both = {"inputs": json.dumps(given), "outputs": json.dumps(gave)}
    tasks = (
        task(
            f"root/a{word}".replace("/", "|"),
            name=word,
            component=word,
            error=f"{word}\n{word}",
            log=word,
            cached=word,
            **both,
        ),
        task("root/loop", group=True),
        *(
            task(f"root/loop/{item}/b", inputs=json.dumps({word: f"{item}{word}"}), outputs='{"n": 1}')
            for item in range(2)
        ),
        task("root/c", State.FAILED, error=word, attempts=2, log=word),
    )
    document = Document(name=word, place=word, text=word, missing="")
    left = Evidence(
        log=word,
        earlier=(word,),
        code=f"# {word}\nx = {word!r}\n",
        requirements=word,
        documents=(document, replace(document, markdown=True), replace(document, text="", missing=word)),
    )
    told = run(
        *tasks, name=word, id=word, folder=word, parameters=json.dumps({word: word}), outputs=json.dumps({word: word})
    )
    return (
        told,
        {each.path: left for each in tasks if not each.group},
        [Problem(message=word, hint=word, cell=word, line=1)],
    )


def markless(word):
    """The word without what means something in HTML."""
    return word.translate(str.maketrans("<>&'\"", "=?%()"))


@pytest.mark.parametrize("word", NASTY, ids=range(len(NASTY)))
def test_no_nasty_word_becomes_more_than_text(word):
    told, left, warnings = said_everywhere(word)
    whole = report.page(told, PICTURE, left, warnings)
    whole.encode("utf-8")
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", whole)
    page = Page(whole)
    assert not page.all("script", "img", "textarea", "b")
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in made(*usual()).elements}


def usual():
    told, left, warnings = said_everywhere("word")
    return told, left, PICTURE, warnings


WORDS = st.text(
    st.one_of(st.sampled_from("<>&'\"/=- abc"), st.characters(exclude_categories=("C", "Z"))), min_size=1, max_size=15
).map(lambda word: f"w{word}w")


@settings(max_examples=60, deadline=None)
@given(WORDS)
def test_whatever_is_said_comes_out_as_text_and_changes_no_element(word):
    told, left, warnings = said_everywhere(word)
    plain, bare, same = said_everywhere(markless(word))
    page = made(told, left, warnings=warnings)
    assert page.shape == made(plain, bare, warnings=same).shape
    assert page.text.count(word) >= 25
    frames = [attrs["srcdoc"] for attrs in page.all("iframe")]
    assert frames[0] == word
    assert {attrs.get("class", "").split(" ")[0] for attrs in page.all("span")} <= SPANS


SPANS = {"", "off", "state", "brief", "line", "keyword", "string", "comment", "literal"}


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_whatever_bytes_a_log_holds_the_page_can_be_written(said):
    page = report.page(
        run(task("root/a")),
        PICTURE,
        {"root/a": Evidence(log=plain(said.decode(errors="replace")), code=plain(said.decode(errors="replace")))},
    )
    assert page.encode("utf-8")
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f]", page)
    Page(page)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(JSON, JSON)
def test_any_json_can_be_an_input_an_output_and_metadata(value, other):
    scores = artifact(
        "system.ClassificationMetrics", confusionMatrix=value, confidenceMetrics=other, evaluationSlices=[value]
    )
    both = {"inputs": outputs(i=value), "outputs": outputs(o=other, v=[value], s=scores)}
    made(run(task("root/a", **both), task("root/b", **both), parameters=outputs(p=other)))


def test_a_value_that_looks_like_an_artifact_is_shown():
    page = made(run(task("root/a", outputs=outputs(pages=[{"uri": "/x", "type": "png", "metadata": [1]}]))))
    assert "/x" in page.text


@given(st.text("ab'\"#\\\n\t ()[]{}:1ß🎉\x0c\u2028", max_size=60))
def test_code_keeps_every_line_and_letter_whatever_it_is(code):
    shown = [re.sub("<[^>]*>", "", line) for line in coloured(code).split("\n")]
    assert shown == [text(line.rstrip()) for line in code.rstrip().split("\n")]


def test_python_is_coloured_word_by_word():
    (first, second) = coloured('def f(x):  # why\n    return "é" + 1').split("\n")
    assert (
        first == '<span class="line"><span class="keyword">def</span> f(x):  <span class="comment"># why</span></span>'
    )
    assert '<span class="string">&quot;é&quot;</span> + <span class="literal">1</span>' in second
