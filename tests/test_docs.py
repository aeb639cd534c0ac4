"""The pages say what is so: their code runs and gives what they show; so do the docstrings."""

import ast
import inspect
import os
import re
import sys
from pathlib import Path

import nbformat
import pages
import pytest
from cloud.standin import OWNER, Cloud
from tools import CHECKOUT, environment

from AutoMLOps import AutoMLOps
from AutoMLOps.settings import Settings, table
from AutoMLOps.synonyms import SYNONYMS

pytest_plugins = ["cloud.fixture"]

IN_CLOUD = {"docs/cloud.md"}  # pages whose code reaches Google: it runs in the stand-in, and takes a while
RUN = {page.relative_to(CHECKOUT).as_posix(): page for page in pages.PAGES if any(b.runs for b in pages.blocks(page))}
ALL = [block for page in pages.PAGES for block in pages.blocks(page)]
PUBLIC = {name: getattr(AutoMLOps, name) for name in AutoMLOps.__all__ if name not in ("AutoMLOps", "schedules")}
PUBLIC |= {f"schedules.{name}": getattr(AutoMLOps.schedules, name) for name in AutoMLOps.schedules.__all__}
OLDER = ("clear_cache", "launchAll", "run")
UNRUN = 5  # blocks that nobody runs: at most
PATH = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))


# ------------------------------------------------------------------------------- the code of the pages


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in RUN if name not in IN_CLOUD])
def test_the_code_of_a_page_runs_and_gives_what_it_shows(name, tmp_path):
    notebook = pages.notebook(RUN[name])
    pages.execute(notebook, tmp_path, environment() | {"PATH": PATH})
    faults = list(pages.faults(RUN[name], notebook, tmp_path))
    assert not faults, "\n\n".join(faults)


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("name", IN_CLOUD)
def test_the_code_of_a_page_runs_in_the_cloud(cloud: Cloud, name, tmp_path):
    cloud.state.project("my-project")
    cloud.state.grant(OWNER, "roles/owner", on="projects/my-project")
    notebook = tmp_path / "page.ipynb"
    nbformat.write(pages.notebook(RUN[name]), notebook)
    here = {"PYTHONPATH": str(CHECKOUT), "PATH": PATH}
    ended = cloud.run(sys.executable, CHECKOUT / "tests/pages.py", notebook, cwd=tmp_path, env=here)
    assert ended.returncode == 0, ended.stderr
    faults = list(pages.faults(RUN[name], nbformat.read(notebook, as_version=4), tmp_path))
    assert not faults, "\n\n".join(faults)


def test_every_block_is_of_a_kind_that_is_looked_at():
    assert not [block.place for block in ALL if not (block.runs or block.mark[0] or not block.language)]


def test_few_blocks_are_not_run_and_each_says_why():
    unrun = [block for block in ALL if block.mark[0] == "not run"]
    assert len(unrun) <= UNRUN and all(len(block.mark[1].split()) > 3 for block in unrun)


def test_the_tests_that_run_a_block_in_its_place_are_there():
    for block in ALL:
        if block.mark[0] == "run by":
            path, _, name = block.mark[1].partition("::")
            there = re.search(rf"^def {name}\(", (CHECKOUT / path).read_text(encoding="utf-8"), re.MULTILINE)
            assert there, f"{block.place}: there is no {block.mark[1]}"


PAGE = """
```python
print("one", 2.5)
```

```
one ...
```

<!-- fails -->
```python
1 / 0
```

```
...
ZeroDivisionError: division by zero
```

<!-- file: made/a.txt -->
```
written
```

```bash
cat made/a.txt
```

```
written
```

<!-- in: made/a.txt -->
```text
writ...
```

```
made/
└── a.txt
```
"""
OTHER_CODE = PAGE.replace("1 / 0", "1 / 1").replace('print("one", 2.5)', "1 / 0").replace("cat made/a.txt", "exit 3")
OTHER_WORDS = {
    "one ...": "two ...",
    "ZeroDivisionError: division by zero": "ZeroDivisionError",
    "writ...": "writing",
    "└── a.txt": "└── b.txt",
}


