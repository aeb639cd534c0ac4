"""`automlops`: the verbs from a terminal."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import api, codebase, disk, read
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
    "cb_trigger_location",
    "cb_trigger_name",
    "source_repo_type",
    "source_repo_name",
    "source_repo_connection",
    "csr_name",
    "csr_branch_name",
)
FLAGS = ("enable_caching", "run_local")
CHOICES = (*PLAIN, *FLAGS, "images")
# Settings that are pairs, and the option that gives one of them.
PAIRS = {"labels": "--label", "source_repo_secrets": "--source-repo-secret"}
LISTS = {"extra_regions": "--extra-region", "steps_use": "--steps-use"}


TERMINAL = "on the command line: --params FILE gives parameter values, and each setting is an option; see --help"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb. Exit codes: 0 done, 1 it could not be done or something is to be mended first, 2 the input is at
    fault."""
    given = _parser().parse_args(arguments)
    try:
        result = given.act(given)
        print(result, flush=True)
    except BadInput as error:
        print(f"automlops: {error}\n({TERMINAL})", file=sys.stderr)
        return 2
    except AutoMLOpsError as error:
        print(f"automlops: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("automlops: interrupted", file=sys.stderr)
        return 130
    return 1 if getattr(result, "problems", ()) else 0


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
    rehearse.set_defaults(act=_rehearse)
    words = "Takes the pipeline to Vertex AI: generates, plans, provisions and deploys. Progress goes to stderr."
    go = verbs.add_parser("go", help="all the way to a run in the cloud", description=words)
    go.add_argument("notebook", type=Path, metavar="NOTEBOOK", help=NOTEBOOK)
    words = "write the codebase and show the plan, and make nothing in Google Cloud; exits with 1 as plan does"
    go.add_argument("--dry-run", action="store_true", help=words)
    go.set_defaults(act=_go)
    for verb in (generate, rehearse, go):
        _settings(verb)
    words = "Shows what provision would make, change and keep, and what has to be mended first: then it exits with 1."
    plan = verbs.add_parser("plan", help="show what the cloud lacks, and what stands in the way", description=words)
    plan.set_defaults(act=_plan)
    words = "Makes what the pipeline needs in its Google Cloud project, by the codebase's own script: read it first."
    provision = verbs.add_parser("provision", help="make the resources it needs", description=words)
    provision.set_defaults(act=_provision)
    words = "Runs the pipeline on Vertex AI: from this machine, or by a push, as the setting run_local says."
    deploy = verbs.add_parser("deploy", help="run the pipeline in the cloud", description=words)
    deploy.add_argument("--notebook", type=Path, metavar="FILE", help="the notebook to commit with the codebase")
    deploy.add_argument("--message", metavar="TEXT", help="what the commit says of itself")
    deploy.set_defaults(act=_deploy)
    for verb in (go, deploy):
        words = "stay until the run has ended, and fail if it failed; where run_local is true"
        verb.add_argument("--wait", action="store_true", help=words)
    words = "Takes away what provision made for this pipeline, and nothing else; shows on stderr what that is first."
    deprovision = verbs.add_parser("deprovision", help="take them away again", description=words)
    words = "take away the bucket although there is something in it"
    deprovision.add_argument("--delete-data", action="store_true", help=words)
    deprovision.add_argument("--dry-run", action="store_true", help="show what would be taken away, and take nothing")
    deprovision.set_defaults(act=_deprovision)
    for verb in (plan, provision, deploy, deprovision):
        verb.add_argument("--output-dir", type=Path, help="the codebase's folder (default: AutoMLOps)")
    return parser


NOTEBOOK = "a notebook (.ipynb) or a script (.py, with or without # %%%% cells)"


def _settings(verb: argparse.ArgumentParser) -> None:
    """The options of the verbs that generate; what each setting is, is said once, where the settings are."""
    told = {name: why.replace("%", "%%") for _, rows in settings_.table(settings_.Settings()) for name, _, why in rows}
    verb.add_argument("--project-id", help=told["project_id"])
    verb.add_argument("--params", type=Path, metavar="FILE", help="parameter values for a run, as JSON or YAML")
    verb.add_argument("--output-dir", type=Path, help="the codebase's folder (default: AutoMLOps, by the notebook)")
    verb.add_argument("--pipeline", metavar="NAME", help="the pipeline to take, where the notebook has several")
    verb.add_argument("--images", metavar="shared|auto|per-component", help=told["images"])
    for name in FLAGS:
        verb.add_argument(_option(name), action=argparse.BooleanOptionalAction, default=None, help=told[name])
    for name, option in PAIRS.items():
        verb.add_argument(option, dest=name, action="append", metavar="KEY=VALUE", help=told[name])
    for name, option in LISTS.items():
        word = "REGION" if name == "extra_regions" else "WHAT"
        verb.add_argument(option, dest=name, action="append", metavar=word, help=told[name])
    for name in PLAIN:
        verb.add_argument(_option(name), help=told[name])


def _option(setting: str) -> str:
    return f"--{setting.replace('_', '-')}"


def _version() -> str:
    from . import __version__

    return __version__


def _generate(given: argparse.Namespace) -> Generated:
    return _generated(given, given.dry_run)


def _generated(given: argparse.Namespace, dry_run: bool) -> Generated:
    source = read.notebook(str(given.notebook), disk.read_text(given.notebook))
    said = {name: getattr(given, name) for name in (*CHOICES, *LISTS) if getattr(given, name) is not None}
    pairs = {
        name: dict(_pair(each, option) for each in getattr(given, name))
        for name, option in PAIRS.items()
        if getattr(given, name)
    }
    params = _params(given.params) if given.params else None
    return api.generated(
        source,
        given.project_id,
        params,
        which=given.pipeline,
        beside=os.path.dirname(os.path.abspath(given.notebook)),
        dry_run=dry_run,
        settings={**said, **pairs, "output_dir": _folder(given)},
    )


def _folder(given: argparse.Namespace) -> str:
    """Beside the notebook, where one is named; else where a codebase stands."""
    if given.notebook:
        return str(given.output_dir or given.notebook.parent / "AutoMLOps")
    return codebase.standing(given.output_dir)


def _rehearse(given: argparse.Namespace) -> object:
    from . import rehearsal

    parameters = {name: _value(text) for name, text in (_pair(each, "--parameter") for each in given.parameter)}
    if not given.notebook:
        _no_settings(given)
        parameters = {**(_params(given.params) if given.params else {}), **parameters}
    warnings = _generated(given, False).warnings if given.notebook else ()
    wishes = rehearsal.Wishes(
        parameters=parameters, cache=given.cache, environment=given.environment, timeout=given.timeout
    )
    cells = read.notebook(str(given.notebook), disk.read_text(given.notebook)) if given.notebook else None
    return rehearsal.rehearsed(_folder(given), wishes, warnings=warnings, cells=cells)


def _go(given: argparse.Namespace) -> object:
    from . import launching

    generated = _generated(given, False)
    return launching.launched(
        generated, _folder(given), dry_run=given.dry_run, wait=given.wait, notebook=given.notebook
    )


def _plan(given: argparse.Namespace) -> object:
    from . import provisioning

    return provisioning.planned(given.output_dir)


def _provision(given: argparse.Namespace) -> object:
    from . import provisioning

    return provisioning.provisioned(given.output_dir)


def _deploy(given: argparse.Namespace) -> object:
    from . import deploying

    return deploying.deployed(given.output_dir, wait=given.wait, notebook=given.notebook, message=given.message)


def _deprovision(given: argparse.Namespace) -> object:
    from . import provisioning

    return provisioning.deprovisioned(given.output_dir, given.delete_data, given.dry_run)


def _no_settings(given: argparse.Namespace) -> None:
    """Settings are for generating; a codebase that runs as it stands has its own."""
    options = {name: _option(name) for name in (*CHOICES, "project_id", "pipeline")} | PAIRS | LISTS
    said = [option for name, option in options.items() if getattr(given, name) is not None]
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
    except (ValueError, RecursionError):
        return text


def _params(path: Path) -> dict[str, Any]:
    text = disk.read_text(path)
    try:
        values = json.loads(text) if path.suffix == ".json" else _yaml(text)
    except (ValueError, RecursionError) as error:
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
    except Exception as error:  # beside YAML's own errors, what a date or number that is none raises, or a deep nest
        raise ValueError(error) from error


def run() -> None:
    """The command itself: quiet when what it prints into is closed, as by `| head`."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())


if __name__ == "__main__":
    run()
