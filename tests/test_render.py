"""What is rendered: the shape of the tree, its values in every language; it compiles, runs and tests itself."""

from __future__ import annotations

import ast
import builtins
import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import tokenize
import types
from pathlib import Path

import jinja2
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pictures import (
    BASED,
    CONTAINERS,
    GOOGLE,
    HOSTILE,
    KINDS,
    NASTIEST,
    NASTY,
    OWN_IMAGES,
    WINE,
    FakeGcloud,
    written,
)

from AutoMLOps import render, source
from AutoMLOps.errors import BadInput
from AutoMLOps.model import Artifact, Component, Kind, Param, Pipeline, slug
from AutoMLOps.settings import Settings, TrainingJob, chosen

ROOT = Path(render.__file__).parent.parent
SLOW = pytest.param(WINE, marks=pytest.mark.slow)
PICTURES = {"wine": WINE, "hostile": HOSTILE, "kinds": KINDS, "google": GOOGLE}
EVERY = pytest.mark.parametrize("pipeline", PICTURES.values(), ids=PICTURES)
IMAGES = pytest.mark.parametrize("images", ["shared", "per-component"])
REGISTRY = "us-central1-docker.pkg.dev/my-project-123/vertex-mlops-af"
PROJECT = Settings(project_id="my-project-123")


def texts(pipeline: Pipeline = WINE, chosen: Settings = PROJECT) -> dict[str, str]:
    return {file.path: file.text for file in render.tree(pipeline, chosen).files}


def python(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", *map(str, arguments)], capture_output=True, text=True, timeout=300, **options
    )


