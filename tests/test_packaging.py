"""What is built from this checkout is what this checkout is: the wheel holds every template, and generates the same."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import golden
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from tools import CHECKOUT

from AutoMLOps import __version__
from AutoMLOps.read.requirements import TOOLS

# One worker builds, and keeps what it built for all of these.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("packaging")]

PIPELINE = '''
import json
from pathlib import Path

from AutoMLOps import AutoMLOps
from kfp.dsl import Dataset, Input, Output


@AutoMLOps.component
def count(numbers: Output[Dataset], to: int = 3):
    """Writes numbers."""
    Path(numbers.path).write_text(json.dumps(list(range(to))))


@AutoMLOps.component
def add(numbers: Input[Dataset]) -> int:
    """Adds them."""
    return sum(json.loads(Path(numbers.path).read_text()))


@AutoMLOps.pipeline(name="adder")
def adder(to: int = 3):
    add(numbers=count(to=to).outputs["numbers"])


AutoMLOps.generate(project_id="my-project-123", pipeline_params={"to": 4}, naming_prefix="p", output_dir="AutoMLOps")
'''


def run(*command: object, cwd: Path) -> str:
    """What a command prints, run with nothing of this checkout in sight."""
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    ended = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=clean, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def installation(folder: Path, *install: object) -> Path:
    """A fresh environment with one thing installed; its dependencies are those of the running one."""
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", python)
    run(*pip, "install", "--no-index", "--no-deps", "--no-build-isolation", *install, cwd=folder.parent)
    return python


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """What packaging reads of this checkout, apart, so that building leaves nothing here."""
    copy = tmp_path_factory.mktemp("clone") / "source"
    for folder in ("AutoMLOps", "templates", "example"):
        shutil.copytree(
            CHECKOUT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", ".*_checkpoints")
        )
    for path in CHECKOUT.iterdir():
        if path.is_file():
            shutil.copy(path, copy)
    return copy


@pytest.fixture(scope="module")
def built(source) -> Path:
    """The sdist, and the wheel that is built from it."""
    run(sys.executable, "-m", "build", "--no-isolation", cwd=source)
    return source / "dist"


@pytest.fixture(scope="module")
def wheel(built) -> Path:
    (wheel,) = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The Python of an environment that has the wheel."""
    return installation(tmp_path_factory.mktemp("wheel") / "venv", wheel)


@pytest.fixture
def metadata(installed) -> Distribution:
    (found,) = installed.parent.parent.glob("lib/python*/site-packages/[Aa]uto[Mm][Ll][Oo]ps-*.dist-info")
    return PathDistribution(found)


def test_every_template_and_module_is_in_the_wheel_once_and_nothing_else_is(wheel, source):
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    modules = {
        path.relative_to(source).as_posix()
        for path in (source / "AutoMLOps").rglob("*")
        if path.suffix in (".py", ".typed")
    }
    templates = {f"AutoMLOps/{path.relative_to(source).as_posix()}" for path in (source / "templates").rglob("*.j2")}
    assert {"AutoMLOps/templates/.gitignore.j2", "AutoMLOps/py.typed"} <= modules | templates
    assert sorted(names) == sorted(modules | templates)


def test_the_sdist_has_what_it_takes_to_build_and_the_licence(built, source):
    (found,) = built.glob("*.tar.gz")
    with tarfile.open(found) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    files = {"setup.py", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "example/quickstart.ipynb"}
    templates = {path.relative_to(source).as_posix() for path in (source / "templates").rglob("*.j2")}
    assert files | templates <= names


def test_the_wheel_generates_what_the_checkout_generates(installed, tmp_path):
    made = {}
    for name, python, path in (
        ("wheel", installed, ""),
        ("checkout", sys.executable, str(CHECKOUT)),
    ):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "pipeline.py").write_text(PIPELINE, encoding="utf-8")
        run("env", f"PYTHONPATH={path}", python, "pipeline.py", cwd=folder)
        made[name] = contents(folder / "AutoMLOps")
    assert made["wheel"] == made["checkout"]
    assert {"README.md", ".gitignore", "components/component_base/src/count.py"} <= made["wheel"].keys()


