"""Words into a call: the parser of a command, made from its function's signature and docstring."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dockyard.cli.table import Command
from dockyard.errors import UsageError

if TYPE_CHECKING:
    import cyclopts

_DASH = "\N{HYPHEN}"


def parser(command: Command) -> "tuple[cyclopts.App, Callable[..., Any]]":
    """The parser of `command` and the function that runs it; loads the function's module."""
    import importlib

    import cyclopts

    module, _, name = command.target.partition(":")
    code = importlib.import_module(module)
    readied(code)
    app = cyclopts.App(
        name=f"dockyard {command.word}",
        version_flags=(),
        help_flags=(),  # help.py writes it
        result_action="return_value",
        default_parameter=cyclopts.Parameter(negative_iterable=()),
    )
    function = getattr(code, name)
    app.default(function)
    return app, function


def readied(code: ModuleType) -> None:
    """Give a command's module, and those it names as `PARSED`, what the parser needs of them: its own classes, and
    dataclasses where they have classes in `SHAPED`. Both take longer to load than many a command takes.
    """
    import dataclasses

    import cyclopts

    for name in getattr(code, "PARSED", ()):
        parsed = vars(sys.modules[name])
        parsed["Parameter"] = cyclopts.Parameter
        for each in parsed.get("SHAPED", ()):
            dataclasses.dataclass(each)


def call(command: Command, words: Sequence[str], unread: dict[str, Any]) -> int:
    """Call the command's function with `words`, and with those of `unread` that it takes; returns its exit code.

    Raises:
        UsageError: the words do not fit; its hint names the command.
    """
    import cyclopts

    app, function = parser(command)
    reduced = getattr(sys.modules[function.__module__], "reduced", None)
    if reduced is not None:
        words = reduced(words)
    refuse = getattr(sys.modules[function.__module__], "refuse", None)
    if refuse is not None:
        refuse(words)  # what is known from elsewhere, by its name
    if "rest" in function.__annotations__ and "--" in words:
        at = list(words).index("--")
        words, unread = words[:at], {**unread, "rest": list(words[at + 1 :])}
    try:
        # A bare `-` stands for standard input or output; the parser takes it for an option without a name.
        given = [_DASH if word == "-" else word for word in words]
        function, bound, ignored = app.parse_args(given, exit_on_error=False, print_error=False)
    except cyclopts.CycloptsError as error:
        from dockyard.cli.misfit import misfit

        raise misfit(error, command) from error
    arguments = [_restored(value) for value in bound.args]
    named = {name: _restored(value) for name, value in bound.kwargs.items()}
    named.update({name: unread[name] for name in ignored if name in unread})
    try:
        result = function(*arguments, **named)
    except UsageError as error:
        if error.hint == UsageError.hint:
            error.hint = f"`dockyard {command.word} --help` shows what it takes."
        raise
    return result if isinstance(result, int) else 0


def _restored(value: Any) -> Any:
    import dataclasses

    if isinstance(value, list | tuple):
        return type(value)(_restored(each) for each in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
        return type(value)(**{name: _restored(each) for name, each in fields.items()})
    if isinstance(value, str | Path) and str(value) == _DASH:
        return type(value)("-")
    return value
