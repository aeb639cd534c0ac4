"""The verbs of the terminal with their options: what each is called, what it takes, and what it says of itself."""

import argparse
import difflib
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from . import settings as settings_

SCHEDULES = ("list", "pause", "resume", "update", "delete")
SHELLS = ("bash", "zsh", "fish")

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
    "cloud_run_location",
    "cloud_run_name",
    "pubsub_topic_name",
    "ingress",
    "schedule",
    "schedule_engine",
    "schedule_location",
    "schedule_name",
    "schedule_time_zone",
)
FLAGS = ("enable_caching", "run_local", "schedule_catch_up", "submission_service")
NUMBERS = ("schedule_concurrency", "schedule_max_runs")
CHOICES = (*PLAIN, *FLAGS, *NUMBERS, "images")
# Settings that are pairs, and the option that gives one of them.
PAIRS = {"labels": "--label", "source_repo_secrets": "--source-repo-secret"}
# Settings that are read from a file, as JSON or YAML.
FILES = ("custom_training_job_specs",)
LISTS = {"extra_regions": "--extra-region", "steps_use": "--steps-use"}
SECTIONS = {
    "gcp": "settings of the Google Cloud project",
    "pipelines": "settings of the pipeline and its runs",
    "images": "settings of the images",
    "ci": "settings of what a push does (with --no-run-local)",
    "files": "settings of the files",
}

NOTEBOOK = "a notebook (.ipynb), a script (.py, with or without # %%%% cells) or a compiled pipeline (.json, .yaml)"
FOLDER = "the codebase's folder; default: the current one if it is a codebase, else AutoMLOps"
CODES = """exit codes:
  0    done
  1    it could not be done, or something is to be mended first
  2    the input is at fault, or something has to be so first: the message says what was left undone
  130  interrupted
"""


class Usage(Exception):
    """What is wrong with how the command was called."""


class Looks(argparse.HelpFormatter):
    """Wraps sentences, leaves examples as they are written, and lists verbs in one column."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)

    def _iter_indented_subactions(self, action: argparse.Action) -> Generator[argparse.Action, None, None]:
        yield from getattr(action, "_get_subactions", tuple)()

    def _format_action(self, action: argparse.Action) -> str:
        told = super()._format_action(action)
        is_list = isinstance(action, argparse._SubParsersAction)
        return told.partition("\n")[2] if is_list else told  # its first line says VERB again


class Parser(argparse.ArgumentParser):
    """Tells what is wrong instead of ending the process, and shows examples as they are written."""

    def __init__(self, *, examples: str = "", **options: object) -> None:
        words = {"epilog": examples, "formatter_class": Looks, "allow_abbrev": False}
        super().__init__(**{**words, **options})  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        raise Usage(f"{message}\n{self.format_usage()}See {self.prog} --help")


def given(version: str, words: Sequence[str]) -> argparse.Namespace:
    """What was called for; a word that its verb does not know is told with the nearest one that it does."""
    whole = parser(version)
    found, unknown = whole.parse_known_args(words)
    if unknown:
        verb = verbs(whole)[found.verb]
        known = [name for action in verb._actions for name in action.option_strings]
        near = difflib.get_close_matches(unknown[0].partition("=")[0], known, 1)
        verb.error(f"{found.verb} does not take {unknown[0]}" + (f": did you mean {near[0]}?" if near else ""))
    return found


def verbs(whole: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """The parser of each verb."""
    (found,) = (each for each in whole._actions if isinstance(each, argparse._SubParsersAction))
    return found.choices


def parser(version: str) -> Parser:
    """All of it."""
    words = "Turns a notebook into a production MLOps repository, and runs it."
    examples = f"""examples:
  automlops check wine.ipynb
  automlops generate wine.ipynb --project-id my-project --params values.yaml
  automlops rehearse
  source <(automlops completion bash)

