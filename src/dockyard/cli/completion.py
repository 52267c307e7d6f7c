"""`dockyard completion`: what a shell needs to complete commands, options and their words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from dockyard._internal.cut import cut
from dockyard.cli.table import COMMANDS, Command


@dataclass(frozen=True)
class _Option:
    """One option: its names, whether a value follows, the words that may be the value, and what it is for."""

    names: tuple[str, ...]
    valued: bool
    words: tuple[str, ...]
    about: str


@dataclass(frozen=True)
class _Grammar:
    """What may follow a command: the words of its first argument, and its options."""

    command: Command
    first: tuple[str, ...]
    options: tuple[_Option, ...]


def completion(shell: Literal["bash", "zsh", "fish"], /, *, json: bool = False) -> None:
    """Print what makes a shell complete `dockyard` on the Tab key.

    In the shell's own start-up file, for bash: eval "$(dockyard completion bash)"; for zsh, after compinit:
    eval "$(dockyard completion zsh)"; for fish: dockyard completion fish | source

    Args:
        shell: bash, zsh or fish.
        json: print the text as one JSON document.
    """
    from dockyard.cli import report

    grammars = [_grammar(command) for command in COMMANDS]
    text = _fish(grammars) if shell == "fish" else _bash(grammars)
    if shell == "zsh":
        text = f"autoload -Uz bashcompinit && bashcompinit\n{text}"
    if json:
        report.result({"shell": shell, "script": text})
    else:
        print(text, end="")


def _grammar(command: Command) -> _Grammar:
    from dockyard.cli.call import parser
    from dockyard.cli.help import flags

    app, _ = parser(command)
    arguments = [each for each in app.assemble_argument_collection(parse_docstring=True) if each.show]
    first = next((each for each in arguments if each.index == 0), None)
    options = [
        _Option(
            tuple(flags(each)),
            "bool" not in str(each.hint),
            tuple(filter(None, each.get_choices() or ())),
            " ".join(str(each.parameter.help or "").split()),
        )
        for each in arguments
        if each.index is None
    ]
    options.append(_Option(("-h", "--help"), False, (), "show what the command takes"))
    return _Grammar(command, tuple(first.get_choices() or ()) if first is not None else (), tuple(options))


def _bash(grammars: Sequence[_Grammar]) -> str:
    """A function of words alone: bash, and zsh in its bash manner, run nothing to complete."""
    words = list(dict.fromkeys(each.command.word.split()[0] for each in grammars))
    double = sorted({word for word in words if any(each.command.word.startswith(word + " ") for each in grammars)})
    lines = [
        "_dockyard() {",
        "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}",
        "    local command=${COMP_WORDS[1]} words= first= at=2",
        "    COMPREPLY=()",
        f'    case $command in {"|".join(double)}) command="$command ${{COMP_WORDS[2]}}" at=3;; esac',
        '    if [ "$COMP_CWORD" -eq 1 ]; then',
        f'        words="{" ".join([*words, "help", "--help", "--version"])}"',
    ]
    for word in double:
        below = [each.command.word.split()[1] for each in grammars if each.command.word.startswith(word + " ")]
        lines += [
            f'    elif [ "$COMP_CWORD" -eq 2 ] && [ "${{COMP_WORDS[1]}}" = {word} ]; then',
            f'        words="{" ".join([*below, "--help"])}"',
        ]
    lines += ["    else", "        case $command in"]
    for each in grammars:
        names = " ".join(name for option in each.options for name in option.names)
        lines.append(f'            "{each.command.word}") words="{names}" first="{" ".join(each.first)}";;')
    lines += [
        "        esac",
        '        [ "$COMP_CWORD" -eq "$at" ] || first=',
        "        # Options where one was begun; else the words of the first argument, or files.",
        "        case $current in -*) ;; *) words=$first;; esac",
        '        case "$command $before" in',
        *_values(grammars),
        "        esac",
        "    fi",
        '    COMPREPLY=($(compgen -W "$words" -- "$current"))',
        "}",
        "complete -o default -F _dockyard dockyard",
    ]
    return "\n".join(lines) + "\n"


def _values(grammars: Sequence[_Grammar]) -> Iterator[str]:
    for each in grammars:
        for option in each.options:
            if option.valued:
                names = "|".join(f'"{each.command.word} {name}"' for name in option.names)
                yield f'            {names}) words="{" ".join(option.words)}";;'


def _fish(grammars: Sequence[_Grammar]) -> str:
    lines = [
        "function __dockyard_after",
        "    set -l words (commandline -opc)[2..]",
        "    set -l command (string split ' ' -- $argv[1])",
        "    set -l most (count $command)",
        "    test (count $words) -ge $most",
        "    or return 1",
        '    test "$words[1..$most]" = "$argv[1]"',
        "end",
        "function __dockyard_at",
        "    set -l words (commandline -opc)[2..]",
        '    test "$words" = "$argv[1]"',
        "end",
    ]
    seen: set[str] = set()
    for each in grammars:
        first, _, second = each.command.word.partition(" ")
        if first not in seen:
            about = "Manage a registry" if second else each.command.summary
            lines.append(f"complete -c dockyard -f -n '__dockyard_at \"\"' -a {first} -d {_quoted(about)}")
            seen.add(first)
        if second:
            about = _quoted(each.command.summary)
            lines.append(f"complete -c dockyard -f -n '__dockyard_at {first}' -a {second} -d {about}")
        if each.first:
            words = " ".join(each.first)
            lines.append(f"complete -c dockyard -f -n {_place('at', each)} -a '{words}'")
        for option in each.options:
            names = [f"-s {name[1:]}" if len(name) == 2 else f"-l {name[2:]}" for name in option.names]
            value = f" -x -a '{' '.join(option.words)}'" if option.words else " -r -F" if option.valued else ""
            about = _quoted(option.about)
            lines.append(f"complete -c dockyard -n {_place('after', each)} {' '.join(names)}{value} -d {about}")
    return "\n".join(lines) + "\n"


def _place(kind: str, grammar: _Grammar) -> str:
    return f"'__dockyard_{kind} \"{grammar.command.word}\"'"


def _quoted(text: str) -> str:
    """In fish's quotes, its first sentence at most 80 characters long."""
    short = text.partition("; ")[0].partition(". ")[0].rstrip(".")
    short = cut(short, 80)
    escaped = short.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
