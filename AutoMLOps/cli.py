"""`automlops`: the verbs from a terminal."""

import argparse
import contextlib
import io
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from . import api, disk, options, read, standing
from .display import Generated
from .errors import AutoMLOpsError, BadInput
from .model import Problem
from .options import CHOICES, FILES, LISTS, PAIRS

TERMINAL = "on the command line: --params FILE gives parameter values, and each setting is an option; see --help"
DONE, UNDONE, AT_FAULT, INTERRUPTED = 0, 1, 2, 130  # exit codes, as options.CODES tells them


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb, and gives its exit code."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        given = options.given(_version(), words)
    except options.Usage as fault:
        verb = next((word for word in words if word in VERBS), "")
        return _failed(verb, fault, AT_FAULT, str(fault), as_json="--json" in words)
    as_json = getattr(given, "json", False)
    try:
        with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
            result = VERBS[given.verb](given)
    except BadInput as fault:
        told = f"{fault}\n({TERMINAL})" if hasattr(given, "params") else str(fault)
        return _failed(given.verb, fault, AT_FAULT, told, as_json)
    except AutoMLOpsError as fault:
        return _failed(given.verb, fault, UNDONE, str(fault), as_json)
    except KeyboardInterrupt as fault:
        return _failed(given.verb, fault, INTERRUPTED, "interrupted", as_json)
    code = UNDONE if getattr(result, "problems", ()) else DONE
    print(_document(given.verb, result, code) if as_json else result, flush=True)
    return code


def _failed(verb: str, fault: BaseException, code: int, told: str, as_json: bool) -> int:
    print(f"automlops: {told}", file=sys.stderr)
    if as_json:
        from . import documents

        print(documents.of_fault(verb, fault, code), flush=True)
    return code


def _document(verb: str, result: object, code: int) -> str:
    from . import documents

    return documents.of(verb, result, code)


def _version() -> str:
    from . import __version__

    return __version__


def _completion(given: argparse.Namespace) -> str:
    from . import completion

    return completion.script(given.shell, options.parser(_version()))


def _check(given: argparse.Namespace) -> object:
    from . import checking

    if given.place.is_dir():
        _no_settings(given, "check a NOTEBOOK with them")
        return checking.codebase(os.path.normpath(given.place))
    return checking.notebook(_asked(given, given.place))


def _show(given: argparse.Namespace) -> object:
    from . import showing

    place = str(given.place or standing.folder(None))
    drawn = showing.found(place, given.pipeline)
    forms = {form: str(getattr(given, form)) for form in ("svg", "html") if getattr(given, form)}
    forms |= {"mermaid": "-"} if given.mermaid else {}
    if forms:
        return showing.written(place, drawn, forms)
    return showing.sketched(place, drawn, _columns())


def _columns() -> int:
    """How wide the terminal is; where none is, as wide as a page."""
    try:
        return int(os.environ.get("COLUMNS") or os.get_terminal_size().columns)
    except (OSError, ValueError):
        return 100


def _runs(given: argparse.Namespace) -> object:
    from . import history

    found = history.runs(given.output_dir)
    return found.compare() if given.compare else found


def _generate(given: argparse.Namespace) -> Generated:
    return _generated(given, given.dry_run)


def _generated(given: argparse.Namespace, dry_run: bool) -> Generated:
    return api.generated(_asked(given, given.notebook), dry_run)


def _asked(given: argparse.Namespace, notebook: Path) -> api.Asked:
    source = read.notebook(str(notebook), disk.read_text(notebook))
    said = {name: getattr(given, name) for name in (*CHOICES, *LISTS) if getattr(given, name) is not None}
    pairs = {name: _pairs(getattr(given, name), option) for name, option in PAIRS.items() if getattr(given, name)}
    files = {name: _read(getattr(given, name), FORMS[name]) for name in FILES if getattr(given, name)}
    folder = str(given.output_dir or notebook.parent / "AutoMLOps")
    project = {"project_id": given.project_id} if given.project_id is not None else {}
    return api.Asked(
        source,
        values=_params(given.params) if given.params else None,
        settings={**project, **said, **pairs, **files, "output_dir": folder},
        which=given.pipeline,
        beside=os.path.dirname(os.path.abspath(notebook)),
    )