def test_the_wheel_generates_the_golden_trees(installed, tmp_path):
    code = "import sys; sys.path.insert(0, sys.argv[1]); import golden; [golden.generate(case, case) for case in golden.CASES]"
    run(installed, "-c", code, CHECKOUT / "tests", cwd=tmp_path)
    for case in golden.CASES:
        assert golden.tree(tmp_path / case) == golden.tree(golden.ROOT / case / "tree")


def test_the_wheel_is_what_its_environment_imports(installed, tmp_path):
    said = run(
        installed, "-c", "import AutoMLOps; print(AutoMLOps.__version__, AutoMLOps.__file__)", cwd=tmp_path
    ).split()
    assert said[0] == __version__
    assert Path(said[1]).is_relative_to(installed.parent.parent)


def test_the_console_script_works_from_any_folder(installed, tmp_path):
    automlops = installed.parent / "automlops"
    assert run(automlops, "--version", cwd=tmp_path) == f"automlops {__version__}\n"
    (tmp_path / "pipeline.py").write_text(PIPELINE.partition("AutoMLOps.generate")[0], encoding="utf-8")
    (tmp_path / "to.json").write_text('{"to": 4}', encoding="utf-8")
    said = run(automlops, "generate", "pipeline.py", "--params", "to.json", cwd=tmp_path)
    assert "created  README.md" in said
    assert (tmp_path / "AutoMLOps" / "README.md").is_file()


def test_an_editable_install_generates_twice_in_one_folder(source, tmp_path):
    """The second time a folder named AutoMLOps lies beside the script, and must not be imported in our place."""
    python = installation(tmp_path / "venv", "--editable", source)
    (tmp_path / "pipeline.py").write_text(PIPELINE, encoding="utf-8")
    assert "created" in run(python, "pipeline.py", cwd=tmp_path)
    assert "nothing to do" in run(python, "pipeline.py", cwd=tmp_path)


def test_the_metadata_names_the_version_and_the_pythons(metadata):
    assert metadata.version == __version__
    pythons = SpecifierSet(metadata.metadata["Requires-Python"])
    assert [minor for minor in range(8, 20) if f"3.{minor}" in pythons] == [11, 12, 13]
    assert "Apache-2.0" in (metadata.metadata["License"] or metadata.metadata["License-Expression"])


def test_every_requirement_is_bounded_below_and_above(metadata):
    requirements = [Requirement(line) for line in metadata.requires or ()]
    assert {"jinja2", "pyyaml", "nbformat", "kfp", "google-cloud-aiplatform", "google-cloud-storage"} <= {
        canonicalize_name(each.name) for each in requirements if not each.marker
    }
    for each in requirements:
        operators = {bound.operator for bound in each.specifier}
        needed = (
            {">="} if each.name in ("packaging", "setuptools", "tzdata") else {">=", "<"}
        )  # these count by the year
        assert needed <= operators, str(each)


def test_what_generated_code_asks_for_admits_what_is_installed_with_us(metadata):
    ours = {
        canonicalize_name(each.name): each.specifier
        for each in map(Requirement, metadata.requires or ())
        if not each.marker
    }
    for name, bounds in TOOLS.items():
        lowest = next(bound.version for bound in ours[name] if bound.operator == ">=")
        above = {str(bound) for bound in SpecifierSet(bounds) if bound.operator != ">="}
        assert lowest in SpecifierSet(bounds)
        assert above == {str(bound) for bound in ours[name] if bound.operator != ">="}


def test_the_extras_are_those_that_the_readme_names(metadata):
    assert set(metadata.metadata.get_all("Provides-Extra") or ()) == {"pipreqs", "gcpc", "demo", "docs", "dev"}


def test_aiplatform_2_0_0_is_never_taken(metadata):
    (found,) = (
        each
        for each in map(Requirement, metadata.requires or ())
        if each.name == "google-cloud-aiplatform" and not each.marker
    )
    assert "2.0.0" not in found.specifier
    assert {"1.60.0", "1.165.1", "2.0.1", "2.7.0"} <= set(
        found.specifier.filter(["1.60.0", "1.165.1", "2.0.1", "2.7.0"])
    )