{CODES}
With --json a verb prints one JSON document and nothing else; progress goes to standard error."""
    whole = Parser(prog="automlops", description=words, examples=examples)
    whole.add_argument("--version", action="version", version=f"%(prog)s {version}")
    verbs = whole.add_subparsers(title="verbs", dest="verb", required=True, metavar="VERB")

    def verb(name: str, does: str, words: str, takes: str, *examples: str) -> Parser:
        shown = "\n".join(["examples:", *(f"  automlops {name} {each}".rstrip() for each in examples)])
        usage = f"automlops {name} {takes}".rstrip()
        made: Parser = verbs.add_parser(name, help=does, description=words, usage=usage, examples=shown)
        return made

    _looking(verb)
    _generating(verb)
    _in_the_cloud(verb)
    words = "Prints what makes a shell complete verbs, options, choices and files."
    completion = verb("completion", "print the completion for a shell", words, "bash|zsh|fish", *SHELLS)
    completion.epilog = """to have it in every shell:
  bash   echo 'source <(automlops completion bash)' >> ~/.bashrc
  zsh    echo 'source <(automlops completion zsh)' >> ~/.zshrc      (after compinit)
  fish   automlops completion fish > ~/.config/fish/completions/automlops.fish"""
    completion.add_argument("shell", choices=SHELLS, metavar="SHELL", help="bash, zsh or fish")
    return whole


Verb = Callable[..., Parser]


def _looking(verb: Verb) -> None:
    """The verbs that change nothing."""
    words = (
        "Tells every fault and warning of a notebook, each with its place and its mend, and what generating would"
        " write; or, of a codebase's folder, whether its settings are valid and what was edited. Writes nothing, and"
        " exits with 1 where something is to be mended."
    )
    check = verb("check", "tell what is wrong, and write nothing", words, "NOTEBOOK|FOLDER [options]", *CHECKS)
    check.add_argument("place", type=Path, metavar="NOTEBOOK|FOLDER", help=f"{NOTEBOOK}, or a codebase's folder")
    _json(check)
    _choices(check)
    words = (
        "Draws the graph of a pipeline as text. Where only a run of the pipeline's function can tell what it makes, kfp"
        " compiles it first, in a process of its own."
    )
    show = verb("show", "draw the pipeline", words, "[NOTEBOOK|FOLDER|SPEC] [options]", *SHOWS)
    words = f"{NOTEBOOK}, or a codebase's folder; default: the codebase"
    show.add_argument("place", type=Path, nargs="?", metavar="NOTEBOOK|FOLDER|SPEC", help=words)
    show.add_argument("--pipeline", metavar="NAME", help="the pipeline to take, where the notebook has several")
    forms = show.add_argument_group("in another form", "FILE may be -, which is standard output")
    forms.add_argument("--svg", metavar="FILE", type=Path, help="as a drawing for light and dark")
    forms.add_argument("--html", metavar="FILE", type=Path, help="as a page with that drawing")
    forms.add_argument("--mermaid", action="store_true", help="as a flowchart for Mermaid, on standard output")
    _json(show)
    words = "Lists the rehearsals on record, the newest first, with their parameters and metrics."
    runs = verb("runs", "list the rehearsals so far", words, "[options]", "", "--compare", "--json")
    runs.add_argument("--compare", action="store_true", help="put them side by side, and mark what differs")
    _folder(runs)
    _json(runs)


CHECKS = ("wine.ipynb", "wine.ipynb --project-id my-project --params values.yaml --json", "AutoMLOps")
SHOWS = ("wine.ipynb", "AutoMLOps --svg docs/pipeline.svg", "pipeline.yaml --mermaid")


def _generating(verb: Verb) -> None:
    words = "Writes the codebase of the pipeline that a notebook defines. Touches nothing else."
    shown = ("wine.ipynb", "wine.ipynb --project-id my-project --params values.yaml", "wine.ipynb --dry-run --json")
    generate = verb("generate", "write the codebase beside the notebook", words, "NOTEBOOK [options]", *shown)
    generate.add_argument("notebook", type=Path, metavar="NOTEBOOK", help=NOTEBOOK)
    generate.add_argument("--dry-run", action="store_true", help="show what would be written, and write nothing")
    words = "Runs the pipeline on this machine: no account, no cloud. With a NOTEBOOK it generates first."
    tries = ("", "wine.ipynb --params values.yaml", "--parameter depth=5 --cache")
    rehearse = verb("rehearse", "run the pipeline here", words, "[NOTEBOOK] [options]", *tries)
    rehearse.add_argument("notebook", type=Path, metavar="NOTEBOOK", nargs="?", help=f"{NOTEBOOK}; none: the codebase")
    words = "another value for this run alone, as JSON or plain text; may be repeated"
    rehearse.add_argument("--parameter", action="append", metavar="NAME=VALUE", default=[], help=words)
    words = "take over the results of steps that did not change since they last ran"
    rehearse.add_argument("--cache", action="store_true", help=words)
    words = "kernel: this Python's packages; isolated: those of the generated requirements (default: %(default)s)"
    rehearse.add_argument("--environment", choices=("kernel", "isolated"), default="kernel", help=words)
    rehearse.add_argument("--timeout", type=float, metavar="SECONDS", help="how long the whole may take")
    words = "Takes the pipeline to Vertex AI: generates, plans, provisions and deploys. Progress goes to stderr."
    given = "wine.ipynb --project-id my-project --params values.yaml"
    ways = (f"{given} --dry-run", f"{given} --wait")
    go = verb("go", "all the way to a run in the cloud", words, "NOTEBOOK [options]", *ways)
    go.add_argument("notebook", type=Path, metavar="NOTEBOOK", help=NOTEBOOK)
    words = "write the codebase and show the plan, and make nothing in Google Cloud; exits with 1 as plan does"
    go.add_argument("--dry-run", action="store_true", help=words)
    _wait(go)
    for each in (generate, rehearse, go):
        _json(each)
        _choices(each)


def _in_the_cloud(verb: Verb) -> None:
    words = "Shows what provision would make, change and keep, and what has to be mended first: then it exits with 1."
    plan = verb("plan", "show what the cloud lacks, and what stands in the way", words, "[options]", "", "--json")
    words = "Makes what the pipeline needs in its Google Cloud project, by the codebase's own script: read it first."
    provision = verb("provision", "make the resources it needs", words, "[options]", "", "--output-dir wine")
    words = "Runs the pipeline on Vertex AI: from this machine, or by a push, as the setting run_local says."
    deploy = verb("deploy", "run the pipeline in the cloud", words, "[options]", "--wait", "--message 'Deeper trees'")
    deploy.add_argument("--notebook", type=Path, metavar="FILE", help="the notebook to commit with the codebase")
    deploy.add_argument("--message", metavar="TEXT", help="what the commit says of itself")
    _wait(deploy)
    words = "Takes away what provision made for this pipeline, and nothing else; shows on stderr what that is first."
    deprovision = verb("deprovision", "take them away again", words, "[options]", "--dry-run", "--delete-data")
    words = "take away the bucket with its data, and a repository in Cloud Source Repositories with its code"
    deprovision.add_argument("--delete-data", action="store_true", help=words)
    deprovision.add_argument("--dry-run", action="store_true", help="show what would be taken away, and take nothing")
    words = (
        "Shows how things stand: the last runs, and the service, messages, dead letters and builds where there are any."
    )
    status = verb("status", "show the runs, the service and what waits", words, "[options]", "", "--json")
    words = "Publishes again the messages that no run came of, where there is a submission service. Status shows them."
    redrive = verb("redrive", "try the dead letters again", words, "[options]", "", "--dry-run", "--limit 1")
    redrive.add_argument("--limit", type=int, metavar="N", help="so many letters at most; default: all of them")
    redrive.add_argument("--dry-run", action="store_true", help="show the letters, and leave them where they are")
    words = (
        "Lists what starts runs by the clock in the codebase's project; pauses, resumes, changes or deletes the"
        " codebase's own. What update changes lasts until provision, or with schedule_engine vertex until the next"
        " push: the setting schedule is what these go by."
    )
    ways = ("", "pause", "resume", "update --schedule '30 7 * * MON-FRI'", "list --json")
    schedules = verb("schedules", "what starts runs by the clock", words, f"[{'|'.join(SCHEDULES)}] [options]", *ways)
    words = "what to do: %(choices)s (default: %(default)s)"
    schedules.add_argument("does", nargs="?", choices=SCHEDULES, default="list", metavar="WHAT", help=words)
    schedules.add_argument("--schedule", metavar="CRON", help="for update: when it is due, as a cron line")
    schedules.add_argument("--schedule-time-zone", metavar="ZONE", help="for update: by whose clocks")
    for each in (plan, provision, deploy, deprovision, status, redrive, schedules):
        _folder(each)
        _json(each)


def _wait(verb: Parser) -> None:
    words = "stay until the run has ended, and fail if it failed; where run_local is true"
    verb.add_argument("--wait", action="store_true", help=words)


def _named(text: str) -> Path:
    """A folder as it was named: no name is a slip, such as an empty variable of a shell, and not this folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty: name a folder, or leave the option out")
    return Path(text)


