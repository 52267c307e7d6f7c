"""How a build looks while it goes on: a live tree, plain lines, JSON lines, or nothing."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal, Protocol

from dockyard.cli.context import environment
from dockyard.cli.report import size as shown_size
from dockyard.errors import UsageError

if TYPE_CHECKING:
    from dockyard.build.events import Event

Form = Literal["auto", "tty", "plain", "rawjson", "quiet", "none"]
FORMS = ("auto", "tty", "plain", "rawjson", "quiet", "none")


class View(Protocol):
    """Shows events."""

    def __call__(self, event: "Event") -> None:
        """Show one; never called from two threads at once."""

    def paused(self) -> contextlib.AbstractContextManager[None]:
        """Leave the terminal to somebody else for a block."""


@contextlib.contextmanager
def shown(form: str) -> Iterator[View]:
    """The view of that form on standard error for the block; `auto` is a tree on a terminal, else plain lines.

    Raises:
        UsageError: there is no such form, or `tty` without a terminal.
    """
    if form not in FORMS:
        raise UsageError(f"there is no progress of form {form!r}", hint=f"Give one of {', '.join(FORMS)}.")
    if form == "tty" and not sys.stderr.isatty():
        raise UsageError("--progress=tty needs a terminal", hint="Give --progress=plain, or auto.")
    if form in ("quiet", "none"):
        yield Quiet()
    elif form == "rawjson":
        yield JsonLines()
    elif form == "plain" or not sys.stderr.isatty() or (form == "auto" and environment().get("TERM") == "dumb"):
        yield Plain()
    else:
        from dockyard.cli.build.tree import Tree

        with Tree.live() as tree:
            yield tree


class Quiet:
    """Shows nothing."""

    def __call__(self, event: "Event") -> None:
        """Show nothing."""

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is to be done."""
        yield


class JsonLines(Quiet):
    """One JSON document a line, as docs/builds.md has them."""

    def __call__(self, event: "Event") -> None:
        """Print it."""
        import msgspec

        _write(msgspec.json.encode(event).decode())


class Plain(Quiet):
    """Lines that begin with the number of the step they belong to."""

    def __init__(self) -> None:
        self._began: dict[int, float] = {}
        self._parents: dict[int, int] = {}
        self._labels: dict[int, str] = {}

    def __call__(self, event: "Event") -> None:
        """Print what is worth a line."""
        number = self._parents.get(event.step, event.step)
        match event.event:
            case "started" if event.parent:
                self._parents[event.step] = event.parent
                self._labels[event.step] = event.text
            case "started":
                self._began[event.step] = event.time
                where = f"[{event.stage} {event.position}] " if event.stage else ""
                _write(f"#{number} {where}{event.text}")
            case "output":
                _write(f"#{number} {event.time - self._began.get(number, event.time):.3f} {event.text}")
            case "finished" if event.step in self._parents:
                label = self._labels.pop(event.step)
                _write(f"#{number} {label} {event.note or 'done'} {event.seconds:.1f}s")
            case "finished" if event.result == "failed":
                _write(f"#{number} ERROR: {event.note}")
            case "finished":
                told = f" {shown_size(event.size)}" if event.size else f" {event.note}" if event.note != "done" else ""
                word = event.result.upper()
                _write(f"#{number} {word}" if word != "DONE" else f"#{number} DONE {event.seconds:.1f}s{told.rstrip()}")
            case "note":
                _write(event.text)
            case _:
                return


def _write(line: str) -> None:
    try:
        sys.stderr.write(line + "\n")  # at once: standard error keeps no line back
    except BrokenPipeError:
        # Who watched has gone: the build goes on unseen, as its result is what was asked for.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stderr.fileno())
        os.close(nowhere)
