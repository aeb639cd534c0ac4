"""What makes a shell complete the command: a script for bash, zsh or fish, written from the options themselves."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from .nouns import noun


@noun
class Taken:
    """What may stand in a place of the command line: words to choose from, a file, or whatever the user likes."""

    words: tuple[str, ...] = ()
    is_file: bool = False


@noun
class Option:
    """An option under all its names; `takes` is None where nothing follows it."""

    names: tuple[str, ...]
    says: str
    takes: Taken | None


@noun
class Verb:
    name: str
    says: str
    options: tuple[Option, ...]
    takes: Taken  # what stands without an option before it


def verbs(parser: argparse.ArgumentParser) -> tuple[Verb, ...]:
    """The verbs of a parser, as it knows them."""
    (found,) = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    says = {each.dest: each.help or "" for each in found._choices_actions}
    return tuple(_verb(name, says[name], each) for name, each in found.choices.items())


def _verb(name: str, says: str, parser: argparse.ArgumentParser) -> Verb:
    options = tuple(
        Option(names=tuple(each.option_strings), says=_said(each), takes=_taken(each) if each.nargs != 0 else None)
        for each in parser._actions
        if each.option_strings
    )
    places = [_taken(each) for each in parser._actions if not each.option_strings]
    return Verb(name=name, says=says, options=options, takes=places[0] if places else Taken())


def _said(action: argparse.Action) -> str:
    return (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")


def _taken(action: argparse.Action) -> Taken:
    """What may follow; settings that are one of a few words name them where others say TEXT."""
    named = action.metavar if isinstance(action.metavar, str) and action.metavar.islower() else ""
    words = action.choices or (named.split("|") if "|" in named else ())
    return Taken(words=tuple(map(str, words)), is_file=action.type is Path)


def script(shell: str, parser: argparse.ArgumentParser) -> str:
    """The script for one of the shells."""
    return "\n".join(SCRIPTS[shell](parser.prog, verbs(parser)))


# ------------------------------------------------------------------------------- bash


def _bash(command: str, verbs: tuple[Verb, ...]) -> Iterator[str]:
    yield f"""# Completes {command} in bash:  source <({command} completion bash)
_{command}() {{
    local IFS=$' \\n' word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} verb='' each
    COMPREPLY=()
    for each in "${{COMP_WORDS[@]:1:COMP_CWORD - 1}}"; do
        if [[ $each != -* ]]; then
            verb=$each
            break
        fi
    done
    case $verb in
        '') _{command}_words '{" ".join(each.name for each in verbs)} --help --version' ;;"""
    for verb in verbs:
        yield f"        {verb.name})"
        yield "            case $before in"
        follows: dict[str, list[str]] = {}
        for option in verb.options:
            if option.takes:
                follows.setdefault(_bash_taken(command, option.takes), []).extend(option.names)
        for taken, names in follows.items():
            yield f"                {'|'.join(names)}) {taken} ;;"
        every = " ".join(name for option in verb.options for name in option.names)
        yield f"""                *)
                    if [[ $word == -* ]]; then
                        _{command}_words '{every}'
                    else
                        {_bash_taken(command, verb.takes)}
                    fi
                    ;;
            esac
            ;;"""
    yield f"""    esac
}}
_{command}_words() {{
    COMPREPLY=($(compgen -W "$1" -- "$word"))
}}
_{command}_files() {{
    IFS=$'\\n'
    COMPREPLY=($(compgen -f -- "$word"))
}}
complete -o filenames -F _{command} {command}"""


def _bash_taken(command: str, taken: Taken) -> str:
    if taken.words:
        return f"_{command}_words '{' '.join(taken.words)}'"
    return f"_{command}_files" if taken.is_file else ":"


# ------------------------------------------------------------------------------- zsh


def _zsh(command: str, verbs: tuple[Verb, ...]) -> Iterator[str]:
    yield f"""#compdef {command}
# Completes {command} in zsh:  source <({command} completion zsh), after compinit
_{command}() {{
    local -a verbs
    verbs=("""
    yield from (f"        {_quoted(f'{verb.name}:{verb.says}')}" for verb in verbs)
    yield """    )
    if (( CURRENT == 2 )); then
        _describe -t verbs verb verbs
        _arguments '--help[show help]' '--version[show the version]'
        return
    fi
    local verb=$words[2]
    shift words
    (( CURRENT-- ))
    case $verb in"""
    for verb in verbs:
        specs = [_zsh_option(name, option) for option in verb.options for name in option.names]
        specs.append(_quoted(f"*:{'file' if verb.takes.is_file else 'word'}:{_zsh_taken(verb.takes)}"))
        yield f"        {verb.name})\n            _arguments -s \\"
        yield " \\\n".join(f"                {spec}" for spec in specs)
        yield "            ;;"
    yield f"""    esac
}}
if [[ $funcstack[1] == _{command} ]]; then
    _{command} "$@"
else
    compdef _{command} {command}
fi"""


def _zsh_option(name: str, option: Option) -> str:
    says = "".join(f"\\{letter}" if letter in "[]\\:" else letter for letter in option.says)
    follows = f": :{_zsh_taken(option.takes)}" if option.takes else ""
    return _quoted(f"*{name}[{says}]{follows}")


def _zsh_taken(taken: Taken) -> str:
    if taken.words:
        return f"({' '.join(taken.words)})"
    return "_files" if taken.is_file else " "


def _quoted(text: str) -> str:
    """A word that the shell takes as it is."""
    return "'" + text.replace("'", "'\\''") + "'"


# ------------------------------------------------------------------------------- fish


def _fish(command: str, verbs: tuple[Verb, ...]) -> Iterator[str]:
    yield f"# Completes {command} in fish:  {command} completion fish > ~/.config/fish/completions/{command}.fish"
    yield f"complete -c {command} -f"
    first = f"complete -c {command} -n __fish_use_subcommand"
    yield f"{first} -l help -d 'show help'"
    yield f"{first} -l version -d 'show the version'"
    for verb in verbs:
        yield f"{first} -a {verb.name} -d {_fished(verb.says)}"
    for verb in verbs:
        within = f"complete -c {command} -n '__fish_seen_subcommand_from {verb.name}'"
        if verb.takes.is_file:
            yield f"{within} -F"
        elif verb.takes.words:
            yield f"{within} -a '{' '.join(verb.takes.words)}'"
        for option in verb.options:
            for name in option.names:
                yield f"{within} {_fish_name(name)}{_fish_taken(option.takes)} -d {_fished(option.says)}"


def _fish_name(name: str) -> str:
    return f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}"


def _fish_taken(taken: Taken | None) -> str:
    if taken is None:
        return ""
    if taken.words:
        return f" -x -a '{' '.join(taken.words)}'"
    return " -r -F" if taken.is_file else " -x"


def _fished(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SCRIPTS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
