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
from . import settings as settings_
from .display import Generated
from .errors import AutoMLOpsError, BadInput
from .model import Problem

# Settings that are a line of text each; the rest have a shape of their own below.
PLAIN = (
    "af_registry_location",
    "af_registry_name",
    "gs_bucket_name",
    "gs_bucket_location",
    "pipeline_runner_sa",
    "pipeline_job_location",
    "base_image",
    "naming_prefix",
    "parameter_values_path",
    "pipeline_job_spec_path",
    "license_header",
)


TERMINAL = "on the command line: --params FILE gives parameter values, and each setting is an option; see --help"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb. Exit codes: 0 done, 1 it could not be done, 2 the input is at fault."""
    given = _parser().parse_args(arguments)
    try:
        print(given.act(given))
    except BadInput as error:
        print(f"automlops: {error}\n({TERMINAL})", file=sys.stderr)
        return 2
    except AutoMLOpsError as error:
        print(f"automlops: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("automlops: interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    words = "Turns a notebook into a production MLOps repository, and runs it."
    parser = argparse.ArgumentParser(prog="automlops", description=words)
    parser.add_argument("--version", action="version", version=f"%(prog)s {_version()}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    words = "Writes the codebase of the pipeline that a notebook defines. Touches nothing else."
    generate = verbs.add_parser("generate", help="write the codebase beside the notebook", description=words)
    generate.add_argument("notebook", type=Path, metavar="NOTEBOOK", help=NOTEBOOK)
    generate.add_argument("--dry-run", action="store_true", help="show what would be written, and write nothing")
    generate.set_defaults(act=_generate)
    words = "Runs the pipeline on this machine: no account, no cloud. With a NOTEBOOK it generates first."
    rehearse = verbs.add_parser("rehearse", help="run the pipeline here", description=words)
    rehearse.add_argument("notebook", type=Path, metavar="NOTEBOOK", nargs="?", help=f"{NOTEBOOK}; none: the codebase")
    words = "another value for this run alone, as JSON or plain text; may be repeated"
    rehearse.add_argument("--parameter", action="append", metavar="NAME=VALUE", default=[], help=words)
    words = "take over the results of steps that did not change since they last ran"
    rehearse.add_argument("--cache", action="store_true", help=words)
    words = "kernel: this Python's packages; isolated: those of the generated requirements (default: %(default)s)"
    rehearse.add_argument("--environment", choices=("kernel", "isolated"), default="kernel", help=words)
    rehearse.add_argument("--timeout", type=float, metavar="SECONDS", help="how long the whole may take")
    rehearse.set_defaults(act=_rehearse, dry_run=False)
    for verb in (generate, rehearse):
        _settings(verb)
    words = "Makes what the pipeline needs in its Google Cloud project, by the codebase's own script: read it first."
    provision = verbs.add_parser("provision", help="make the resources it needs", description=words)
    provision.set_defaults(act=_provision)
    words = "Takes away what provision made for this pipeline, and nothing else."
    deprovision = verbs.add_parser("deprovision", help="take them away again", description=words)
    words = "take away the bucket although there is something in it"
    deprovision.add_argument("--delete-data", action="store_true", help=words)
    deprovision.set_defaults(act=_deprovision)
    for verb in (provision, deprovision):
        verb.add_argument("--output-dir", type=Path, help="the codebase's folder (default: AutoMLOps)")
    return parser


NOTEBOOK = "a notebook (.ipynb) or a script (.py, with or without # %%%% cells)"


def _settings(verb: argparse.ArgumentParser) -> None:
    """The options that both verbs take; what each setting is, is said once, where the settings are."""
    told = {name: why.replace("%", "%%") for _, rows in settings_.table(settings_.Settings()) for name, _, why in rows}
    verb.add_argument("--project-id", help=told["project_id"])
    verb.add_argument("--params", type=Path, metavar="FILE", help="parameter values for a run, as JSON or YAML")
    verb.add_argument("--output-dir", type=Path, help="the codebase's folder (default: AutoMLOps, by the notebook)")
    verb.add_argument("--pipeline", metavar="NAME", help="the pipeline to take, where the notebook has several")
    verb.add_argument("--images", metavar="shared|per-component", help=told["images"])
    caching = argparse.BooleanOptionalAction
    verb.add_argument("--enable-caching", action=caching, default=None, help=told["enable_caching"])
    verb.add_argument("--label", action="append", metavar="KEY=VALUE", help=told["labels"])
    verb.add_argument("--extra-region", action="append", metavar="REGION", help=told["extra_regions"])
    verb.add_argument("--steps-use", action="append", metavar="WHAT", help=told["steps_use"])
    for name in PLAIN:
        verb.add_argument(f"--{name.replace('_', '-')}", help=told[name])


def _version() -> str:
    from . import __version__

    return __version__


def _generate(given: argparse.Namespace) -> Generated:
    source = read.notebook(str(given.notebook), disk.read_text(given.notebook))
    settings: dict[str, Any] = {
        name: getattr(given, name) for name in (*PLAIN, "images", "enable_caching") if getattr(given, name) is not None
    }
    settings["output_dir"] = _folder(given)
    if given.label:
        settings["labels"] = dict(_pair(label, "--label") for label in given.label)
    if given.extra_region:
        settings["extra_regions"] = given.extra_region
    if given.steps_use:
        settings["steps_use"] = given.steps_use
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


def _folder(given: argparse.Namespace) -> str:
    beside = given.notebook.parent if given.notebook else Path()
    return os.fspath(given.output_dir or beside / "AutoMLOps")


def _rehearse(given: argparse.Namespace) -> object:
    from . import rehearsal

    parameters = {name: _value(text) for name, text in (_pair(each, "--parameter") for each in given.parameter)}
    if not given.notebook:
        _no_settings(given)
        parameters = {**(_params(given.params) if given.params else {}), **parameters}
    warnings = _generate(given).warnings if given.notebook else ()
    wishes = rehearsal.Wishes(
        parameters=parameters, cache=given.cache, environment=given.environment, timeout=given.timeout
    )
    cells = read.notebook(str(given.notebook), disk.read_text(given.notebook)) if given.notebook else None
    return rehearsal.rehearsed(_folder(given), wishes, warnings=warnings, cells=cells)


def _provision(given: argparse.Namespace) -> object:
    from . import provisioning

    return provisioning.provision(given.output_dir)


def _deprovision(given: argparse.Namespace) -> object:
    from . import provisioning

    return provisioning.deprovision(given.output_dir, delete_data=given.delete_data)


def _no_settings(given: argparse.Namespace) -> None:
    """Settings are for generating; a codebase that runs as it stands has its own."""
    words = (*PLAIN, "project_id", "pipeline", "images", "enable_caching", "label", "extra_region", "steps_use")
    said = [f"--{word.replace('_', '-')}" for word in words if getattr(given, word, None) is not None]
    if said:
        hint = "name the NOTEBOOK too; the codebase's own settings are in its configs"
        raise BadInput([Problem(message=f"{each} is for generating", hint=hint) for each in said], "nothing ran")


def _pair(given: str, option: str) -> tuple[str, str]:
    key, equals, value = given.partition("=")
    if not equals:
        raise BadInput([Problem(message=f"{option} {given}", hint="write NAME=VALUE")])
    return key, value


def _value(text: str) -> object:
    """JSON where it is that, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


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