def _folder(given: argparse.Namespace) -> str:
    """Beside the notebook, where one is named; else where a codebase stands."""
    if given.notebook:
        return str(given.output_dir or given.notebook.parent / "AutoMLOps")
    return standing.folder(given.output_dir)


def _rehearse(given: argparse.Namespace) -> object:
    from . import rehearsal

    parameters = {name: _value(text) for name, text in _pairs(given.parameter, "--parameter").items()}
    if not given.notebook:
        _no_settings(given, "name the NOTEBOOK too; the codebase's own settings are in its configs", "nothing ran")
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


def _redrive(given: argparse.Namespace) -> object:
    from . import redriving

    return redriving.redriven(given.output_dir, given.limit, given.dry_run)


def _status(given: argparse.Namespace) -> object:
    from . import watching

    return watching.stood(given.output_dir)


def _schedules(given: argparse.Namespace) -> object:
    from . import schedules

    if given.does != "update" and (given.schedule or given.schedule_time_zone):
        hint = "write: automlops schedules update --schedule CRON"
        raise BadInput([Problem(message=f"schedules {given.does} changes no time", hint=hint)], "nothing was done")
    match given.does:
        case "pause" | "resume":
            return schedules.turned(given.output_dir, pausing=given.does == "pause")
        case "update":
            return schedules.updated(given.output_dir, given.schedule, given.schedule_time_zone)
        case "delete":
            return schedules.deleted(given.output_dir)
    return schedules.listed(given.output_dir)


def _no_settings(given: argparse.Namespace, hint: str, undone: str = "nothing was checked") -> None:
    """Settings are for generating; a codebase that runs as it stands has its own."""
    known = {name: options.option(name) for name in (*CHOICES, *FILES, "project_id", "pipeline")} | PAIRS | LISTS
    said = [option for name, option in known.items() if getattr(given, name) is not None]
    if said:
        raise BadInput([Problem(message=f"{each} is for generating", hint=hint) for each in said], undone)


def _pairs(given: Sequence[str], option: str) -> dict[str, str]:
    """What an option that may be repeated was given; a name twice is a slip, of which only one would count."""
    problems = [Problem(message=f"{option} {each}", hint="write NAME=VALUE") for each in given if "=" not in each]
    names = [each.partition("=")[0] for each in given]
    twice = sorted({name for name in names if names.count(name) > 1} if not problems else ())
    problems += [Problem(message=f"{option} gives {name} twice", hint="leave one") for name in twice]
    if problems:
        raise BadInput(problems)
    return {key: value for key, _, value in (each.partition("=") for each in given)}


def _value(text: str) -> object:
    """JSON where it is that, else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


FORMS = {"custom_training_job_specs": 'write [{"component_spec": "train_model", "machine_type": "n1-standard-8"}]'}


def _read(path: Path, form: str) -> object:
    """What a file of JSON or YAML holds."""
    try:
        return disk.read_json(path) if path.suffix == ".json" else _yaml(disk.read_text(path))
    except (ValueError, RecursionError) as error:
        message = f"{path} cannot be read: {' '.join(str(error).split())}"
        raise BadInput([Problem(message=message, hint=form)]) from error


def _params(path: Path) -> dict[str, Any]:
    values = _read(path, 'write {"rows": 178} (JSON) or rows: 178 (YAML)')
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

    class Once(yaml.SafeLoader):
        """In which a name that stands twice in one mapping is a slip, of which only one would count."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
            if twice := [name for name in names if names.count(name) > 1]:
                raise ValueError(f"{twice[0]} stands in it twice")
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(text, Loader=Once)  # noqa: S506 - a safe one
    except Exception as error:  # beside YAML's own errors, what a date or number that is none raises, or a deep nest
        raise ValueError(error) from error


VERBS: Mapping[str, Callable[[argparse.Namespace], object]] = {
    "check": _check,
    "completion": _completion,
    "deploy": _deploy,
    "deprovision": _deprovision,
    "generate": _generate,
    "go": _go,
    "plan": _plan,
    "provision": _provision,
    "redrive": _redrive,
    "rehearse": _rehearse,
    "runs": _runs,
    "schedules": _schedules,
    "show": _show,
    "status": _status,
}


def run() -> None:
    """The command itself: quiet when what it prints into is closed, as by `| head`."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # where the terminal has no such letter, another stands for it
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())


if __name__ == "__main__":
    run()