def self_tested(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python("-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", *arguments, cwd=folder)


# ------------------------------------------------------------------------------- the shape of the tree


@pytest.mark.parametrize(
    ("carried", "blank"),
    [("STEP = 2", 1), ("def twice(step): ...", 2), ("@dsl.pipeline\ndef part(): ...", 2), ("class Kind: ...", 2)],
)
def test_what_travels_into_the_pipeline_stands_apart_where_it_is_a_definition(carried: str, blank: int) -> None:
    text = texts(dataclasses.replace(WINE, carried=carried))["pipelines/pipeline.py"]
    before = text.partition(carried)[0]
    assert before.endswith("\n" * (blank + 1)) and not before.endswith("\n" * (blank + 2))


def test_layout_and_templates_match_one_to_one() -> None:
    found = {path.relative_to(ROOT / "templates").as_posix() for path in (ROOT / "templates").rglob("*.j2")}
    templates = [emit.template for emit in render.LAYOUT]
    partials = {path for path in found if Path(path).name.startswith("_")}
    assert sorted(templates) == sorted(found - partials)
    assert len(templates) == len(set(templates))
    texts_ = [(ROOT / "templates" / path).read_text() for path in found]
    assert partials == {include for text in texts_ for include in re.findall(r'{% include "([^"]+)" %}', text)}


def test_every_value_in_a_template_goes_through_a_filter() -> None:
    environment = jinja2.Environment(autoescape=True)
    environment.filters = dict(render.FILTERS)

    def held(node: jinja2.nodes.Node) -> bool:
        return isinstance(node, jinja2.nodes.TemplateData | jinja2.nodes.Filter)

    for path in (ROOT / "templates").rglob("*.j2"):
        outputs = environment.parse(path.read_text()).find_all(jinja2.nodes.Output)
        assert all(held(node) for output in outputs for node in output.nodes), path


def test_the_tree_of_the_wine_pipeline() -> None:
    assert list(texts()) == [
        ".gcloudignore",
        ".gitignore",
        "README.md",
        "cloudbuild.yaml",
        "components/component_base/.dockerignore",
        "components/component_base/Dockerfile",
        "components/component_base/requirements.txt",
        "components/component_base/src/evaluate_model.py",
        "components/component_base/src/load_data.py",
        "components/component_base/src/train_model.py",
        "components/evaluate_model/component.yaml",
        "components/load_data/component.yaml",
        "components/train_model/component.yaml",
        "configs/defaults.yaml",
        "docs/pipeline.svg",
        "pipelines/pipeline.py",
        "pipelines/pipeline_runner.py",
        "pipelines/requirements.txt",
        "pipelines/runtime_parameters/pipeline_parameter_values.json",
        "provision/deprovision_resources.sh",
        "provision/making.sh",
        "provision/provision_resources.sh",
        "provision/record.sh",
        "pytest.ini",
        "scripts/build_components.sh",
        "scripts/build_pipeline_spec.sh",
        "scripts/content_tag.sh",
        "scripts/gcloud.sh",
        "scripts/run_all.sh",
        "scripts/run_pipeline.sh",
        "tests/conftest.py",
        "tests/test_evaluate_model.py",
        "tests/test_load_data.py",
        "tests/test_pipeline.py",
        "tests/test_train_model.py",
    ]


def based(**bases: str) -> Pipeline:
    """The wine pipeline, some of its components with a base image of their own."""
    components = (dataclasses.replace(each, base=bases.get(each.name, "")) for each in WINE.components)
    return dataclasses.replace(WINE, components=tuple(components))


def test_components_with_a_base_of_their_own_have_an_image_for_each_base() -> None:
    pipeline = based(train_model="tensorflow/tensorflow:2.16.1", evaluate_model="tensorflow/tensorflow:2.16.1")
    tree = texts(pipeline)
    apart = "components/component_base_tensorflow_2_16_1"
    assert [path for path in tree if path.endswith(".py") and "/src/" in path] == [
        "components/component_base/src/load_data.py",
        f"{apart}/src/evaluate_model.py",
        f"{apart}/src/train_model.py",
    ]
    assert "FROM tensorflow/tensorflow:2.16.1\n" in tree[f"{apart}/Dockerfile"]
    assert "FROM python:" in tree["components/component_base/Dockerfile"]
    image = f"{REGISTRY}/wine-quality/component_base_tensorflow_2_16_1"
    assert image in tree["components/train_model/component.yaml"] and image in tree["cloudbuild.yaml"]
    assert image not in tree["components/load_data/component.yaml"]


def test_the_base_that_all_share_is_no_reason_for_another_image() -> None:
    assert texts(based(train_model=PROJECT.base_image)) == texts()


def test_where_every_component_has_the_same_base_there_is_one_image() -> None:
    pipeline = based(**{each.name: "python:3.10" for each in WINE.components})
    assert {path.split("/")[1] for path in texts(pipeline) if "/src/" in path} == {"component_base_python_3_10"}


def test_two_bases_of_one_name_have_two_folders() -> None:
    tree = texts(based(train_model="host.example/one/tf:2", evaluate_model="host.example/two/tf:2"))
    folders = {path.split("/")[1] for path in tree if "/src/" in path}
    assert len(folders) == 3 and all(re.fullmatch("component_base(_tf_2_[0-9a-f]{6})?", folder) for folder in folders)


def test_where_no_step_is_ours_nothing_is_built() -> None:
    tree = texts(CONTAINERS)
    assert sorted(path for path in tree if path.startswith(("components", "scripts", "tests", "cloud", ".gcloud"))) == [
        "scripts/build_pipeline_spec.sh",
        "scripts/gcloud.sh",
        "scripts/run_all.sh",
        "scripts/run_pipeline.sh",
        "tests/test_pipeline.py",
    ]
    for path, text in tree.items():
        assert path == "configs/defaults.yaml" or "build_components" not in text, path
        assert path in ("configs/defaults.yaml", "provision/deprovision_resources.sh") or "vertex-mlops" not in text, (
            path
        )
        assert path.startswith("configs") or "--images" not in text, path


def test_a_push_tests_and_compiles_where_nothing_is_built() -> None:
    tree = texts(CONTAINERS, dataclasses.replace(PROJECT, run_local=False))
    build = yaml.safe_load(tree["cloudbuild.yaml"])
    assert [step["id"] for step in build["steps"]] == ["test", "start a run"]
    assert "docker" not in tree["cloudbuild.yaml"]


def test_without_a_project_and_images_what_is_left_compiles_and_tests_itself(tmp_path: Path) -> None:
    folder = written(tmp_path, CONTAINERS, project_id=None)
    said = self_tested(folder)
    assert said.returncode == 0, said.stdout
    assert python(folder / "pipelines/pipeline.py", "--output", tmp_path / "spec.json").returncode == 0
    spec = json.loads((tmp_path / "spec.json").read_text())
    assert spec["deploymentSpec"]["executors"]["exec-shout"]["container"]["image"] == "alpine:3.20"


# ------------------------------------------------------------------------------- images of the user's


def with_own(folder: Path, pipeline: Pipeline = BASED, **chosen: object) -> Path:
    """A codebase with two images of the user's."""
    for path in OWN_IMAGES:
        (folder / path).mkdir(parents=True)
        (folder / path / "Dockerfile").write_text("FROM python:3.11-slim\nCOPY words /words\n")
        (folder / path / "words").write_text("one\n")
    return written(folder, pipeline, own_images=OWN_IMAGES, **chosen)


def tagged(folder: Path, *parts: str) -> str:
    command = ["bash", folder / "scripts/content_tag.sh", *parts]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_a_component_starts_from_the_image_of_the_users_that_it_names() -> None:
    tree = texts(BASED, dataclasses.replace(PROJECT, own_images=OWN_IMAGES))
    own = f"{REGISTRY}/wine-quality/images/trainer"
    assert f"ARG BASE={own}:cache\n\nFROM $BASE AS packages" in tree["components/component_base_trainer/Dockerfile"]
    build = {step["id"]: step for step in yaml.safe_load(tree["cloudbuild.yaml"])["steps"]}
    assert list(build) == ["images/tools", "images/trainer", "component_base", "component_base_trainer"]
    assert build["component_base_trainer"]["waitFor"] == ["images/trainer"]
    script = build["component_base_trainer"]["args"][-1]
    assert f"base={own}\nbase=$$base:$$(bash scripts/content_tag.sh images/trainer)\n" in script
    assert "BASE" not in build["component_base"]["args"][-1]
    assert "[images/trainer](images/trainer/Dockerfile)" in tree["README.md"]


def test_a_push_tests_a_component_in_the_image_of_the_users() -> None:
    tree = texts(BASED, dataclasses.replace(PROJECT, own_images=OWN_IMAGES, run_local=False))
    build = {step["id"]: step for step in yaml.safe_load(tree["cloudbuild.yaml"])["steps"]}
    script = build["test component_base_trainer"]["args"][-1]
    assert "docker run" in script and "tests/test_train_model.py" in script
    assert build["test component_base_trainer"]["waitFor"] == ["images/trainer"]


def test_an_image_of_the_users_is_tagged_by_all_that_it_is_built_from(tmp_path: Path) -> None:
    folder = with_own(tmp_path)
    train, base = "components/component_base_trainer", "images/trainer"
    before = (
        tagged(folder, base),
        tagged(folder, train, base),
        tagged(folder, train),
        tagged(folder, "components/component_base"),
    )
    (folder / base / "words").write_text("two\n")
    after = (
        tagged(folder, base),
        tagged(folder, train, base),
        tagged(folder, train),
        tagged(folder, "components/component_base"),
    )
    assert before[0] != after[0] and before[1] != after[1] and before[2:] == after[2:]
    (folder / base / ".hidden").write_text("three\n")
    assert tagged(folder, base) == after[0]


def test_images_of_the_users_are_built_and_a_change_in_one_is_noticed(tmp_path: Path) -> None:
    folder, gcloud = with_own(tmp_path / "tree"), FakeGcloud(tmp_path / "bin")
    done = gcloud.run(folder / "scripts/build_components.sh")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in (folder / "scripts/pipeline_spec/images").read_text().splitlines()]
    assert [line[2:] for line in lines] == [
        ["images/tools"],
        ["images/trainer"],
        ["components/component_base"],
        ["components/component_base_trainer", "images/trainer"],
    ]
    (folder / "images/trainer/words").write_text("two\n")
    stopped = gcloud.run(folder / "scripts/build_pipeline_spec.sh")
    assert stopped.returncode and "images/trainer changed since its image was built" in stopped.stderr


USES_OWN = dataclasses.replace(
    CONTAINERS,
    carried=CONTAINERS.carried.replace('"alpine:3.20"', '"images/tools"').replace("[word]", '["images/tools"]'),
)


