"""Jobs, as `dockyard.server.jobs` has them."""

import msgspec

from dockyard.cli.registry.remote.connection import Remote, part
from dockyard.server.jobs.history import Job


def jobs(remote: Remote, *, name: str = "", state: str = "", count: int = 100) -> list[Job]:
    """Jobs, newest first."""
    found = remote.ask("GET", "/jobs", task=name, state=state, count=max(1, min(count, 1000)))
    return msgspec.convert(found, list[Job])


def defer(remote: Remote, task: str) -> int | None:
    """Have a task done."""
    job: int | None = remote.ask("POST", "/jobs", {"task": task})["job"]
    return job


def cancel(remote: Remote, number: int) -> bool:
    """Let a job not begin, or end soon."""
    return bool(remote.ask("POST", f"/jobs/{part(str(number))}/cancel")["cancelled"])
