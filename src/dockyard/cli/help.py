"""`--help`: the overview of all commands, of those below one word, and the page of one command.

The overview needs nothing but the table. A page is made from the function's signature and docstring and from
`examples.py`, as plain text: no colour, no frames, as wide as the terminal but never wider than is easy to read.
"""

import inspect
import re
import shutil
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dockyard.cli.table import COMMANDS, Command

if TYPE_CHECKING:
    from cyclopts.argument import Argument

EXIT_CODES = (
    "Exit codes: 0 done, 1 the policy or a finding says no, 2 refused or impossible, 3 may work when tried again, "
    "4 undecided for want of facts, 5 rolled back, 130 interrupted."
)
_WIDEST = 100
_COLUMN = 26  # where what an option does begins


def overview() -> str:
    """What `dockyard --help` prints: every command by group, those of two words as one line for the first."""
    first = "registry"
    shown = [command for command in COMMANDS if " " not in command.word]
    lines = [
        "Dockyard takes an application from source to a trusted, running container.",
        "",
        "Usage: dockyard COMMAND [ARGUMENTS]",
    ]
    width = len(first + " …")
    for group in dict.fromkeys(command.group for command in shown):
        lines += ["", f"{group}:"]
        lines += [f"  {command.word:<{width}} {command.summary}" for command in shown if command.group == group]
        if any(command.word == "serve" for command in shown if command.group == group):
            below = ", ".join(_below(first))
            lines += textwrap.wrap(
                f"{first + ' …':<{width}} Manage it: {below}.",
                _width(),
                initial_indent="  ",
                subsequent_indent=" " * (width + 3),
            )
    lines += [
        "",
        "`dockyard COMMAND --help` says more, with examples. Every command takes --json.",
        *textwrap.wrap(EXIT_CODES, _width()),
        "",
    ]
    return "\n".join(lines)


def within(word: str) -> str:
    """What `dockyard registry --help` prints: the commands that begin with `word`, by group."""
    shown = [command for command in COMMANDS if command.word.startswith(word + " ")]
    width = max(len(command.word) for command in shown)
    lines = [f"Usage: dockyard {word} COMMAND [ARGUMENTS]"]
    for group in dict.fromkeys(command.group for command in shown):
        lines += ["", f"{group}:"]
        lines += [f"  {command.word:<{width}} {command.summary}" for command in shown if command.group == group]
    lines += ["", "`dockyard serve` runs a registry."] if word == "registry" else []
    lines += ["", f"`dockyard {word} COMMAND --help` says more, with examples.", ""]
    return "\n".join(lines)


def page(command: Command) -> str:
    """What `dockyard COMMAND --help` prints."""
    from dockyard.cli.call import parser
    from dockyard.cli.examples import EXAMPLES

    app, function = parser(command)
    arguments = [each for each in app.assemble_argument_collection(parse_docstring=True) if each.show]
    positional = [each for each in arguments if each.index is not None]
    options = [each for each in arguments if each.index is None]
    rest = "rest" in function.__annotations__
    words = [
        *(f"{each.names[0]} {_value(each)}" for each in options if each.required),
        "[OPTIONS]",
        *(_place(each) for each in positional),
        *(["[-- WORDS...]"] if rest else ()),
    ]
    lines = textwrap.wrap(f"Usage: dockyard {command.word} {' '.join(words)}", _width(), subsequent_indent="    ")
    told = inspect.cleandoc(function.__doc__ or "").partition("\nArgs:\n")[0]
    for paragraph in told.strip().split("\n\n"):
        lines += ["", *textwrap.wrap(" ".join(paragraph.split()), _width())]
    if positional:
        lines += ["", "Arguments:"]
        for each in positional:
            lines += _row(_name(each), each)
    for heading, members in _grouped(command, options):
        lines += ["", f"{heading}:"]
        for each in members:
            lines += _row(_flags(each), each)
    lines += ["", "Examples:", *(f"  {line}" for line in EXAMPLES[command.word])]
    lines += ["", "`dockyard --help` lists the exit codes.", ""]
    return "\n".join(lines)


def _below(word: str) -> list[str]:
    return [command.word.removeprefix(word + " ") for command in COMMANDS if command.word.startswith(word + " ")]


def _grouped(command: Command, options: "list[Argument]") -> "Iterator[tuple[str, list[Argument]]]":
    from dockyard.cli.examples import GROUPS

    groups = GROUPS.get(command.word, {})
    taken = {name for names in groups.values() for name in names.split()}
    for heading, names in groups.items():
        yield heading, [each for name in names.split() for each in options if each.names[0] == name]
    others = [each for each in options if each.names[0] not in taken]
    if others:
        yield "Other options" if groups else "Options", others


def _row(label: str, argument: "Argument") -> list[str]:
    said = " ".join(str(argument.parameter.help or "").split())
    choices = argument.get_choices() or ()
    # What the words say already is not said again.
    unsaid = [choice for choice in choices if choice and not re.search(rf"(?<!\w){re.escape(choice)}(?!\w)", said)]
    facts = [f"one of {', '.join(choice for choice in choices if choice)}"] if unsaid else []
    default = _default(argument)
    if default and "by default" not in said and "if left out" not in said:
        facts.append(f"default: {default}")
    if facts:
        said = f"{said.rstrip('.')} ({'; '.join(facts)})"
    label = f"  {label}"
    body = textwrap.wrap(said.rstrip("."), _width() - _COLUMN, break_on_hyphens=False) or [""]
    indented = [f"{'':{_COLUMN}}{line}" for line in body]
    if len(label) + 2 > _COLUMN:
        return [label, *indented]
    return [f"{label:<{_COLUMN}}{body[0]}", *indented[1:]]


def flags(argument: "Argument") -> list[str]:
    """The names of an option, the short ones first; `--no-` only where there is something to put off."""
    hidden = set(argument.negatives) if argument.field_info.default is False else set()
    return sorted((name for name in argument.names if name not in hidden), key=lambda name: name.startswith("--"))


def _flags(argument: "Argument") -> str:
    value = _value(argument)
    return ", ".join(flags(argument)) + (f" {value}" if value else "")


def _name(argument: "Argument") -> str:
    several = argument.field_info.kind == argument.field_info.VAR_POSITIONAL
    return argument.names[0] + ("..." if several else "")


def _place(argument: "Argument") -> str:
    return _name(argument) if argument.required else f"[{_name(argument)}]"


def _value(argument: "Argument") -> str:
    if argument.get_choices():
        return "WORD"
    hint = str(argument.hint)
    if "bool" in hint:
        return ""
    if "int" in hint:
        return "NUMBER"
    return "PATH" if "Path" in hint else "TEXT"


def _default(argument: "Argument") -> str:
    value: Any = argument.field_info.default
    if value is inspect.Parameter.empty or isinstance(value, bool | list | tuple) or value in (None, "", 0, "default"):
        return ""
    return str(value)


def _width() -> int:
    return max(40, min(shutil.get_terminal_size().columns, _WIDEST))
