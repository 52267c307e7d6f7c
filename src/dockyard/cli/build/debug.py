"""`dockyard debug`: a shell inside a build."""

import shlex
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from dockyard.cli import context
from dockyard.cli.build import view
from dockyard.cli.build.flags import Flags, options
from dockyard.cli.build.refused import refuse

if TYPE_CHECKING:
    from dockyard.build.enter import Cell

__all__ = ["debug", "opener", "refuse"]

PARSED = ("dockyard.cli.build.flags",)
"""Modules whose annotations name the parser's own classes."""


def debug(
    folder: str = ".",
    /,
    *,
    flags: Annotated[Flags | None, Parameter(name="*")] = None,
    at: int = 0,
    rest: Annotated[list[str] | None, Parameter(parse=False)] = None,
    json: Annotated[bool, Parameter(negative="")] = False,
) -> int:
    """Build up to a line and open a shell there, with the files, mounts, variables and user that a RUN has.

    A RUN that fails on the way is where the shell opens, with all that the command left. Without --at the shell opens
    at the end of the target. What is changed inside goes nowhere. `dockyard debug . --at 7 -- COMMAND` runs a command
    instead of a shell and ends with its exit code.

    Args:
        folder: the context, as for `dockyard build`.
        flags: what the build is told.
        at: the last line of the Dockerfile to carry out.
        rest: after `--`: a command and its arguments.
        json: show nothing of the build; the command's own output is left as it is.
    """
    from dockyard.build.debug import debug as build_and_visit
    from dockyard.build.ground import open_journal
    from dockyard.build.sources.bases import Bases
    from dockyard.cli.build import inputs
    from dockyard.cli.fetch import reacher

    flags = flags or Flags()
    context.enter_namespace()
    chosen = options(flags)
    store, data = context.store(), context.data_folder()
    with store.in_use(), view.shown(flags.view(silent=json)) as shown:
        journal = open_journal(shown, data, chosen, folder, flags.file)
        with inputs.opened(folder, flags.file, journal, chosen) as given:
            return build_and_visit(
                given.path,
                visitor(shown, rest or ()),
                dockerfile=given.dockerfile,
                store=store,
                data=data,
                bases=Bases(store, reacher(journal), always=flags.pull),
                options=given.told(chosen),
                journal=journal,
                at=at,
            )


def visitor(shown: view.View, words: Sequence[str]) -> "Callable[[Cell], int]":
    """Goes into a container with this process's terminal, if it has one; the view waits meanwhile."""

    def visit(cell: "Cell") -> int:
        cell.check(words)
        terminal = sys.stdin.isatty() and sys.stdout.isatty()
        variables = [f"TERM={context.environment().get('TERM', 'xterm')}"] if terminal else []
        with shown.paused():
            if not words:
                state = f"ended with status {cell.status}" if cell.status is not None else "is done"
                print(f"line {cell.line} {state}: {shlex.quote(cell.shell)} there; leave with exit", file=sys.stderr)
            sys.stdout.flush()
            return cell.enter(words, terminal=terminal, variables=variables)

    return visit


def opener(shown: view.View) -> "Callable[[Cell], None]":
    """Opens a shell where a step has failed; only the first that fails, and nowhere else where that has none."""
    from dockyard.build.program import ProgramMissingError

    visited: list[int] = []
    visit = visitor(shown, ())

    def open_shell(cell: "Cell") -> None:
        if not visited:
            visited.append(0)
            try:
                visit(cell)
            except ProgramMissingError as error:
                print(f"no shell opens: {error.message}", file=sys.stderr)

    return open_shell
