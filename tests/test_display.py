"""What a person sees of a result."""

import re
from html.parser import HTMLParser

from pictures import KINDS, WINE

from AutoMLOps import AutoMLOps
from AutoMLOps.display import Generated, headline
from AutoMLOps.model import Change, Fate, Problem


def result(*changes, **more):
    return Generated(
        folder="AutoMLOps/",
        changes=tuple(Change(path=path, fate=fate, note=note) for path, fate, note in changes),
        **more,
    )


def test_the_headline_counts():
    done = result(("a", Fate.CREATED, ""), ("b", Fate.CREATED, ""), ("c", Fate.KEPT, ""), ("d", Fate.SAME, ""))
    assert headline(done) == "AutoMLOps/: 2 created, 1 kept"


def test_nothing_to_do_is_said():
    assert headline(result(("a", Fate.SAME, ""))) == "AutoMLOps/: nothing to do, 1 files are as they should be"


def test_a_dry_run_is_said():
    assert "dry run: nothing was written" in str(result(("a", Fate.CREATED, ""), dry_run=True))


def test_warnings_and_next_steps_are_told():
    text = str(
        result(warnings=(Problem(message="careful", hint="mend it", cell="cell 2", line=3),), next_steps=("do this",))
    )
    assert "  - cell 2, line 3: careful (mend it)" in text and "  - do this" in text


def test_edits_are_told_however_much_was_created():
    changes = [(f"a{n}", Fate.CREATED, "") for n in range(100)] + [("z", Fate.KEPT, "yours"), ("y", Fate.REMOVED, "")]
    text = str(result(*changes))
    assert "kept     z  (yours)" in text and "removed  y" in text and "... and 60 more" in text


class Balanced(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.texts, self.tags = [], [], set()

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def test_the_html_is_a_balanced_tree_without_scripts_and_escapes_everything():
    hostile = "<script>alert(1)</script>&\"'"
    page = Balanced()
    page.feed(
        result(
            (f"x/{hostile}", Fate.KEPT, hostile),
            ("x/y/z", Fate.CREATED, ""),
            ("a", Fate.SAME, ""),
            warnings=(Problem(message=hostile),),
            next_steps=(hostile,),
        )._repr_html_()
    )
    assert page.open == [] and "script" not in page.tags
    assert sum(hostile.rpartition("/")[2] in text for text in page.texts) >= 4


def test_every_file_is_in_the_html():
    paths = [f"f{n % 7}/g{n % 3}/h{n}" for n in range(50)]
    html = result(*((path, Fate.CREATED, "") for path in paths))._repr_html_()
    assert all(f"<li>{path.rpartition('/')[2]} " in html for path in paths)


def test_the_html_shows_the_steps_above_the_files():
    html = result(("a", Fate.CREATED, ""), pipeline=WINE)._repr_html_()
    assert re.findall('data-node="([^"]*)"', html) == [f"root/{step.name}" for step in WINE.steps]
    assert html.index("</svg>") < html.index("<li>a ")
    page = Balanced()
    page.feed(html)
    assert page.open == [] and "svg" in page.tags and "script" not in page.tags


def test_a_pipeline_that_only_shows_when_it_runs_has_its_picture_later():
    html = result(("a", Fate.CREATED, ""), pipeline=KINDS)._repr_html_()
    assert "<svg" not in html and html.count("comes with rehearse()") == 1


def test_without_a_pipeline_there_is_no_picture():
    assert "rehearse" not in result(("a", Fate.CREATED, ""))._repr_html_()


def test_the_text_does_not_show_the_pipeline():
    done = result(("a", Fate.CREATED, ""), pipeline=WINE)
    assert str(done) == repr(done) == str(result(("a", Fate.CREATED, "")))


SCRIPT = """
from AutoMLOps import AutoMLOps
from kfp import dsl


@AutoMLOps.component
def count(words: str) -> int:
    return len(words.split())


@AutoMLOps.component
def tell(number: int):
    print(number)


@AutoMLOps.pipeline(name="words")
def words_pipeline(words: str):
    counted = count(words=words)
    with dsl.If(counted.output > 2):
        tell(number=counted.output)
"""


def test_what_generate_returns_shows_the_graph(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work.py").write_text(SCRIPT)
    html = AutoMLOps.generate(notebook="work.py", pipeline_params={"words": "one"}, dry_run=True)._repr_html_()
    assert re.findall('data-node="([^"]*)"', html) == ["root/condition-1", "root/count", "root/condition-1/tell"]
    assert "if count &gt; 2" in html
