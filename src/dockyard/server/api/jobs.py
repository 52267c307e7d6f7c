"""`/jobs`: what the server does beside serving. For system admins."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter

from dockyard.server.access.naming import UnknownNameError
from dockyard.server.api.paging import page
from dockyard.server.api.retention import Deferred
from dockyard.server.api.route import Count, Guest, LastNumber, Number, route
from dockyard.server.jobs import history
from dockyard.server.jobs.history import Job

State = Literal["waiting", "running", "done", "failed", "cancelled"]


class JobNew(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A task to be done."""

    task: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class Cancelled(msgspec.Struct, frozen=True):
    """Whether the job was still to be cancelled."""

    cancelled: bool


@route("GET", "/jobs", "jobs", paged=True)
def jobs_list(
    visit: Guest,
    request: Request[Any, Any, Any],
    task: Annotated[str, QueryParameter(max_length=100, description="Only jobs of this task.")] = "",
    being: Annotated[State | None, QueryParameter(name="state", description="Only jobs that are so.")] = None,
    last: LastNumber = 0,
    count: Count = 100,
) -> Response[list[Job]]:
    """Jobs, newest first."""
    visit.demand("", "job", "list")
    found = history.jobs(visit.database, name=task, state=being or "", before=last, count=count + 1)
    return page(visit, request, found, count, found[count - 1].number if len(found) > count else 0)


@route("POST", "/jobs", "jobs", status=202)
def job_create(visit: Guest, data: JSONBody[JobNew]) -> Deferred:
    """Have a task done: collect, sweep, retention, verify, scan, scan-all or match."""
    visit.demand("", "job", "create")
    return Deferred(visit.parts.jobs.defer(data.task, key=f"asked {data.task}"))


@route("GET", "/jobs/{number:int}", "jobs")
def job_read(visit: Guest, number: Number) -> Job:
    """One job."""
    visit.demand("", "job", "read")
    found = history.jobs(visit.database, before=number + 1, count=1)
    if not found or found[0].number != number:
        raise UnknownNameError(f"there is no job {number}")
    return found[0]


@route("POST", "/jobs/{number:int}/cancel", "jobs", status=200)
def job_cancel(visit: Guest, number: Number) -> Cancelled:
    """Let a job that waits not begin, and one that runs end soon."""
    visit.demand("", "job", "update")
    return Cancelled(visit.parts.jobs.cancel(number))
