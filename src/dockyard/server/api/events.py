"""`/events` and `/projects/…/events`: what happened and who did it, newest first."""

import json
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import QueryParameter
from sqlalchemy import RowMapping, select

from dockyard.server.api.paging import page
from dockyard.server.api.route import Count, Guest, LastNumber, Part, route
from dockyard.server.schema.events import EVENT

Kind = Annotated[str, QueryParameter(max_length=100, description="Only events of this kind, such as push.")]


class Event(msgspec.Struct, frozen=True):
    """Something that happened. `at` is milliseconds since 1970."""

    number: int
    at: int
    kind: str
    project: str
    repository: str
    reference: str
    digest: str
    actor: str
    address: str
    detail: dict[str, Any]


@route("GET", "/events", "events", paged=True)
def events_list(
    visit: Guest, request: Request[Any, Any, Any], kind: Kind = "", last: LastNumber = 0, count: Count = 100
) -> Response[list[Event]]:
    """Everything that happened. For system admins."""
    visit.demand("", "log", "list")
    return _listed(visit, request, "", kind, last, count)


@route("GET", "/projects/{project:str}/events", "events", paged=True)
def project_events_list(
    visit: Guest,
    request: Request[Any, Any, Any],
    project: Part,
    kind: Kind = "",
    last: LastNumber = 0,
    count: Count = 100,
) -> Response[list[Event]]:
    """What happened in a project. For project admins."""
    visit.demand(project, "log", "list")
    return _listed(visit, request, project, kind, last, count)


def _listed(
    visit: Guest, request: Request[Any, Any, Any], project: str, kind: str, last: int, count: int
) -> Response[list[Event]]:
    query = select(EVENT).order_by(EVENT.c.id.desc()).limit(count + 1)
    query = query.where(EVENT.c.project == project) if project else query
    query = query.where(EVENT.c.kind == kind) if kind else query
    query = query.where(EVENT.c.id < last) if last else query
    with visit.database.read() as connection:
        found = [_event(row) for row in connection.execute(query).mappings()]
    return page(visit, request, found, count, found[count - 1].number if len(found) > count else 0)


def _event(row: RowMapping) -> Event:
    return Event(
        row["id"],
        row["at"],
        row["kind"],
        row["project"],
        row["repository"],
        row["reference"],
        row["digest"],
        row["actor"],
        row["address"],
        json.loads(row["detail"]),
    )