def test_what_the_pipeline_names_as_an_image_of_the_users_becomes_what_was_built(tmp_path: Path) -> None:
    folder, gcloud = with_own(tmp_path / "tree", USES_OWN), FakeGcloud(tmp_path / "bin")
    assert gcloud.run(folder / "scripts/build_components.sh").returncode == 0
    done = gcloud.run(folder / "scripts/build_pipeline_spec.sh")
    assert done.returncode == 0, done.stderr
    spec = json.loads((folder / "scripts/pipeline_spec/pipeline_job.json").read_text())
    container = spec["deploymentSpec"]["executors"]["exec-shout"]["container"]
    built = f"{REGISTRY}/wine-quality/images/tools@sha256:0123456789abcdef".replace("wine-quality", "only-containers")
    assert container["image"] == built and container["args"] == [built]


def test_a_spec_that_names_an_image_that_was_not_built_is_not_submitted(tmp_path: Path, aiplatform: None) -> None:
    folder = with_own(tmp_path, USES_OWN)
    (folder / "scripts/pipeline_spec").mkdir()
    (folder / "scripts/pipeline_spec/pipeline_job.json").write_text('{"a": ["images/tools"]}')
    with pytest.raises(SystemExit, match="images/tools had not been built"):
        module(folder / "pipelines/pipeline_runner.py").main()


def pinned_by(**lines: str) -> Pipeline:
    """The wine pipeline with these requirements alone."""
    components = (
        dataclasses.replace(each, requirements=tuple(lines.get(each.name, "").split())) for each in WINE.components
    )
    return dataclasses.replace(WINE, components=tuple(components))


def homes(pipeline: Pipeline, images: str) -> dict[str, str]:
    """The folder of each component's code."""
    tree = texts(pipeline, dataclasses.replace(PROJECT, images=images))  # type: ignore[arg-type]
    paths = [path.split("/") for path in tree if "/src/" in path]
    return {name.removesuffix(".py"): folder for _, folder, _, name in paths}


def test_images_are_as_few_as_pins_allow_where_that_is_asked_for() -> None:
    shared = "component_base"
    assert set(homes(WINE, "auto").values()) == {shared}
    pipeline = pinned_by(load_data="pandas==1.5.3", train_model="pandas==2.2.0", evaluate_model="pandas>=2")
    train = "component_base_train_model"
    assert homes(pipeline, "auto") == {"load_data": shared, "train_model": train, "evaluate_model": train}
    tree = texts(pipeline, dataclasses.replace(PROJECT, images="auto"))
    assert tree[f"components/{train}/requirements.txt"].split("\n")[1:] == ["pandas==2.2.0", "pandas>=2", ""]
    assert (
        "component_base_train_model is apart from component_base, as they ask for other versions of pandas."
        in tree["README.md"]
    )


def test_a_component_joins_the_first_image_that_agrees_with_it() -> None:
    pipeline = pinned_by(load_data="pandas==1.5.3 six", train_model="pandas==2.2.0", evaluate_model="six==1.16.0")
    assert homes(pipeline, "auto")["evaluate_model"] == "component_base"


def test_pins_and_bases_both_set_images_apart() -> None:
    tf = "tensorflow/tensorflow:2.16.1"
    pipeline = pinned_by(load_data="pandas==1.5.3", train_model="pandas==2.2.0", evaluate_model="pandas==2.2.0")
    components = [
        dataclasses.replace(each, base=tf if each.name != "evaluate_model" else "") for each in pipeline.components
    ]
    assert homes(dataclasses.replace(pipeline, components=tuple(components)), "auto") == {
        "load_data": "component_base_tensorflow_2_16_1",
        "train_model": "component_base_tensorflow_2_16_1_train_model",
        "evaluate_model": "component_base",
    }


def test_an_image_for_each_component_has_a_folder_for_each() -> None:
    tree = texts(WINE, dataclasses.replace(PROJECT, images="per-component"))
    names = {
        path.removeprefix("components/train_model/") for path in tree if path.startswith("components/train_model/")
    }
    assert names == {"component.yaml", "Dockerfile", "requirements.txt", ".dockerignore", "src/train_model.py"}
    assert not [path for path in tree if "component_base" in path]
    assert "None" not in tree["components/evaluate_model/requirements.txt"]


@EVERY
@IMAGES
def test_without_a_project_no_file_names_one(pipeline: Pipeline, images: str) -> None:
    tree = texts(pipeline, Settings(images=images))  # type: ignore[arg-type]
    absent = {"cloudbuild.yaml", ".gcloudignore", "pipelines/pipeline_runner.py"}
    absent |= {f"scripts/{name}.sh" for name in ("build_components", "run_pipeline", "run_all")}
    absent |= {f"provision/{name}_resources.sh" for name in ("provision", "deprovision")}
    assert not absent & tree.keys()
    assert "generate(project_id=...)" in tree["README.md"]
    code = re.compile(r"\bNone\b(?! if |:$|, )")
    for path, text in tree.items():
        assert path.endswith(".py") or not code.search(text), path
        assert "my-project" not in text and "docker.pkg.dev" not in text, path


def test_the_same_input_gives_the_same_bytes_whatever_the_hash_seed() -> None:
    code = (
        "import hashlib, pictures; from AutoMLOps import render; from AutoMLOps.settings import Settings;"
        "print(hashlib.sha256(repr([render.tree(pipeline, Settings(project_id='my-project-123', labels=(('a', 'b'),)))"
        " for pipeline in (pictures.WINE, pictures.KINDS)]).encode()).hexdigest())"
    )
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    said = {python("-c", code, env={"PYTHONPATH": path, "PYTHONHASHSEED": seed}).stdout for seed in "12"}
    assert len(said) == 1 and said != {""}


def test_two_components_that_differ_in_case_alone_are_refused() -> None:
    one = Component(name="train", source="def train():\n    pass\n")
    other = Component(name="Train", source="def Train():\n    pass\n")
    with pytest.raises(BadInput, match="cannot both be written"):
        render.tree(dataclasses.replace(WINE, components=(one, other), steps=()), PROJECT)


def test_importing_automlops_does_not_import_jinja2() -> None:
    said = python("-c", "import AutoMLOps.render, sys; print('jinja2' in sys.modules)", env={"PYTHONPATH": str(ROOT)})
    assert said.stdout == "False\n", said.stderr


