"""The progress protocol: long work says what it does, the caller decides how it looks.

Rooms take a `Progress` argument and never print. The CLI draws bars on a terminal and plain lines in a pipe.
"""

from typing import Protocol


class Task(Protocol):
    """One piece of work under way. `advance` may be called from any thread."""

    def advance(self, amount: int) -> None:
        """`amount` more units are done."""

    def done(self, note: str = "") -> None:
        """The work has ended well; `note` is shown beside it (`cached`, `12 MB`)."""


class Progress(Protocol):
    """Where work is announced."""

    def start(self, label: str, *, total: int | None = None, unit: str = "bytes") -> Task:
        """Announce work; `total` in `unit`s where it is known. `unit` is `bytes` or a plural noun."""

    def log(self, line: str) -> None:
        """A line of output worth keeping, such as what a RUN step printed."""


class _SilentTask:
    def advance(self, amount: int) -> None:
        pass

    def done(self, note: str = "") -> None:
        pass


class Silent:
    """Progress that nobody looks at."""

    def start(self, label: str, *, total: int | None = None, unit: str = "bytes") -> Task:
        """Announce nothing."""
        return _SilentTask()

    def log(self, line: str) -> None:
        """Drop the line."""


SILENT: Progress = Silent()
