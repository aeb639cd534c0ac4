"""The Python that steps run in: how an image differs from it, and one built as that image is."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from AutoMLOps import codebase, environments
from AutoMLOps.codebase import Image
from AutoMLOps.errors import BadInput

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
KFP = f"kfp=={metadata.version('kfp')}"
PACKAGING = metadata.version("packaging")


def image(folder, requirements="", python=HERE):
    (folder / "requirements.txt").write_text(requirements)
    return Image(folder=folder, requirements=requirements, python=python, kfp=KFP)


@pytest.mark.parametrize(
    "requirements",
    [
        "",
        "# nothing",
        f"packaging=={PACKAGING}",
        f"packaging=={PACKAGING}  # why",
        'no-such==1; python_version < "3"',
        "-r x",
    ],
)
def test_what_is_here_as_it_will_be_there_is_no_difference(tmp_path, requirements):
    assert list(environments.differences([image(tmp_path, requirements)])) == []


def test_every_difference_is_told_with_what_to_do(tmp_path):
    (told,) = environments.differences([image(tmp_path, "packaging==1.0\nno-such-package==2\n", python="2.7")])
    assert f"packaging is {PACKAGING} here, ==1.0 there" in told.message
    assert "no-such-package is not installed here" in told.message
    assert f"Python is {HERE} here, 2.7 there" in told.message
    assert "environment='isolated'" in told.hint


def test_versions_are_those_installed():
    assert environments.versions("packaging\nno-such-package==1\n") == [
        f"packaging {PACKAGING}",
        "no-such-package None",
    ]


def test_a_codebase_says_what_its_images_install(tmp_path):
    folder = tmp_path / "components" / "component_base"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "train.py").write_text("x = 1\n")
    (tmp_path / "components" / "train").mkdir()
    (folder / "Dockerfile").write_text("FROM python:3.11-slim AS packages\nRUN pip install --no-deps kfp==2.17.0 \\\n")
    (folder / "requirements.txt").write_text("pandas==2.2.0\n")
    code = codebase.read(str(tmp_path))
    (found,) = code.images
    assert (found.name, found.kfp, found.python, found.requirements) == (
        "component_base",
        "kfp==2.17.0",
        "3.11",
        "pandas==2.2.0\n",
    )
    assert code.source("train") == (folder / "src" / "train.py").resolve() and code.source("other") is None
    alone = code.beside("train")
    (folder / "src" / "train.py").write_text("x = 2\n")
    assert code.beside("train") == alone
    (folder / "src" / "shared.py").write_text("y = 1\n")
    assert code.beside("train") != alone


@pytest.mark.slow
def test_an_environment_holds_what_the_image_installs_and_is_built_once(tmp_path):
    said: list[str] = []
    one = image(tmp_path, "six==1.17.0\n")
    python = environments.built(one, tmp_path, said.append)
    assert environments.built(one, tmp_path, said.append) == python and len(said) == 1
    code = "import six, kfp.dsl.executor_main; print(six.__version__)"
    told = subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=False, env={"_KFP_RUNTIME": "true"}
    )
    assert told.stdout == "1.17.0\n", told.stderr
    other = subprocess.run([python, "-c", "import packaging"], capture_output=True, text=True, check=False, env={})
    assert "No module named 'packaging'" in other.stderr


@pytest.mark.slow
def test_what_cannot_be_installed_is_said_and_leaves_nothing_half_built(tmp_path):
    bad = image(tmp_path, "no-such-package-of-anyone==1.0\n")
    for _ in range(2):
        with pytest.raises(BadInput, match="requirements.txt cannot be installed.*no-such-package-of-anyone"):
            environments.built(bad, tmp_path, lambda words: None)
    assert not list(Path(tmp_path, environments.HOME).glob(f"*/{environments.READY}"))