def test_compiled_templates_are_kept_where_python_keeps_bytecode_and_may_be_broken(tmp_path: Path) -> None:
    for name in ("AutoMLOps", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    code = (
        "from AutoMLOps import render; from AutoMLOps.settings import Settings; import pictures;"
        "print(hash(render.tree(pictures.WINE, Settings())))"
    )
    path = os.pathsep.join((str(tmp_path), str(ROOT / "tests")))
    environment = {"PYTHONPATH": path, "PYTHONHASHSEED": "1", "PYTHONSAFEPATH": "1"}

    def rendered(**more: str) -> str:
        said = python("-c", code, env=environment | more)
        assert said.returncode == 0, said.stderr
        return said.stdout

    def kept() -> list[Path]:
        return sorted(tmp_path.glob("AutoMLOps/__pycache__/render.*.cache"))

    text = rendered(PYTHONDONTWRITEBYTECODE="1")
    assert not kept()
    assert rendered() == text and kept()
    for number, file in enumerate(kept()):
        file.write_bytes(file.read_bytes()[: number * 7])
    assert rendered() == text == rendered()


def test_the_licence_header_is_on_every_file_that_takes_comments() -> None:
    header = 'Copyright "us"; it\'s ours -->\n\nAll rights reserved.'
    for path, text in texts(WINE, dataclasses.replace(PROJECT, license_header=header)).items():
        lines = text.split("\n")
        if path.endswith(".json"):
            assert json.loads(text)
        elif path.endswith((".md", ".svg")):
            assert re.search(r"rights reserved\.\n-->\n\n(# |<svg )", text) and text.split("```")[0].count("-->") == 1
        else:
            start = 1 if lines[0].startswith("#!") else 0
            assert lines[start] == '# Copyright "us"; it\'s ours -->' and lines[start + 2] == "# All rights reserved."
        if path.endswith(".py"):
            assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("header", ["coding: foo", "ours\ncoding=foo", "syntax=docker/evil:1\nescape=`", "check=x"])
def test_no_licence_header_changes_what_a_file_means(header: str, tmp_path: Path) -> None:
    for path, text in texts(WINE, dataclasses.replace(PROJECT, license_header=header)).items():
        if path.endswith((".py", ".txt")):
            (tmp_path / "file").write_text(text)
            with open(tmp_path / "file", "rb") as file:
                assert tokenize.detect_encoding(file.readline)[0] == "utf-8"
        if path.endswith("Dockerfile"):
            assert not re.match(r"#\s*\w+\s*=", text)
        assert path.endswith((".json", ".md", ".svg")) or f"# {header.split(chr(10))[0]}\n" in text


@pytest.mark.parametrize("jobs", [(), (TrainingJob(component="load_data"),)], ids=["plain", "jobs"])
def test_reserved_names_are_those_that_pipeline_py_defines_and_calls(jobs: tuple[TrainingJob, ...]) -> None:
    empty = dataclasses.replace(WINE, components=WINE.components[:1], body="def pipeline(): ...", imports=())
    settings = dataclasses.replace(PROJECT, own_images=OWN_IMAGES, custom_training_job_specs=jobs)
    module = ast.parse(texts(empty, settings)["pipelines/pipeline.py"])
    bound = {node.name for node in module.body if isinstance(node, ast.FunctionDef)}
    bound |= {alias.asname or alias.name for node in module.body for alias in getattr(node, "names", ())}
    targets = (target for node in module.body if isinstance(node, ast.Assign) for target in node.targets)
    bound |= {target.id for target in targets if isinstance(target, ast.Name)}
    used = {node.id for node in ast.walk(module) if isinstance(node, ast.Name) and hasattr(builtins, node.id)}
    assert (bound | used) - {"pipeline", "load_data", "filter", "__name__"} == render.reserved(settings)


# ------------------------------------------------------------------------------- values, in every language

ANY = st.text(st.characters(exclude_categories=["Cs"]))
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY,
    lambda inner: st.lists(inner) | st.dictionaries(ANY, inner),
    max_leaves=8,
)


@given(JSONS)
@example(NASTIEST)
def test_any_value_survives_into_python(value: object) -> None:
    assert ast.literal_eval(source.literal(value)) == value


@given(ANY)
@example(NASTIEST)
@example('"""')
@example('a""')
def test_any_text_survives_as_a_docstring(text: str) -> None:
    module = ast.parse(f"def f():\n    {source.docstring(text, 4)}\n")
    said = ast.get_docstring(module.body[0])  # type: ignore[arg-type]
    assert "".join((said or "").split()) == "".join(text.split())
    assert len(module.body) == 1 == len(module.body[0].body)  # type: ignore[attr-defined]


@settings(max_examples=40)
@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
@example(NASTIEST)
def test_any_text_survives_into_the_shell(text: str) -> None:
    script = f"printf '%s' {render._sh(text)}"
    assert subprocess.run(["bash", "-c", script], capture_output=True).stdout == text.encode()


@given(JSONS)
@example(NASTIEST)
@example(
    {"y": "on", "1e-09": 1e-9, "~": ["0o7", "0x1", "1_000", "12:30:45", "2020-01-01", ".5", "=", "<<", "-", "?", ""]}
)
@example(
    [1e16, 1e-9, -0.0, 123456789.0, "null", "Nan", ".inf", "a: b", "a #b", "- a", "a:", "@a", "%a", "!a", "&a", "*a"]
)
def test_any_value_survives_into_yaml_of_either_age(value: object) -> None:
    from ruamel.yaml import YAML

    texts = [
        f"key: {render._yaml(value)}\n",
        f"key:{render._yaml(value, 2, 4)}\n",
        f"key:{render._yaml(value, 2, 120)}\n",
    ]
    for text in texts:
        assert typed(yaml.safe_load(text)["key"]) == typed(value)
        assert typed(YAML(typ="safe", pure=True).load(text)["key"]) == typed(value)


