"""Completion: each shell is asked what it would complete, where it is there."""

import argparse
import shlex
import subprocess

import pytest
from tools import need

from AutoMLOps import completion, options
from AutoMLOps.cli import VERBS, main
from AutoMLOps.completion import Taken

PARSER = options.parser("1.0")
SAID = {each.name: each for each in completion.verbs(PARSER)}


def test_every_verb_and_option_is_known():
    assert set(SAID) == set(VERBS)
    assert {name for each in SAID["runs"].options for name in each.names} == {
        *("-h", "--help", "--compare", "--output-dir", "--json")
    }


def test_what_follows_an_option_is_known():
    takes = {name: each.takes for each in SAID["rehearse"].options for name in each.names}
    assert takes["--params"] == Taken(is_file=True) and takes["--cache"] is takes["--no-run-local"] is None
    assert takes["--environment"] == Taken(words=("kernel", "isolated"))
    assert {"shared", "per-component"} <= set(takes["--images"].words) and takes["--timeout"] == Taken()
    assert SAID["rehearse"].takes == Taken(is_file=True) and SAID["completion"].takes == Taken(words=options.SHELLS)
    assert SAID["plan"].takes == Taken()


@pytest.fixture
def scripts(tmp_path):
    """A script of each shell, in a folder with two files."""
    for shell in options.SHELLS:
        (tmp_path / f"completes.{shell}").write_text(completion.script(shell, PARSER), encoding="utf-8")
    (tmp_path / "wine and cheese.ipynb").touch()
    (tmp_path / "wine.py").touch()
    return tmp_path


def said(folder, *command: str) -> list[str]:
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0 and not ended.stderr, ended.stderr
    return ended.stdout.splitlines()


def bash(folder, *words: str) -> list[str]:
    code = """source completes.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _automlops
    printf '%s\\n' "${COMPREPLY[@]}\""""
    return [line for line in said(folder, need("bash"), "-c", code, "bash", "automlops", *words) if line]


def fish(folder, *words: str) -> list[str]:
    line = " ".join(("automlops", *words))
    found = said(folder, need("fish"), "--no-config", "-c", f"source completes.fish; complete -C '{line}'")
    return [each.partition("\t")[0] for each in found]


def zsh(folder, *words: str) -> list[str]:
    """The words that zsh's own functions for this are given; to be shown as they are."""
    code = """compdef() { }; _describe() { print -rl -- ${(P)4%%:*} }; _arguments() { print -rl -- "$@" }
    source ./completes.zsh; words=("$@"); CURRENT=$#; _automlops"""
    return said(folder, need("zsh"), "-f", "-c", code.replace("${(P)4%%:*}", '"${(@P)4}"'), "zsh", "automlops", *words)


@pytest.mark.parametrize("shell", [bash, fish])
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["gen"], ["generate"]),
        (["generate", "--proj"], ["--project-id"]),
        (["generate", "wine.py", "--source-repo-type", ""], ["csr", "github", "gitlab"]),
        (["rehearse", "--environment", "i"], ["isolated"]),
        (["rehearse", "--params", "wine."], ["wine.py"]),
        (["check", "wine."], ["wine.py"]),
        (["completion", ""], ["bash", "fish", "zsh"]),
        (["generate", "--project-id", "w"], []),
        (["plan", "--js"], ["--json"]),
    ],
    ids=" ".join,
)
def test_a_shell_completes(scripts, shell, words, completed):
    assert sorted(each for each in shell(scripts, *words) if each) == completed


def test_bash_completes_verbs_and_keeps_a_name_with_blanks_whole(scripts):
    assert {*VERBS, "--help", "--version"} == set(bash(scripts, ""))
    assert sorted(bash(scripts, "check", "wine")) == ["wine and cheese.ipynb", "wine.py"]


def test_zsh_is_given_verbs_options_and_what_follows_them(scripts):
    assert "generate:write the codebase beside the notebook" in zsh(scripts, "")
    given = zsh(scripts, "rehearse", "")
    assert "*:file:_files" in given and any(each.startswith("*--cache[take over") for each in given)
    assert any(each.startswith("*--environment[kernel\\:") and each.endswith("]: :(kernel isolated)") for each in given)
    assert zsh(scripts, "completion", "") == ["-s", *given[1:3], "*:word:(bash zsh fish)"]


@pytest.mark.parametrize("shell", options.SHELLS)
def test_a_script_is_printed_and_its_shell_can_read_it(shell, tmp_path, capsys):
    assert main(["completion", shell]) == 0
    (tmp_path / "script").write_text(capsys.readouterr().out, encoding="utf-8")
    assert said(tmp_path, need(shell), "-n", "script") == []


def test_a_quote_in_a_help_text_stays_one():
    parser = argparse.ArgumentParser(prog="it")
    verb = parser.add_subparsers(parser_class=options.Parser).add_parser("go", help="it's [a]: \\ `b` $(c)")
    verb.add_argument("--x", help="it's [a]: \\ `b` $(c)")
    for shell in options.SHELLS:
        ended = subprocess.run([need(shell), "-n"], input=completion.script(shell, parser), text=True, timeout=60)
        assert ended.returncode == 0


@pytest.mark.parametrize("name", sorted(VERBS))
def test_the_examples_of_a_verb_are_calls_that_it_takes(name):
    verbs = next(each for each in PARSER._actions if each.dest == "verb").choices
    examples = [shlex.split(line)[1:] for line in verbs[name].epilog.splitlines() if line.startswith("  automlops ")]
    assert examples or name == "completion"
    for words in examples:
        assert PARSER.parse_args(words).verb == name