@pytest.mark.slow
def test_a_page_that_says_what_is_not_so_is_found_out(tmp_path):
    (tmp_path / "made").mkdir()
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    ran = pages.notebook(page)
    pages.execute(ran, tmp_path, environment())
    assert not list(pages.faults(page, ran, tmp_path))
    for right, wrong in OTHER_WORDS.items():
        page.write_text(PAGE.replace(right, wrong, 1))
        assert list(pages.faults(page, ran, tmp_path)), right
    page.write_text(OTHER_CODE)
    ran = pages.notebook(page)
    pages.execute(ran, tmp_path, environment())
    assert len([fault for fault in pages.faults(page, ran, tmp_path) if "fail:" in fault or "it failed" in fault]) == 3


def test_the_links_of_the_readme_lead_somewhere():
    """Those of the pages are looked at while the site is built."""
    links = re.findall(r"\]\((?!https?:)([^)#]*)(#[^)]*)?\)", (CHECKOUT / "README.md").read_text(encoding="utf-8"))
    assert len(links) > 10
    for path, anchor in links:
        target = CHECKOUT / (path or "README.md")
        assert target.exists(), path
        assert not anchor or anchor[1:] in headings(target), path + anchor


def test_the_settings_that_the_readme_names_are_settings_with_these_defaults():
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8").partition("| setting |")[2].partition("\n\n")[0]
    rows = [[re.findall("`([^`]*)`", cell) for cell in line.split(" | ")[:2]] for line in readme.splitlines()[2:]]
    defaults = {name: value for _, lines in table(Settings()) for name, value, _ in lines} | {"output_dir": "AutoMLOps"}
    assert len(rows) > 10
    for names, told in rows:
        for name in names:
            fixed = isinstance(defaults[name], str | bool) and name != "base_image"  # that one is this Python's
            assert not fixed or str(defaults[name]) in [text.strip('"') for text in told], name


def test_the_first_page_leads_to_every_other_once():
    linked = re.findall(r"\]\(([^)]*[.]md)\)", (CHECKOUT / "docs/index.md").read_text(encoding="utf-8"))
    there = {page.relative_to(CHECKOUT / "docs").as_posix() for page in pages.PAGES[1:]} - {"index.md"}
    assert sorted(linked) == sorted(there)


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as hosts make them."""
    titles = re.findall("^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_tables_for_those_who_come_from_elsewhere_name_all_that_is_taken():
    told = (CHECKOUT / "docs/from-google-cloud-automlops.md").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in told.splitlines() if line.startswith("| `")]
    for synonym in SYNONYMS.values():
        (row,) = [row for row in rows if f"`{synonym.name}`" in row[0]]
        assert not synonym.setting or f"`{synonym.setting}`" in row[1], synonym.name


# ------------------------------------------------------------------------------- what help() shows


def test_the_docstring_of_generate_names_every_setting():
    named = re.findall(r"^ +((?:[a-z_]+, )*[a-z_]+): ", AutoMLOps.generate.__doc__, re.MULTILINE)
    every = {name for _, rows in table(Settings()) for name, _, _ in rows} | {"output_dir"}
    assert every <= {name for names in named for name in names.split(", ")}


@pytest.mark.parametrize("name", [name for name, value in PUBLIC.items() if inspect.isfunction(value)])
def test_a_docstring_says_what_each_argument_is_and_shows_a_call(name):
    """What `AutoMLOps.plan?` shows in a notebook, of plan() and all others that a newcomer calls."""
    told = inspect.getdoc(PUBLIC[name])
    for argument in {*inspect.signature(PUBLIC[name]).parameters} - {"func"}:
        assert re.search(rf"^ +(?:\*\*)?(?:\w+, )*{argument}(?:, \w+)*: ", told, re.MULTILINE), argument
    (_, _, example) = told.partition("\nExample:\n")
    assert name in OLDER or example
    ast.parse(inspect.cleandoc(example.replace("%%define_component", "")))