def typed(value: object) -> object:
    """A value in which 1, 1.0 and True differ."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return type(value), value


@given(ANY)
@example(NASTIEST * 3)
def test_yaml_keeps_within_its_width(text: str) -> None:
    assert all(len(line) <= 120 for line in f"    key:{render._yaml(text, 6, 8)}".split("\n"))


@given(JSONS)
def test_any_value_survives_into_json(value: object) -> None:
    assert typed(json.loads(render._json(value))) == typed(value)


@given(ANY)
@example(NASTIEST)
def test_any_text_stays_within_its_comment(text: str) -> None:
    for line in re.split("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", render._comment(text)):
        assert line.startswith("#")


@given(ANY)
@example(NASTIEST)
def test_any_text_stays_within_its_cell_of_markdown(text: str) -> None:
    shown = render._md(text)
    assert len(shown.splitlines()) <= 1
    assert not re.search(r"(?<!\\)(?:\\\\)*[|`<*\[\]]", shown)


@pytest.mark.parametrize("filter_", [name for name in render.FILTERS if name not in ("container", "about", "listed")])
def test_a_filter_refuses_a_missing_value(filter_: str) -> None:
    with pytest.raises(jinja2.UndefinedError):
        render._environment().from_string("{{ missing | %s }}" % filter_).render()  # noqa: UP031


def test_the_hostile_pipeline_keeps_its_values_in_every_file() -> None:
    tree = texts(HOSTILE)
    assert json.loads(tree["pipelines/runtime_parameters/pipeline_parameter_values.json"])["table"][NASTY] == NASTY
    section = yaml.safe_load(tree["components/shout/component.yaml"])["components"]["comp-shout"]
    assert section["inputDefinitions"]["parameters"]["text"]["description"] == NASTIEST
    assert section["outputDefinitions"]["parameters"]["Output"]["description"] == NASTY
    ast.parse(tree["pipelines/pipeline.py"])


@pytest.mark.parametrize(
    "settings_",
    [
        Settings(),
        Settings(project_id="my-project-123", labels=(("team", "fraud"),), enable_caching=False),
        Settings(project_id="my-project-123", license_header=f"it's # (c): {'x ' * 100}\n'y'", images="per-component"),
        Settings(naming_prefix="on", gs_bucket_name="123", extra_regions=("mars-east1",), base_image="a.b/c:1.0"),
    ],
)
def test_the_settings_read_back_from_defaults_yaml(settings_: Settings) -> None:
    text = texts(WINE, settings_)["configs/defaults.yaml"]
    assert chosen({}, yaml.safe_load(text)) == (settings_, ())


# ------------------------------------------------------------------------------- real kfp


@EVERY
def test_component_yaml_is_what_kfp_compiles_for_the_same_function(pipeline: Pipeline, tmp_path: Path) -> None:
    from google.protobuf import json_format
    from kfp import components, dsl

    for component in pipeline.components:
        path = tmp_path / f"{component.name}.py"
        path.write_text(component.source)
        module = types.ModuleType(component.name)
        exec(compile(component.source, path, "exec", dont_inherit=True), module.__dict__)  # noqa: S102
        theirs = dsl.component(getattr(module, component.name), base_image="python").pipeline_spec
        text = texts(pipeline)[f"components/{component.name}/component.yaml"]
        ours = components.load_component_from_text(text).pipeline_spec
        key = f"comp-{slug(component.name)}"
        assert undescribed(json_format.MessageToDict(ours)["components"][key]) == undescribed(
            json_format.MessageToDict(theirs)["components"][key]
        )
        assert ours.pipeline_info.name == theirs.pipeline_info.name
        assert list(ours.deployment_spec["executors"]) == list(theirs.deployment_spec["executors"])


def undescribed(section: dict[str, dict[str, dict[str, dict[str, object]]]]) -> object:
    for side in ("inputDefinitions", "outputDefinitions"):
        for group in section.get(side, {}).values():
            for definition in group.values():
                definition.pop("description", None)
    return section


def test_descriptions_are_those_that_kfp_reads_from_the_docstring(tmp_path: Path) -> None:
    section = yaml.safe_load(texts()["components/train_model/component.yaml"])["components"]["comp-train-model"]
    assert section["inputDefinitions"]["parameters"]["max_depth"]["description"] == "How deep the tree may grow."
    assert section["inputDefinitions"]["artifacts"]["data"]["description"] == "The training data, CSV."


@EVERY
@IMAGES
def test_the_pipeline_compiles_without_credentials_and_names_the_digests(
    pipeline: Pipeline, images: str, tmp_path: Path
) -> None:
    folder = written(tmp_path / "tree", pipeline, images=images)
    names = [component.name for component in pipeline.components] if images == "per-component" else ["component_base"]
    digests = {f"{REGISTRY}/{pipeline.name}/{name}@sha256:{number:064}" for number, name in enumerate(names)}
    (folder / "images").write_text("\n".join(digests))
    arguments = ("--images", "tree/images", "--output", "out/spec.json")
    said = python("tree/pipelines/pipeline.py", *arguments, cwd=tmp_path, env={"HOME": str(tmp_path)})
    assert said.returncode == 0, said.stderr
    assert said.stdout == "compiled to out/spec.json\n"
    spec = json.loads((tmp_path / "out/spec.json").read_text())
    assert {item["container"]["image"] for item in spec["deploymentSpec"]["executors"].values()} == digests
    assert spec["pipelineInfo"]["name"] == pipeline.name


def test_compiling_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = written(tmp_path, KINDS)
    for seed in "12":
        said = python(
            folder / "pipelines/pipeline.py", "--output", folder / seed, env={"PYTHONHASHSEED": seed}, cwd=tmp_path
        )
        assert said.returncode == 0, said.stderr
    assert (folder / "1").read_bytes() == (folder / "2").read_bytes()


def test_a_component_runs_under_kfps_executor_as_its_component_yaml_says(tmp_path: Path) -> None:
    folder = written(tmp_path)
    spec = yaml.safe_load((folder / "components/evaluate_model/component.yaml").read_text())
    container = spec["deploymentSpec"]["executors"]["exec-evaluate-model"]["container"]
    request = {
        "inputs": {"parameterValues": {"accuracy": 0.9, "threshold": 0.8}},
        "outputs": {"parameters": {"Output": {"outputFile": "o"}}, "outputFile": str(tmp_path / "said.json")},
    }
    words = [*container["command"][1:], *container["args"]]
    places = {"/pipelines/component/src": str(folder / "components/component_base/src"), "{{$}}": json.dumps(request)}
    for here, there in places.items():
        words = [word.replace(here, there) for word in words]
    said = python(*words, env={"_KFP_RUNTIME": "true"})
    assert said.returncode == 0, said.stdout
    assert json.loads((tmp_path / "said.json").read_text()) == {"parameterValues": {"Output": "deploy"}}


# ------------------------------------------------------------------------------- the generated tests


@pytest.mark.parametrize("pipeline", [SLOW, HOSTILE, KINDS, GOOGLE], ids=PICTURES)
@IMAGES
def test_the_generated_tests_pass_right_after_generation(pipeline: Pipeline, images: str, tmp_path: Path) -> None:
    said = self_tested(written(tmp_path, pipeline, images=images))
    assert said.returncode == 0, said.stdout
    skipped = {line.partition(": ")[2] for line in said.stdout.split("\n") if line.startswith("SKIPPED")}
    reached = "fetch reaches Google Cloud, by google.cloud.storage"
    assert skipped == (
        {reached, f"count needs {reached.replace('fetch', 'fetch, which')}"} if pipeline is GOOGLE else set()
    )


def test_one_components_tests_run_only_what_it_needs(tmp_path: Path) -> None:
    folder = written(tmp_path)
    change(
        folder / "components/component_base/src/train_model.py", "    frame = pd", "    raise OSError\n    frame = pd"
    )
    assert self_tested(folder, "tests/test_load_data.py").returncode == 0


def test_the_generated_tests_run_from_any_folder(tmp_path: Path) -> None:
    folder = written(tmp_path / "tree", GOOGLE)
    said = python("-m", "pytest", "-q", "-p", "no:cacheprovider", folder / "tests", cwd=tmp_path)
    assert said.returncode == 0, said.stdout


SRC = "components/component_base/src"
MUTANTS = {
    "a dropped parameter": (f"{SRC}/evaluate_model.py", "accuracy: float, threshold: float = 0.8", "threshold: float"),
    "a parameter of another type": (f"{SRC}/load_data.py", "rows: int = 178", "rows: float = 178"),
    "another default": (f"{SRC}/load_data.py", "rows: int = 178", "rows: int = 17"),
    "a renamed output": (f"{SRC}/load_data.py", "data: Output", "table: Output"),
    "a renamed output in component.yaml": ("components/load_data/component.yaml", "        data:", "        table:"),
    "a missing import": (f"{SRC}/train_model.py", "import json\n", ""),
    "a raising body": (f"{SRC}/evaluate_model.py", '    return "deploy"', '    raise OSError\n    return "deploy"'),
    "a result of the wrong type": (f"{SRC}/evaluate_model.py", 'return "deploy"', "return 1 or 2"),
    "a value of the wrong type": ("pipelines/runtime_parameters/pipeline_parameter_values.json", "178", '"178"'),
    "a bool for a number": ("pipelines/runtime_parameters/pipeline_parameter_values.json", "178", "true"),
    "a value too many": ("pipelines/runtime_parameters/pipeline_parameter_values.json", "{", '{"more": 1,'),
    "a value too few": ("pipelines/runtime_parameters/pipeline_parameter_values.json", '"rows": 178,', ""),
    "a wrong call": ("pipelines/pipeline.py", "rows=rows", "row=rows"),
}


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_turns_a_generated_test_red(mutant: str, tmp_path: Path) -> None:
    path, old, new = MUTANTS[mutant]
    folder = written(tmp_path)
    change(folder / path, old, new)
    said = self_tested(folder, "-x")
    assert said.returncode == 1, said.stdout


@pytest.mark.slow
def test_a_step_whose_source_failed_says_so(tmp_path: Path) -> None:
    folder = written(tmp_path)
    change(folder / f"{SRC}/load_data.py", "    load_wine(", '    raise OSError("disk full")\n    load_wine(')
    said = self_tested(folder, "tests/test_evaluate_model.py", "tests/test_load_data.py")
    assert "evaluate-model needs train-model, which needs load-data, which failed" in said.stdout
    assert "OSError: disk full" in said.stdout
    assert "2 failed" in said.stdout


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.slow
def test_a_chain_of_hundreds_of_steps_tests_itself(tmp_path: Path) -> None:
    steps = "\n".join("    last = alone().after(last)" for _ in range(300))
    body = f'@dsl.pipeline(name="long")\ndef pipeline():\n    last = alone()\n{steps}\n'
    one = dataclasses.replace(GOOGLE, components=GOOGLE.components[2:], body=body, parameters=(), values=(), steps=())
    said = self_tested(written(tmp_path, one))
    assert said.returncode == 0, said.stdout[-3000:]


# ------------------------------------------------------------------------------- submitting and uploading


def module(path: Path) -> types.ModuleType:
    found = types.ModuleType(path.stem)
    found.__dict__["__file__"] = str(path)
    exec(compile(path.read_text(), path, "exec", dont_inherit=True), found.__dict__)  # noqa: S102
    return found


class Job:
    name = "wine-quality-1"
    resource_name = "projects/123/locations/us-central1/pipelineJobs/wine-quality-1"
    made: dict[str, object] = {}
    fails = False

    def __init__(self, **arguments: object) -> None:
        Job.made = arguments

    def submit(self, service_account: str) -> None:
        Job.made["runner"] = service_account

    def wait(self) -> None:
        if Job.fails:
            raise RuntimeError("step train-model failed")


@pytest.fixture
def aiplatform(monkeypatch: pytest.MonkeyPatch) -> None:
    import google.cloud

    stand_in = types.ModuleType("google.cloud.aiplatform")
    stand_in.__dict__["PipelineJob"] = Job
    monkeypatch.setitem(sys.modules, "google.cloud.aiplatform", stand_in)
    monkeypatch.setattr(google.cloud, "aiplatform", stand_in, raising=False)
    monkeypatch.setattr(sys, "argv", ["pipeline_runner.py", "--wait"])
    monkeypatch.setattr(Job, "fails", False)


def test_the_runner_says_which_file_is_missing(
    tmp_path: Path, aiplatform: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = module(written(tmp_path) / "pipelines/pipeline_runner.py")
    with pytest.raises(SystemExit, match="no compiled pipeline at .*scripts/build_pipeline_spec.sh makes it"):
        runner.main()
    (tmp_path / "scripts/pipeline_spec").mkdir()
    (tmp_path / "scripts/pipeline_spec/pipeline_job.json").write_text("{}")
    shutil.rmtree(tmp_path / "pipelines/runtime_parameters")
    with pytest.raises(SystemExit, match="no parameter values at"):
        runner.main()


def test_the_runner_refuses_images_that_were_never_built_and_names_a_file_that_is_not_json(
    tmp_path: Path, aiplatform: None
) -> None:
    folder = written(tmp_path)
    runner = module(folder / "pipelines/pipeline_runner.py")
    spec = folder / "scripts/pipeline_spec/pipeline_job.json"
    said = python(folder / "pipelines/pipeline.py", "--output", spec)
    assert said.returncode == 0, said.stderr
    with pytest.raises(SystemExit, match="component_base had not been built .*: run scripts/build_components.sh"):
        runner.main()
    spec.write_text("{")
    with pytest.raises(SystemExit, match="the run was not started: .*pipeline_job.json is not JSON"):
        runner.main()


@pytest.mark.parametrize("caching", [None, True, False])
def test_the_runner_submits_what_was_chosen_and_prints_the_link(
    caching: bool | None, tmp_path: Path, aiplatform: None, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = written(tmp_path, enable_caching=caching, labels=(("team", "fraud"),))
    (folder / "scripts/pipeline_spec").mkdir()
    (folder / "scripts/pipeline_spec/pipeline_job.json").write_text("{}")
    module(folder / "pipelines/pipeline_runner.py").main()
    link = "https://console.cloud.google.com/vertex-ai/locations/us-central1/pipelines/runs/wine-quality-1"
    told = capsys.readouterr().out.splitlines()
    assert told == [f"run: {link}?project=my-project-123", f"job: {Job.resource_name}", "the run succeeded"]
    assert Job.made == {
        "display_name": "wine-quality",
        "template_path": str(folder / "scripts/pipeline_spec/pipeline_job.json"),
        "pipeline_root": "gs://my-project-123-bucket/wine-quality/runs",
        "parameter_values": {"rows": 178, "max_depth": 3, "threshold": 0.8},
        "project": "my-project-123",
        "location": "us-central1",
        "labels": {"managed-by": "automlops", "automlops-pipeline": "wine-quality", "team": "fraud"},
        "runner": "vertex-pipelines@my-project-123.iam.gserviceaccount.com",
        **({} if caching is None else {"enable_caching": caching}),
    }


def test_a_failed_run_fails_the_runner(tmp_path: Path, aiplatform: None, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path)
    (folder / "scripts/pipeline_spec").mkdir()
    (folder / "scripts/pipeline_spec/pipeline_job.json").write_text("{}")
    monkeypatch.setattr(Job, "fails", True)
    with pytest.raises(SystemExit, match="^the run failed, .*: step train-model failed"):
        module(folder / "pipelines/pipeline_runner.py").main()


def test_uploading_names_the_spec_by_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, object] = {}

    class Client:
        def __init__(self, project: str) -> None:
            kept["project"] = project

        def bucket(self, name: str) -> Client:
            kept["bucket"] = name
            return self

        def blob(self, name: str) -> Client:
            kept["name"] = name
            return self

        def upload_from_string(self, content: bytes, content_type: str) -> None:
            kept["content"] = content

    storage = types.ModuleType("google.cloud.storage")
    storage.__dict__["Client"] = Client
    monkeypatch.setitem(sys.modules, "google.cloud.storage", storage)
    pipeline = module(written(tmp_path) / "pipelines/pipeline.py")
    spec = tmp_path / "spec.json"
    spec.write_text("{}")
    address = "gs://my-bucket/wine/specs/44136fa355b3678a.json"
    assert pipeline.upload(spec, "gs://my-bucket/wine/specs/") == address
    assert kept == {
        "project": "my-project-123",
        "bucket": "my-bucket",
        "name": "wine/specs/44136fa355b3678a.json",
        "content": b"{}",
    }


# ------------------------------------------------------------------------------- the scripts


def tag(folder: Path, path: str | None = None) -> str:
    said = subprocess.run(
        [folder / "scripts/content_tag.sh", "components/component_base"],
        cwd="/",
        env={"PATH": path or os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    return said.stdout.strip()


def test_the_content_tag_is_decided_by_what_the_image_is_made_of(tmp_path: Path) -> None:
    folder = written(tmp_path / "a")
    base = folder / "components/component_base"
    before = tag(folder)
    assert re.fullmatch("[0-9a-f]{16}", before)

    (base / "src/load_data.py.new").write_text("x")
    for name in (".ipynb_checkpoints/load_data-checkpoint.py", ".load_data.py.swp"):
        (base / "src" / name).parent.mkdir(exist_ok=True)
        (base / "src" / name).write_text("x")
    (base / "src/__pycache__").mkdir()
    (base / "src/__pycache__/load_data.cpython-311.pyc").write_text("x")
    (base / "src/load_data.py").chmod(0o600)
    os.utime(base / "src/load_data.py", (1, 1))
    assert tag(folder) == tag(written(tmp_path / "b")) == before

    seen = {before}
    for name in ("Dockerfile", "requirements.txt", "src/load_data.py", "src/more.py"):
        path = base / name
        path.write_text((path.read_text() if path.exists() else "") + "\n")
        seen.add(tag(folder))
    assert len(seen) == 5


def test_the_content_tag_needs_no_sha256sum(tmp_path: Path) -> None:
    if not shutil.which("shasum"):
        pytest.skip("shasum is not installed")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "find", "sort", "xargs", "shasum", "cut", "dirname", "perl", "env"):
        if found := shutil.which(name):
            (tools / name).symlink_to(found)
    folder = written(tmp_path / "tree")
    assert tag(folder, str(tools)) == tag(folder)


@IMAGES
def test_an_image_that_is_missing_is_built_once_and_named_by_digest(images: str, tmp_path: Path) -> None:
    folder, gcloud = written(tmp_path / "tree", images=images), FakeGcloud(tmp_path / "bin")
    for _ in range(2):
        said = gcloud.run(folder / "scripts/build_components.sh")
        assert said.returncode == 0, said.stderr
    names = ["component_base"] if images == "shared" else ["load_data", "train_model", "evaluate_model"]
    expected = [f"{REGISTRY}/wine-quality/{name}@sha256:0123456789abcdef" for name in names]
    lines = (folder / "scripts/pipeline_spec/images").read_text().splitlines()
    assert [line.split()[0] for line in lines] == expected
    assert [call[:2] for call in gcloud.calls].count(["builds", "submit"]) == 1
    assert all("--project=my-project-123" in call for call in gcloud.calls)

    said = gcloud.run(folder / "scripts/build_pipeline_spec.sh")
    assert said.returncode == 0, said.stderr
    spec = json.loads((folder / "scripts/pipeline_spec/pipeline_job.json").read_text())
    assert {item["container"]["image"] for item in spec["deploymentSpec"]["executors"].values()} == set(expected)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("denied", ["stopped at: asking the registry for the image", "PERMISSION_DENIED: no reading here"]),
        (
            "broken",
            ["its log: https://console.cloud.google.com/cloud-build/builds/1?project=1", "pip: no such package"],
        ),
    ],
)
def test_a_build_that_cannot_be_stops_with_the_reason(state: str, expected: list[str], tmp_path: Path) -> None:
    folder, gcloud = written(tmp_path / "tree"), FakeGcloud(tmp_path / "bin")
    gcloud.says(state)
    said = gcloud.run(folder / "scripts/run_all.sh")
    assert said.returncode == 1
    assert all(text in said.stderr for text in expected)
    assert not (folder / "scripts/pipeline_spec").exists()


def test_run_all_hands_its_arguments_to_the_submission(tmp_path: Path) -> None:
    folder, gcloud = written(tmp_path / "tree"), FakeGcloud(tmp_path / "bin")
    (folder / "pipelines/pipeline.py").write_text("import sys; print(sys.argv[-2:])")
    (folder / "pipelines/pipeline_runner.py").write_text("import sys; print(sys.argv[1:])")
    said = gcloud.run(folder / "scripts/run_all.sh", "--wait", "--parameters", "a b")
    assert said.returncode == 0, said.stderr
    assert "['--upload', 'gs://my-project-123-bucket/wine-quality/specs']\n" in said.stdout
    assert said.stdout.endswith("['--wait', '--parameters', 'a b']\n")


def test_scripts_take_paths_from_where_they_are_called_and_need_no_execute_bits(tmp_path: Path) -> None:
    folder, gcloud = written(tmp_path / "tree"), FakeGcloud(tmp_path / "bin")
    for script in folder.glob("scripts/*.sh"):
        script.chmod(0o644)
    (folder / "pipelines/pipeline.py").write_text("")
    (folder / "pipelines/pipeline_runner.py").write_text("import os; print(os.getcwd())")
    gcloud.says("built")
    script = tmp_path / "all.sh"
    script.write_text('#!/usr/bin/env bash\ncd "$(dirname "$0")" && exec bash tree/scripts/run_all.sh\n')
    script.chmod(0o755)
    said = gcloud.run(script)
    assert said.returncode == 0, said.stderr
    assert said.stdout.endswith(f"\n{tmp_path}\n")


def test_a_spec_is_not_compiled_for_an_image_of_other_sources(tmp_path: Path) -> None:
    folder, gcloud = written(tmp_path / "tree"), FakeGcloud(tmp_path / "bin")
    assert gcloud.run(folder / "scripts/build_components.sh").returncode == 0
    (folder / SRC / "more.py").write_text("")
    said = gcloud.run(folder / "scripts/build_pipeline_spec.sh")
    assert said.returncode == 1
    told = "components/component_base changed since its image was built; run scripts/build_components.sh"
    assert said.stderr == f"stopped: {told}\n"


def test_a_tag_that_cannot_be_taken_is_named(tmp_path: Path) -> None:
    folder, gcloud = written(tmp_path / "tree"), FakeGcloud(tmp_path / "bin")
    shutil.rmtree(folder / SRC)
    said = gcloud.run(folder / "scripts/build_components.sh")
    assert said.returncode == 1 and not gcloud.calls
    assert "stopped at: taking the tag of components/component_base" in said.stderr and "src" in said.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--images", "none"], "there is no file none"),
        (["--upload", "foo"], "--upload takes gs://BUCKET/FOLDER, not foo"),
        (["--images", "other"], "no step runs in example.test/other: "),
    ],
)
def test_compiling_says_what_is_wrong_with_its_arguments(arguments: list[str], told: str, tmp_path: Path) -> None:
    folder = written(tmp_path)
    (tmp_path / "other").write_text("example.test/other@sha256:0 tag folder\n")
    said = python(folder / "pipelines/pipeline.py", "--output", "spec.json", *arguments, cwd=tmp_path)
    assert said.returncode and told in said.stderr and "Traceback" not in said.stderr
    assert not (tmp_path / "spec.json").exists()


def test_two_codebases_are_tested_together(tmp_path: Path) -> None:
    for name in ("one", "two"):
        written(tmp_path / name, GOOGLE)
    said = self_tested(tmp_path, "one", "two")
    assert said.returncode == 0, said.stdout


def test_the_readme_names_only_commands_and_files_that_are_there(tmp_path: Path) -> None:
    for images in ("shared", "per-component"):
        tree = texts(WINE, dataclasses.replace(PROJECT, images=images))  # type: ignore[arg-type]
        readme = tree["README.md"]
        named = re.findall(r"\]\(([^)]+)\)", readme) + re.findall(r"`((?:scripts|provision)/[\w.]+)", readme)
        named += re.findall(r"-r (\S+)", readme)
        assert named and set(named) <= tree.keys()


@pytest.mark.parametrize(
    ("base", "kept"),
    [
        ("python:3.11-slim", False),
        ("mirror.gcr.io/library/python:3.12", False),
        ("gcr.io/deeplearning-platform-release/pytorch-gpu.2-3.py310", True),
        (f"python@sha256:{'0' * 64}", False),
        (f"example.test/torch@sha256:{'0' * 64}", True),
    ],
)
def test_what_a_base_image_was_chosen_for_stays_importable(base: str, kept: bool) -> None:
    text = texts(WINE, dataclasses.replace(PROJECT, base_image=base))["components/component_base/Dockerfile"]
    assert ("--system-site-packages" in text) is kept
    assert text.count(f"FROM {base}") == 2


def test_every_kind_has_its_place_in_a_component_yaml() -> None:
    inputs = [Param(name=kind.lower(), kind=kind) for kind in Kind]
    assert dict(render._definitions((*inputs, Artifact(name="a", title="system.Model", many=True)))) == {
        "artifacts": {
            "a": {"artifactType": {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"}, "isArtifactList": True}
        },
        "parameters": {
            kind.lower(): {"parameterType": str(kind)}
            | ({"isOptional": True} if kind == Kind.TASK_FINAL_STATUS else {})
            for kind in sorted(Kind)
        },
    }
