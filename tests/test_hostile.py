"""A hundred thousand texts that want out of their quotes: each is read back, in every language, by that language itself."""

from __future__ import annotations

import ast
import io
import json
import re
import subprocess
import sys
import tokenize
from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache
from html import unescape
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import hostile
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from ruamel.yaml import YAML

from AutoMLOps import markup, mermaid, picture, read, render, source
from AutoMLOps.model import Cell, Notebook
from AutoMLOps.settings import chosen

FEW = 3_000
MANY = pytest.param(100_000, marks=(pytest.mark.slow, pytest.mark.thorough))
COUNTS = pytest.mark.parametrize("count", [FEW, MANY])
LINE_ENDS = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
texts = st.lists(st.sampled_from(hostile.ALL) | st.text(st.characters(codec="utf-8"), max_size=3), max_size=9).map("".join)  # fmt: skip


@cache
def drawn(count: int, most: int = 100_000) -> tuple[str, ...]:
    """So many texts, or the last of them for a reader that takes its time."""
    return tuple(hostile.texts(7, count))[-most:]


def shown(text: str) -> str:
    """The text as prose shows it: on one line, with a blank for whatever does not show."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


# ------------------------------------------------------------------------------- each language


@COUNTS
def test_python(count: int) -> None:
    written = (source.literal(text, 30 * (number % 2)) for number, text in enumerate(drawn(count)))
    assert ast.literal_eval(f"[\n{','.join(written)}]") == list(drawn(count))


@COUNTS
def test_a_docstring(count: int) -> None:
    each = drawn(count, 15_000)
    functions = ast.parse("".join(f"def f():\n    {source.docstring(text, 4)}\n" for text in each)).body
    for function, text in zip(functions, each, strict=True):
        assert isinstance(function, ast.FunctionDef) and len(function.body) == 1
        assert "".join((ast.get_docstring(function) or "").split()) == "".join(text.split())


@COUNTS
def test_the_shell(count: int) -> None:
    words = [text.replace("\0", "") for text in drawn(count)]
    script = "".join(f"printf '%s\\0' {render._sh(word)}\n" for word in words)
    done = subprocess.run(["bash", "-euo", "pipefail", "/dev/stdin"], input=script.encode(), capture_output=True)
    assert done.stdout.decode().split("\0")[:-1] == words and not done.stderr


def test_the_shell_has_no_word_for_nul() -> None:
    with pytest.raises(ValueError, match="NUL"):
        render._sh("a\0b")


@COUNTS
def test_json(count: int) -> None:
    values = {f"{number}{text}": [text] for number, text in enumerate(drawn(count))}
    assert json.loads(render._json(values)) == values


def flow(text: str) -> tuple[object, str]:
    return text, f"- {render._yaml(text)}\n"


def below_a_key(text: str) -> tuple[object, str]:
    return {"key": text}, f"- key:{render._yaml(text, 4, 6)}\n"


def on_lines_of_its_own(text: str) -> tuple[object, str]:
    return {"key": text}, f"- key:{render._yaml(text, 4, 120)}\n"


def as_a_key(text: str) -> tuple[object, str]:
    return {text: [text]}, f"- {render._yaml({text: [text]})}\n"


def as_a_key_on_lines(text: str) -> tuple[object, str]:
    value = {text: [text, {"a": text}]}
    return {"key": value}, f"- key:{render._yaml(value, 4, 120)}\n"


PLACES = pytest.mark.parametrize("place", [flow, below_a_key, on_lines_of_its_own, as_a_key, as_a_key_on_lines])
Place = Callable[[str], tuple[object, str]]


READERS: tuple[tuple[Callable[[str], object], int], ...] = (
    (lambda text: yaml.load(text, yaml.CSafeLoader), 100_000),  # noqa: S506 - safe, in C
    (yaml.safe_load, 700),  # the same 1.1 in Python, which some systems have alone
    (YAML(typ="safe", pure=True).load, 1_500),  # 1.2
)


@COUNTS
@PLACES
def test_yaml_of_either_age(count: int, place: Place) -> None:
    pairs = [place(text) for text in drawn(count, 100_000 if place is flow else 8_000)]
    for reader, most in READERS:
        assert reader("".join(written for _, written in pairs[-most:])) == [value for value, _ in pairs[-most:]]


@COUNTS
def test_comments(count: int) -> None:
    """Of Python, of the shell, of YAML: nothing is left of them, and each says its text."""
    each = drawn(count, 20_000)
    comments = [render._comment(text, indent) for text in each for indent in (0, 2)]
    for line in LINE_ENDS.split("\n".join(comments)):
        assert line.startswith(("#", "  #"))
    for comment, text in zip(comments[::2], each, strict=True):
        assert "".join(comment.replace("\n# ", "")[1:].split()) == "".join(shown(text).split())
    whole = "\n".join(comments)
    assert ast.parse(whole).body == []
    assert yaml.load(whole, yaml.CSafeLoader) is None  # noqa: S506 - safe, in C
    assert {token.type for token in tokenize.generate_tokens(io.StringIO(whole).readline)} <= {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER}  # fmt: skip
    done = subprocess.run(["bash", "-u", "/dev/stdin"], input=whole.encode(), capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def paragraph(text: str) -> str:
    return f"{text}\n\n"


def heading(text: str) -> str:
    return f"# {text}\n\n"


def sentence(text: str) -> str:
    return f"Generated from {text} by AutoMLOps; yours to change.\n\n"


def cell(text: str) -> str:
    return render._row((text, "x")) + "\n"


def prose(written: str) -> Iterator[str]:
    """The texts of a document in Markdown that holds nothing but prose: no code, no link, no emphasis, no HTML."""
    for token in MarkdownIt("js-default").parse(written):
        if token.type == "inline":
            assert {child.type for child in token.children or ()} <= {"text", "text_special"}
            yield "".join(child.content for child in token.children or ())
        assert token.type in MARKS or token.type.startswith(("table", "thead", "tbody", "tr", "th", "td"))


MARKS = ("inline", "paragraph_open", "paragraph_close", "heading_open", "heading_close")


@COUNTS
@pytest.mark.parametrize("place", [paragraph, heading, sentence, cell])
def test_markdown(count: int, place: Callable[[str], str]) -> None:
    each = [text for text in drawn(count, 12_000) if shown(text)]
    if place is cell:
        written = "| a | b |\n|---|---|\n" + "".join(cell(render._md(text)) for text in each)
        assert list(prose(written))[2::2] == list(map(shown, each))
        return
    wanted = [place(shown(text)).strip("\n") for text in each]
    wanted = [text.removeprefix("# ") for text in wanted] if place is heading else wanted
    assert list(prose("".join(place(render._md(text)) for text in each))) == wanted


@settings(max_examples=200, deadline=None)
@given(st.lists(texts, min_size=1, max_size=20))
def test_markdown_of_texts_that_are_searched_for(each: list[str]) -> None:
    each = [text for text in each if shown(text)]
    for place in (paragraph, heading):
        assert list(prose("".join(place(render._md(text)) for text in each))) == list(map(shown, each))


@COUNTS
def test_html_svg_and_mermaid(count: int) -> None:
    page = "".join(f"<p>{markup.escape(text)}</p>" for text in drawn(count, 20_000))
    assert [unescape(each) for each in re.findall("<p>([^<>]*)</p>", page)] == list(drawn(count, 20_000))
    drawing = ElementTree.fromstring(
        f"<svg>{''.join(f'<t>{picture._text(text)}</t>' for text in drawn(count, 20_000))}</svg>"
    )
    unheld = "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"  # by any XML: shown as Python writes them
    wanted = [re.sub(unheld, lambda found: ascii(found[0])[1:-1], text) for text in drawn(count, 20_000)]
    assert [each.text or "" for each in drawing] == wanted
    for text in drawn(count, 20_000):
        label = mermaid.label(text)
        assert re.fullmatch('"[^"<>`{}|;\\\\\\]\\[\n]*"', re.sub("#[0-9]+;", "", label))
        assert shown(re.sub("#([0-9]+);", lambda found: chr(int(found[1])), label[1:-1])) == shown(text)


REFUSED = (render._word, render._name, render._one_line)


@COUNTS
def test_a_plain_name_an_identifier_and_a_line_are_that_or_refused(count: int) -> None:
    for text in drawn(count, 20_000):
        for filter_ in REFUSED:
            try:
                assert filter_(text) == text
            except ValueError:
                continue
            assert text.isidentifier() or len(LINE_ENDS.split(text)) == 1
            assert filter_ is not render._word or re.fullmatch("[A-Za-z0-9_.:/@+-]+", text)


# ------------------------------------------------------------------------------- a whole tree


KEYS = tuple(f"p{number}" for number in range(12))
STEPS = tuple(f"step_{number}" for number in range(8))


class Step(NamedTuple):
    """What a notebook says of one step: its description, then by parameter a description, a default, a value given."""

    about: str
    told: Mapping[str, str]
    defaults: Mapping[str, str]
    given: Mapping[str, str]


class Said(NamedTuple):
    """All that a notebook says."""

    title: str
    about: str
    steps: Mapping[str, Step]
    defaults: Mapping[str, str]
    values: Mapping[str, str]
    header: str


def saying(each: Iterator[str]) -> Said:
    def by_key() -> dict[str, str]:
        return dict(zip(KEYS, each, strict=False))

    steps = {name: Step(next(each), by_key(), by_key(), by_key()) for name in STEPS}
    header = re.sub("[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd]", "", "\n".join(("<!-- --> --!>", *by_key().values())))
    return Said("Wine " + next(each), next(each), steps, by_key(), by_key(), header)


def decorated(said: Said) -> str:
    """A notebook of decorated functions: descriptions stand in docstrings, defaults in signatures."""
    lines = ["from AutoMLOps import AutoMLOps", ""]
    for name, step in said.steps.items():
        told = [f"    {key}: d {shown(text)}".rstrip() for key, text in step.told.items()]
        doc = "\n".join([f"The step {shown(step.about)}".rstrip(), "", "Args:", *told])
        takes = ", ".join(f"{key}: str = {text!r}" for key, text in step.defaults.items())
        lines += ["@AutoMLOps.component", f"def {name}({takes}):", f"    {doc!r}", "    print(p0)", ""]
    takes = ", ".join(f"{key}: str = {text!r}" for key, text in said.defaults.items())
    lines += [f"@AutoMLOps.pipeline(name={said.title!r}, description={said.about!r})", f"def wine({takes}):"]
    return "\n".join([*lines, *_calls(said)])


def marked(said: Said) -> tuple[str, ...]:
    """The same in marked cells, whose chain is given no values, and whose parameters have no defaults."""
    cells = ["from AutoMLOps import AutoMLOps"]
    for name, step in said.steps.items():
        params = [{"name": key, "type": "str", "description": f"d {text}"} for key, text in step.told.items()]
        call = f"AutoMLOps.makeComponent(name={name!r}, params={params!r}, description={'The step ' + step.about!r})"
        cells.append(f"%%define_component\n{call}\nprint(p0)")
    params = [{"name": key, "type": "str"} for key in KEYS]
    chain = [{"component_name": name, "param_mapping": [(key, key) for key in KEYS]} for name in said.steps]
    said_ = f"name={said.title!r}, params={params!r}, pipeline={chain!r}, description={said.about!r}"
    return (*cells, f"AutoMLOps.makePipeline({said_})")


def _calls(said: Said) -> Iterator[str]:
    for name, step in said.steps.items():
        yield f"    {name}({', '.join(f'{key}={text!r}' for key, text in step.given.items())})"


def generated(said: Said, *cells: str, **arguments: object) -> dict[str, str]:
    """The files of the tree, by path."""
    notebook = Notebook(name="n.py", cells=tuple(Cell(label="n.py", text=text) for text in cells))
    found = read.pipeline(notebook, dict(said.values), reserved=render.RESERVED)
    assert found.pipeline, found.problems
    arguments = {"base_image": "python:3.11-slim", "project_id": "my-project-123", "labels": LABELS, **arguments}
    made, problems = chosen(arguments)
    assert made, problems
    return {file.path: file.text for file in render.tree(found.pipeline, made).files}


LABELS = {"é": "ß-1_", "日本": "", "yes": "no", "null": "1e3"}
PUSHED = {"run_local": False, "source_repo_type": "github", "source_repo_name": "example/wine"}
TREES = pytest.mark.parametrize("trees", [1, pytest.param(8, marks=MANY.marks)])


@TREES
@pytest.mark.parametrize("images", ["shared", "per-component"])
def test_whatever_a_decorated_notebook_says_is_said_by_every_file(trees: int, images: str) -> None:
    """Some hundreds of texts in one tree; each file is read by its own reader, and has the very text."""
    each = hostile.texts(trees, 10**6)
    for _ in range(trees):
        said = saying(each)
        files = generated(said, decorated(said), images=images, license_header=said.header, **PUSHED)
        for path, text in files.items():
            judged(path, text)
        header_is_all_that_was_added(files, generated(said, decorated(said), images=images, **PUSHED), said.header)
        wiring_says(files["pipelines/pipeline.py"], said)
        for name, step in said.steps.items():
            told = {key: f"d {shown(text)}".rstrip() for key, text in step.told.items()}
            interface_says(files[f"components/{name}/component.yaml"], f"The step {shown(step.about)}".rstrip(), told)
            interface_takes(files[f"components/{name}/component.yaml"], step.defaults)
            folder = name if images == "per-component" else "component_base"
            defaults = parameters(files[f"components/{folder}/src/{name}.py"], name)
            assert defaults == step.defaults
        assert json.loads(files["pipelines/runtime_parameters/pipeline_parameter_values.json"]) == said.values
        readme_says(files["README.md"], said)
        assert parsed(files["configs/defaults.yaml"])["gcp"]["labels"] == LABELS


@TREES
def test_whatever_a_marked_notebook_says_is_said_by_every_file(trees: int) -> None:
    each = hostile.texts(trees + 100, 10**6, without="\0")
    for _ in range(trees):
        said = saying(each)
        files = generated(said, *marked(said))
        for path, text in files.items():
            judged(path, text)
        (function,) = functions(files["pipelines/pipeline.py"], "pipeline")
        assert decorator(function) == {"display_name": said.title, "description": said.about}
        for name, step in said.steps.items():
            told = {key: f"d {text}" for key, text in step.told.items()}
            interface_says(files[f"components/{name}/component.yaml"], f"The step {step.about}", told)
        assert json.loads(files["pipelines/runtime_parameters/pipeline_parameter_values.json"]) == said.values


@pytest.mark.slow
def test_the_compiled_spec_says_what_the_notebook_says(tmp_path: Path) -> None:
    said = saying(hostile.texts(11, 10**6))
    for path, text in generated(said, decorated(said)).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    command = [sys.executable, "-W", "ignore", "pipelines/pipeline.py", "--output", "spec.json"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    spec = parsed(
        (tmp_path / "spec.json").read_text(encoding="utf-8")
    )  # JSON is YAML, and Vertex AI's client reads that
    assert spec == json.loads((tmp_path / "spec.json").read_text(encoding="utf-8"))
    assert spec["pipelineInfo"]["description"] == said.about
    assert {
        key: each["defaultValue"] for key, each in spec["root"]["inputDefinitions"]["parameters"].items()
    } == said.defaults
    tasks = spec["root"]["dag"]["tasks"]
    for name, step in said.steps.items():
        given = tasks[name.replace("_", "-")]["inputs"]["parameters"]
        assert {key: each["runtimeValue"]["constant"] for key, each in given.items()} == step.given


def judged(path: str, text: str) -> None:
    """A file by its own reader; for what has none, by what its lines may be."""
    text.encode()
    assert not set(text) & set("\r\v\f\0\x85\u2028\u2029") or path.endswith((".py", ".json")), path
    match path.rpartition(".")[2]:
        case "py":
            compile(text, path, "exec")
        case "yaml":
            parsed(text)
        case "json":
            json.loads(text)
        case "sh":
            assert subprocess.run(["bash", "-n"], input=text.encode(), capture_output=True).returncode == 0, path
        case "svg":
            ElementTree.fromstring(text)
    if path == "cloudbuild.yaml":
        for step in parsed(text)["steps"]:
            for word in step["args"]:
                substituted(word)


@lru_cache(1000)
def parsed(text: str) -> Any:
    """YAML, by 1.1 and 1.2 alike."""
    read = yaml.load(text, yaml.CSafeLoader)  # noqa: S506 - safe, in C
    assert YAML(typ="safe", pure=True).load(text) == read
    return read


def substituted(word: str) -> None:
    """Cloud Build takes $NAME and ${NAME} for its own, and refuses those that nobody gave; $$ is a dollar."""
    names = re.findall(r"\$(?:([A-Z_]\w*)|\{(\w+)\})", word.replace("$$", ""))
    assert {one or other for one, other in names} <= {"_DIR", "_RUN"} and not re.search(
        r"\$(?![A-Z_{])", word.replace("$$", "")
    )


def header_is_all_that_was_added(files: Mapping[str, str], plain: Mapping[str, str], header: str) -> None:
    """Each file without the lines of its header is the file without a header; only the settings hold it as a value."""
    lines = "\n".join(header.splitlines()).strip("\n")
    for path, text in files.items():
        if path == "configs/defaults.yaml":
            assert parsed(text)["files"]["license_header"] == lines
            continue
        if path.endswith((".md", ".svg")):
            begin, comment, rest = re.fullmatch("(<!--\n)(.*?)\n-->\n\n(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
            assert "--" not in comment and rest == plain[path], path
        elif not path.endswith(".json"):
            first, rest = plain[path].split("\n", 1) if text.startswith("#!") else ("", plain[path])
            added = text.removeprefix(first).removesuffix(rest)
            assert text.endswith(rest) and all(line[:1] in ("#", "") for line in added.split("\n")), path
            said = [line.removeprefix("#").strip() for line in added.split("\n")]
            assert [line for line in said if line not in ("", "coding: utf-8")] == [
                line.strip() for line in lines.split("\n") if line.strip()
            ]


def functions(text: str, name: str) -> list[ast.FunctionDef]:
    return [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == name]


def decorator(function: ast.FunctionDef) -> dict[str, object]:
    (call,) = function.decorator_list
    assert isinstance(call, ast.Call)
    return {each.arg: ast.literal_eval(each.value) for each in call.keywords if each.arg and each.arg != "name"}


def parameters(text: str, name: str) -> dict[str, object]:
    """The defaults of a function in a file."""
    (function,) = functions(text, name)
    return dict(
        zip((each.arg for each in function.args.args), map(ast.literal_eval, function.args.defaults), strict=True)
    )


def wiring_says(text: str, said: Said) -> None:
    (function,) = functions(text, "wine")
    assert decorator(function) == {"display_name": said.title, **({"description": said.about} if said.about else {})}
    assert parameters(text, "wine") == said.defaults
    calls = [node.value for node in function.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    given = [{each.arg: ast.literal_eval(each.value) for each in call.keywords} for call in calls]
    assert given == [step.given for step in said.steps.values()]


def interface(text: str) -> Any:
    read = parsed(text)
    (component,) = read["components"].values()
    return read["pipelineInfo"].get("description", ""), component["inputDefinitions"]["parameters"]


def interface_says(text: str, about: str, told: Mapping[str, str]) -> None:
    described, inputs = interface(text)
    assert described == about
    assert {key: item.get("description", "") for key, item in inputs.items()} == told


def interface_takes(text: str, defaults: Mapping[str, str]) -> None:
    assert {key: item["defaultValue"] for key, item in interface(text)[1].items()} == defaults


def readme_says(text: str, said: Said) -> None:
    tokens = MarkdownIt("js-default", {"html": True}).parse(text)
    inline = ["".join(child.content for child in each.children or ()) for each in tokens if each.type == "inline"]
    assert inline[0] == shown(said.title)
    assert inline[1] == shown(said.about) or not shown(said.about)
    heads = [number for number, each in enumerate(inline) if each == "what it is"]
    assert heads
    rows = inline[heads[0] + 1 :][: 4 * len(KEYS)]
    assert rows[0::4] == list(KEYS)
    assert rows[2::4] == [shown(json.dumps(each, ensure_ascii=False)) for each in said.defaults.values()]
