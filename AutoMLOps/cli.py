"""`automlops`: the verbs from a terminal."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import api, disk, read
from .display import Generated
from .errors import AutoMLOpsError, BadInput
from .model import Problem

# Settings that are a line of text each; the rest have a shape of their own below.
PLAIN = (
    "af_registry_location",
    "af_registry_name",
    "gs_bucket_name",
    "pipeline_runner_sa",
    "pipeline_job_location",
    "base_image",
    "naming_prefix",
    "parameter_values_path",
    "pipeline_job_spec_path",
    "license_header",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb. Exit codes: 0 done, 1 it could not be written, 2 the input is at fault."""
    given = _parser().parse_args(arguments)
    try:
        print(_generate(given))
    except BadInput as error:
        print(f"automlops: {error}", file=sys.stderr)
        return 2
    except AutoMLOpsError as error:
        print(f"automlops: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="automlops", description="Turns a notebook into a production MLOps repository."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {_version()}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    generate = verbs.add_parser(
        "generate",
        help="write the codebase beside the notebook",
        description="Writes the codebase of the pipeline that a notebook defines. Touches nothing else.",
    )
    generate.add_argument(
        "notebook",
        type=Path,
        metavar="NOTEBOOK",
        help="a notebook (.ipynb) or a script (.py, with or without # %%%% cells)",
    )
    generate.add_argument(
        "--project-id", help="the Google Cloud project; without one, the files that name a project wait"
    )
    generate.add_argument(
        "--params",
        type=Path,
        metavar="FILE",
        help="a JSON or YAML file with a value for each parameter of the pipeline",
    )
    generate.add_argument(
        "--output-dir", type=Path, help="the folder to write (default: AutoMLOps, beside the notebook)"
    )
    generate.add_argument("--pipeline", metavar="NAME", help="the pipeline to take, where the notebook has several")
    generate.add_argument(
        "--images", metavar="shared|per-component", help="one image for all components, or one for each"
    )
    generate.add_argument(
        "--enable-caching",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="cache every step, or none (default: each step decides)",
    )
    generate.add_argument(
        "--label", action="append", metavar="KEY=VALUE", help="a label for each run; may be given again"
    )
    generate.add_argument(
        "--extra-region",
        action="append",
        metavar="REGION",
        help="a region newer than this version knows; may be given again",
    )
    for name in PLAIN:
        generate.add_argument(f"--{name.replace('_', '-')}", help=argparse.SUPPRESS if name.endswith("_path") else None)
    generate.add_argument("--dry-run", action="store_true", help="show what would be written, and write nothing")
    return parser


def _version() -> str:
    from . import __version__

    return __version__


def _generate(given: argparse.Namespace) -> Generated:
    source = read.notebook(str(given.notebook), disk.read_text(given.notebook))
    settings: dict[str, Any] = {
        name: getattr(given, name) for name in (*PLAIN, "images", "enable_caching") if getattr(given, name) is not None
    }
    settings["output_dir"] = os.fspath(given.output_dir or given.notebook.parent / "AutoMLOps")
    if given.label:
        settings["labels"] = dict(_pair(label) for label in given.label)
    if given.extra_region:
        settings["extra_regions"] = given.extra_region
    params = _params(given.params) if given.params else None
    return api.generated(
        source,
        given.project_id,
        params,
        which=given.pipeline,
        beside=os.path.dirname(os.path.abspath(given.notebook)),
        dry_run=given.dry_run,
        settings=settings,
    )


def _pair(label: str) -> tuple[str, str]:
    key, equals, value = label.partition("=")
    if not equals:
        raise BadInput([Problem(message=f"--label {label}", hint="write KEY=VALUE")])
    return key, value


def _params(path: Path) -> dict[str, Any]:
    text = disk.read_text(path)
    try:
        values = json.loads(text) if path.suffix == ".json" else _yaml(text)
    except ValueError as error:
        raise BadInput(
            [
                Problem(
                    message=f"{path} cannot be read: {' '.join(str(error).split())}",
                    hint='write {"rows": 178} (JSON) or rows: 178 (YAML)',
                )
            ]
        ) from error
    if not isinstance(values, dict):
        raise BadInput(
            [
                Problem(
                    message=f"{path} holds {type(values).__name__}, not an object of names and values",
                    hint='write {"rows": 178}',
                )
            ]
        )
    return values


def _yaml(text: str) -> object:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(error) from error


def run() -> None:
    """The command itself: quiet when what it prints into is closed, as by `| head`."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())


if __name__ == "__main__":
    run()
