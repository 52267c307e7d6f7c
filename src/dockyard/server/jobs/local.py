"""Jobs in this process, from the table `job`.

Every server process has one of these; the one that leads works (`jobs.leading`).
"""

import logging
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from dockyard.errors import Error
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.jobs import history
from dockyard.server.jobs.history import Job
from dockyard.server.jobs.interface import JobStopped, Task, TaskUnknownError
from dockyard.server.jobs.leading import Lead

_LOG = logging.getLogger("dockyard.jobs")
_FIRST_WAIT_MS = 10_000
_LONGEST_WAIT_MS = 3_600_000
_PERIODIC_S = 60.0
_NOTE_S = 1.0


class LocalJobs:
    """A runner of jobs (`jobs.interface.Jobs`).

    Args:
        database: has the table.
        lead: says which process works.
        tasks: by name.
        threads: how many jobs run at once.
        pace: seconds between looks at the table.
    """

    def __init__(
        self, database: Database, lead: Lead, tasks: Mapping[str, Task], *, threads: int = 2, pace: float = 1.0
    ) -> None:
        self._database, self._leading, self._tasks = database, lead, dict(tasks)
        self._threads, self._pace = threads, pace
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def defer(
        self, name: str, arguments: Mapping[str, Any] | None = None, *, due: int = 0, key: str = ""
    ) -> int | None:
        """Have a task done.

        Args:
            name: the task's.
            arguments: what it is called with; JSON.
            due: when, in milliseconds since 1970; 0 for at once.
            key: while a job with it is unfinished, no second one is made; empty for none.

        Raises:
            TaskUnknownError: there is no such task.
        """
        if name not in self._tasks:
            raise TaskUnknownError(f"there is no task {name!r}")
        number = history.add(self._database, name, arguments or {}, due, key)
        self._wake.set()
        return number

    def cancel(self, number: int) -> bool:
        """Let a job not begin, or end soon."""
        return history.cancel(self._database, number)

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._serve, name="jobs", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, once the tasks under way have stopped."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _serve(self) -> None:
        try:
            while not self._stopping.is_set():
                if self._leading.take():
                    self._lead()
                else:
                    self._stopping.wait(self._pace)
        finally:
            self._leading.drop()

    def _lead(self) -> None:
        ready, seen, clock = False, time.monotonic(), now()
        running: set[Future[None]] = set()
        with ThreadPoolExecutor(self._threads, "job") as pool:
            while not self._stopping.is_set() and self._leading.kept():
                self._wake.clear()
                try:
                    if not ready:
                        history.recover(self._database)
                        for name in self._tasks:
                            self._again(name, first=True, hasten=True)
                        ready = True
                    if time.monotonic() - seen >= _PERIODIC_S:
                        seen, before, clock = time.monotonic(), clock, now()
                        for name in self._tasks:
                            # One whose next run was cancelled gets another. Where the clock was put back, all are due
                            # as much too late.
                            self._again(name, hasten=clock < before)
                    running = {each for each in running if not each.done()}
                    while len(running) < self._threads and (job := history.claim(self._database)) is not None:
                        running.add(pool.submit(self._run, job))
                except Error as error:
                    _LOG.warning("jobs wait: %s", error.message)
                self._wake.wait(self._pace)

    def _again(self, name: str, *, first: bool = False, hasten: bool = False) -> None:
        """Let a periodic task have its next run, the first as it asks for; with `hasten` no later than then."""
        task = self._tasks[name]
        if task.every and not self._stopping.is_set():
            wait = (task.first or task.every) if first else task.every
            key, due = history.periodic(name), now() + wait * 1000
            history.add(self._database, name, {}, due, key)
            if hasten:
                history.hasten(self._database, key, due)  # the interval may have been longer before

    def _run(self, job: Job) -> None:
        try:
            self._carry_out(job)
        except Exception:  # noqa: BLE001 (a thread's last door; the job is taken up again by the next leader)
            _LOG.exception("job %s %s could not be noted", job.number, job.name)
        self._wake.set()

    def _carry_out(self, job: Job) -> None:
        task = self._tasks.get(job.name)
        database = self._database
        if task is None:
            history.finish(database, job, "failed", error=f"there is no task {job.name!r}")
            return
        try:
            result = task.run(_Work(database, job, self._stopping))
        except JobStopped:
            if self._stopping.is_set():
                history.finish(database, job, "waiting", due=now())
                return
            history.finish(database, job, "cancelled")
        except Exception as error:  # noqa: BLE001 (kept with the job, for people to read)
            text = error.message if isinstance(error, Error) else f"{type(error).__name__}: {error}"
            if job.attempts < task.attempts:
                wait = min(_FIRST_WAIT_MS << (job.attempts - 1), _LONGEST_WAIT_MS)
                history.finish(database, job, "waiting", error=text, due=now() + wait)
                return
            _LOG.exception("job %s %s failed", job.number, job.name)
            history.finish(database, job, "failed", error=text)
        else:
            history.finish(database, job, "done", result=result, quiet=task.quiet)
        self._again(job.name)


class _Work:
    def __init__(self, database: Database, job: Job, stopping: threading.Event) -> None:
        self._database, self._job, self._stopping = database, job, stopping
        self._noted = 0.0

    @property
    def arguments(self) -> Mapping[str, Any]:
        return self._job.arguments

    def progress(self, text: str) -> None:
        if self._stopping.is_set():
            raise JobStopped
        if time.monotonic() - self._noted >= _NOTE_S:
            self._noted = time.monotonic()
            if history.note(self._database, self._job, text):
                raise JobStopped
