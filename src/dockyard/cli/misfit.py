"""Usage errors: what is wrong with words that fit no command or not its parameters, and the nearest that would fit."""

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dockyard.cli.table import COMMANDS, Command
from dockyard.errors import UsageError

if TYPE_CHECKING:
    import cyclopts

# What other programs take, by the words that their users know.
_ELSEWHERE = {
    "ps": "status",
    "run": "deploy",
    "rmi": "rm",
    "image": "images",
    "ls": "images",
    "history": "inspect",
    "import": "load",
    "export": "save",
    "search": "registry search",
    "prune": "cache prune",
    "du": "cache du",
    "info": "doctor",
    "up": "ship",
    "rollback": "undo",
    "attest": "build --attest",
    "check": "lint",
}

# Where a command takes by an option what it is easily given as a word.
_BY_OPTION = {"load": "Name the file with -i: dockyard load -i FILE."}


def unknown(words: Sequence[str]) -> UsageError:
    """The error for `words` that begin with no command."""
    known = [command.word for command in COMMANDS]
    if words[0].startswith("-"):
        near = difflib.get_close_matches(words[0], ["--help", "--version"], 1)
        then = [word for word in words if not word.startswith("-")]
        hint = "Options come after the command: dockyard COMMAND [OPTIONS]."
        if near:
            hint = f"Did you mean `dockyard {near[0]}`?"
        elif then and then[0] in known:
            hint = f"Options come after the command: dockyard {then[0]} {words[0]}"
        return UsageError(f"there is no option {words[0]} before the command", hint=hint)
    within = [word for word in known if word.startswith(words[0] + " ")]
    given = " ".join(words[:2]) if within else words[0]
    second = {word.split()[1]: word for word in within}
    if within:
        close = [second[word] for word in difflib.get_close_matches(words[1], second, 1)]
    else:
        close = difflib.get_close_matches(given, known, 1)
    if within and words[1] in known:
        close = [words[1]]  # `dockyard registry serve` is `dockyard serve`
    close += [_ELSEWHERE[given]] if given in _ELSEWHERE else []
    hint = f"Did you mean `dockyard {close[-1]}`?" if close else "`dockyard --help` lists the commands."
    if within and not close:
        hint = f"`dockyard {words[0]} --help` lists the commands."
    return UsageError(f"there is no command {given!r}", hint=hint)


def misfit(error: "cyclopts.CycloptsError", command: Command) -> UsageError:
    """The parser's `error` about the words of `command` in our words."""
    import cyclopts

    name = f"dockyard {command.word}"
    hint = f"`{name} --help` shows what it takes."
    if isinstance(error, cyclopts.UnusedCliTokensError) and error.unused_tokens:
        said = f"{name} does not take {' '.join(map(repr, error.unused_tokens))}"
        return UsageError(said, hint=_BY_OPTION.get(command.word, hint))
    if isinstance(error, cyclopts.UnknownOptionError):
        flag = error.token.keyword or error.token.value
        names = [each for argument in error.argument_collection if argument.parse for each in argument.names]
        near = difflib.get_close_matches(flag.partition("=")[0], [*names, "--help"], 1)
        return UsageError(f"{name} has no option {flag}", hint=f"Did you mean {near[0]}? {hint}" if near else hint)
    if type(error) is cyclopts.MissingArgumentError and error.argument is not None:
        written = error.keyword or error.argument.name
        if error.argument.tokens or error.keyword or not error.argument.required:
            return UsageError(f"{written} needs a value", hint=hint)
        return UsageError(f"{written} is missing", hint=hint)
    return UsageError(str(error).rstrip("."), hint=hint)