def _folder(verb: Parser) -> None:
    verb.add_argument("--output-dir", type=_named, metavar="FOLDER", help=FOLDER)


def _json(verb: Parser) -> None:
    verb.add_argument("--json", action="store_true", help="print one JSON document, errors too, and nothing else")


def _choices(verb: Parser) -> None:
    """The options of the verbs that generate; what each setting is, is said once, where the settings are."""
    what = verb.add_argument_group("what is generated")
    what.add_argument("--params", type=Path, metavar="FILE", help="parameter values for a run, as JSON or YAML")
    what.add_argument("--pipeline", metavar="NAME", help="the pipeline to take, where the notebook has several")
    words = "the codebase's folder (default: AutoMLOps, by the notebook)"
    what.add_argument("--output-dir", type=_named, metavar="FOLDER", help=words)
    for section, rows in settings_.table(settings_.Settings()):
        group = verb.add_argument_group(SECTIONS[section])
        for name, _, why in rows:
            _setting(group, name, why.replace("%", "%%"))


def _setting(group: argparse._ArgumentGroup, name: str, why: str) -> None:
    if name in FLAGS:
        group.add_argument(option(name), action=argparse.BooleanOptionalAction, default=None, help=why)
    elif name in NUMBERS:
        group.add_argument(option(name), type=int, metavar="NUMBER", help=why)
    elif name in FILES:
        group.add_argument(option(name), type=Path, metavar="FILE", help=f"{why}. FILE is JSON or YAML")
    elif name in PAIRS:
        group.add_argument(PAIRS[name], dest=name, action="append", metavar="KEY=VALUE", help=why)
    elif name in LISTS:
        group.add_argument(LISTS[name], dest=name, action="append", metavar=WORDS[name], help=why)
    else:
        group.add_argument(option(name), metavar=WORDS.get(name, "TEXT"), help=why)


WORDS = {
    "project_id": "PROJECT",
    "images": "shared|auto|per-component",
    "source_repo_type": "github|gitlab|csr",
    "steps_use": "bigquery|vertex-jobs",
    "extra_regions": "REGION",
    "schedule": "CRON",
    "schedule_engine": "cloud-scheduler|vertex",
    "schedule_time_zone": "ZONE",
}


def option(setting: str) -> str:
    """The option that gives a setting."""
    return f"--{setting.replace('_', '-')}"
