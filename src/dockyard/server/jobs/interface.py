"""What runs jobs, whoever does it: one process of all that share a database (decision 9).

A job is a task's name and arguments that JSON can hold. A task is a plain function, registered by name in one table; it
may be cut off anywhere and run again, so it must be able to go on where it was.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from dockyard.errors import UsageError


class TaskUnknownError(UsageError):
    """No task is registered under the name that a job has."""

    reference = "task-unknown"
    hint = "The job comes from another version, or its name is misspelt."


class JobStopped(Exception):  # noqa: N818 (no error: the task is asked to end, and the runner knows what that means)
    """Raised inside a task that was cancelled, or whose process ends; a task may clean up and lets it pass."""


class Work(Protocol):
    """The job under way, as its task sees it."""

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What the job was deferred with."""

    def progress(self, text: str) -> None:
        """Say how far it is. To be called now and then by what takes long.

        Raises:
            JobStopped: it should not go on.
        """


@dataclass(frozen=True)
class Task:
    """A function for jobs.

    Attributes:
        run: does the work; what it returns is kept with the job, as JSON.
        every: seconds from one run to the next; 0 runs it only when it is deferred.
        first: seconds from a server's start to the first run; 0 for as many as `every`.
        attempts: how often a job is tried before it counts as failed; each wait is twice as long as the one before.
        quiet: what it did is told elsewhere, so that of the jobs with one key that went well only the last is kept.
    """

    run: Callable[[Work], Any]
    every: int = 0
    first: int = 0
    attempts: int = 1
    quiet: bool = False


class Jobs(Protocol):
    """Takes jobs and has them done."""

    def defer(
        self, name: str, arguments: Mapping[str, Any] | None = None, *, due: int = 0, key: str = ""
    ) -> int | None:
        """Have a task done. It is not lost when this process ends.

        Args:
            name: the task.
            arguments: for it; JSON.
            due: not before this time in milliseconds since 1970; 0 is at once.
            key: where not empty, nothing happens while an unfinished job has the same.

        Returns:
            the job's number; None where `key` was taken.

        Raises:
            TaskUnknownError: there is no such task.
        """

    def cancel(self, number: int) -> bool:
        """Let a job not begin, or end soon; False where it has ended or is unknown."""

    def start(self) -> None:
        """Begin to have jobs done."""

    def stop(self) -> None:
        """End; tasks under way are asked to stop and are taken up again later."""
