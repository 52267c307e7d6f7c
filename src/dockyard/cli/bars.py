"""Progress on a terminal as bars, in a pipe as plain lines, nowhere when --json or --quiet asks for silence."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dockyard.progress import SILENT, Progress, Task

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


@contextmanager
def shown(*, quiet: bool = False) -> Iterator[Progress]:
    """Show progress on standard error for the block: bars on a terminal, else lines."""
    if quiet:
        yield SILENT
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
        with Bars(*columns, console=Console(stderr=True), transient=False) as bars:
            yield _Terminal(bars)
    else:
        yield _Lines()


class _Terminal:
    def __init__(self, bars: "Bars") -> None:
        self._bars = bars

    def start(self, label: str, *, total: int | None = None, unit: str = "bytes") -> Task:
        return _Bar(self._bars, self._bars.add_task(label, total=total), label)

    def log(self, line: str) -> None:
        self._bars.console.print(line, markup=False, highlight=False)


class _Bar:
    def __init__(self, bars: "Bars", task: "TaskID", label: str) -> None:
        self._bars, self._task, self._label = bars, task, label

    def advance(self, amount: int) -> None:
        self._bars.advance(self._task, amount)

    def done(self, note: str = "") -> None:
        finished = self._bars.tasks[self._task].total or self._bars.tasks[self._task].completed or 1
        self._bars.update(self._task, total=finished, completed=finished, description=f"{self._label} {note}".rstrip())


class _Lines:
    def __init__(self) -> None:
        self._lock = threading.Lock()

    def start(self, label: str, *, total: int | None = None, unit: str = "bytes") -> Task:
        return _Line(self, label)

    def log(self, line: str) -> None:
        with self._lock:
            print(line, file=sys.stderr, flush=True)


class _Line:
    def __init__(self, lines: _Lines, label: str) -> None:
        self._lines, self._label, self._began = lines, label, time.monotonic()

    def advance(self, amount: int) -> None:
        pass

    def done(self, note: str = "") -> None:
        self._lines.log(f"{self._label}: {note or 'done'} ({time.monotonic() - self._began:.1f} s)")
