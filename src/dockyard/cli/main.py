"""The door: finds the command, runs it, turns errors into text or JSON and an exit code.

Only the standard library's quickest parts are imported before the command is known; `dockyard --version` must stay
under 60 ms.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dockyard import __version__
from dockyard.cli.table import COMMANDS, Command

INTERRUPTED = 130
_DASH = "\N{HYPHEN}"


def main() -> None:
    """Run the program with the words of the process and exit with its code."""
    import gc

    code = run(sys.argv[1:])
    gc.freeze()  # all of it goes now, so nothing need be looked through for what could go
    sys.exit(code)


def run(words: Sequence[str]) -> int:
    """Run the command that `words` name and return its exit code (design.md: 0 to 5, and 130 when interrupted)."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview(), end="")
        return 0
    if words[0] in ("-V", "--version", "version"):
        print(f'{{"version":"{__version__}"}}' if "--json" in words else f"dockyard {__version__}")
        return 0
    import gc

    from dockyard.cli import report

    # Imports and listings make many objects that stay: looking through them again and again finds nothing.
    gc.set_threshold(100_000, 20, 100)
    try:
        command = _find(words)
        code = _invoke(command, words[len(command.word.split()) :])
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe has seen enough. Python would complain when it flushes at exit.
        sys.stderr.close()
        return 0
    except Exception as error:  # noqa: BLE001 (the last door: every failure becomes text or JSON and a code)
        return report.failure(error, json="--json" in words)
    return code


def overview() -> str:
    """What `dockyard --help` prints: every command by group."""
    lines = [
        "Dockyard takes an application from source to a trusted, running container.",
        "",
        "Usage: dockyard COMMAND [ARGUMENTS]",
    ]
    width = max(len(command.word) for command in COMMANDS)
    for group in dict.fromkeys(command.group for command in COMMANDS):
        lines += ["", f"{group}:"]
        lines += [f"  {command.word:<{width}} {command.summary}" for command in COMMANDS if command.group == group]
    lines += ["", "`dockyard COMMAND --help` says more. Every command takes --json.", ""]
    return "\n".join(lines)


def _find(words: Sequence[str]) -> Command:
    for command in COMMANDS:
        if list(words[: len(command.word.split())]) == command.word.split():
            return command
    import difflib

    from dockyard.errors import UsageError

    known = [command.word for command in COMMANDS]
    given = " ".join(words[:2]) if any(word.startswith(words[0] + " ") for word in known) else words[0]
    below = [word for word in known if word.startswith(given + " ")] or [
        word for word in known if word.startswith(words[0] + " ")
    ]
    near = difflib.get_close_matches(given, known, 1)
    hint = f"Did you mean `dockyard {near[0]}`?" if near else "`dockyard --help` lists the commands."
    if below and not near:
        hint = f"There are {', '.join(below)}."
    raise UsageError(f"there is no command {given!r}", hint=hint)


def _invoke(command: Command, words: Sequence[str]) -> int:
    if command.word in ("push", "pull"):
        from dockyard.cli import pull, push

        plainly = push.plainly if command.word == "push" else pull.plainly
        return 0 if plainly(words) else _called(command, words, {})
    if command.word != "build":
        return _called(command, words, {})
    from dockyard.cli.early import listed

    with listed(words) as ahead:
        from dockyard.cli import build

        code = build.plainly(words, ahead)
        return _called(command, words, {"ahead": ahead}) if code is None else code


def _called(command: Command, words: Sequence[str], unread: dict[str, Any]) -> int:
    """Call the command's function with `words`, and with those of `unread` that it takes."""
    import importlib

    import cyclopts

    from dockyard.errors import UsageError

    module, _, name = command.target.partition(":")
    app = cyclopts.App(
        name=f"dockyard {command.word}",
        help_format="plaintext",
        version_flags=(),
        result_action="return_value",
    )
    code = importlib.import_module(module)
    for each in getattr(code, "PARSED", ()):
        vars(sys.modules[each])["Parameter"] = cyclopts.Parameter
    function = getattr(code, name)
    refuse = getattr(code, "refuse", None)
    if refuse is not None:
        refuse(words)  # what is known from elsewhere, by its name
    if "rest" in function.__annotations__ and "--" in words:
        at = list(words).index("--")
        words, unread = words[:at], {**unread, "rest": list(words[at + 1 :])}
    app.default(function)
    try:
        # A bare `-` stands for standard input or output; the parser takes it for an option without a name.
        given = [_DASH if word == "-" else word for word in words]
        function, bound, ignored = app.parse_args(given, exit_on_error=False, print_error=False)
        arguments = [_restored(value) for value in bound.args]
        named = {name: _restored(value) for name, value in bound.kwargs.items()}
        named.update({name: unread[name] for name in ignored if name in unread})
        result = function(*arguments, **named)
    except cyclopts.CycloptsError as error:
        raise UsageError(str(error), hint=f"`dockyard {command.word} --help` shows what it takes.") from error
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


if __name__ == "__main__":
    main()
