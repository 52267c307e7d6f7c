"""`/events` and `/projects/…/events`: what happened and who did it, and whether the record of it is whole."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import QueryParameter
from litestar.response import Stream

from dockyard.server.api.paging import page
from dockyard.server.api.route import Count, Guest, LastNumber, Part, route
from dockyard.server.api.words import LINK
from dockyard.server.audit import chain, read
from dockyard.server.audit.read import Wanted

Kind = Annotated[
    str,
    QueryParameter(
        max_length=100, description="Only this kind, such as push; quota.* is a beginning, *.refused an end."
    ),
]
Actor = Annotated[str, QueryParameter(max_length=255, description="Only what this account or robot did.")]
Where = Annotated[str, QueryParameter(max_length=255, description="Only about this repository, by its whole name.")]
Since = Annotated[int, QueryParameter(ge=0, le=2**53, description="Only from this time on; milliseconds since 1970.")]
Until = Annotated[int, QueryParameter(ge=0, le=2**53, description="Only before this time; milliseconds since 1970.")]
Expected = Annotated[
    str,
    QueryParameter(pattern=LINK, description="A link that was the newest once: it must still be there."),
]
_JSONL, _CSV = "application/jsonl", "text/csv"


class Event(msgspec.Struct, frozen=True):
    """Something that happened. `at` is milliseconds since 1970; `hash` its link in the chain, empty while it is new."""

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
    hash: str


class Flaw(msgspec.Struct, frozen=True):
    """Where the events are not what they were: `missing`, `changed` or `added`, and the event's number."""

    kind: str
    event: int


class Checkpoint(msgspec.Struct, frozen=True):
    """A removal of old events: up to which one, its link, how many, when, and who did it."""

    event: int
    hash: str
    removed: int
    at: int
    actor: str


class Proof(msgspec.Struct, frozen=True):
    """What a check of the chain found; `head`, kept elsewhere, shows later whether all links were made anew."""

    whole: bool
    events: int
    begins_after: int
    head_event: int
    head: str
    unlinked: int
    known: bool | None
    flaws: list[Flaw]
    checkpoints: list[Checkpoint]


@route("GET", "/events", "events", paged=True)
def events_list(
    visit: Guest,
    request: Request[Any, Any, Any],
    kind: Kind = "",
    actor: Actor = "",
    repository: Where = "",
    since: Since = 0,
    until: Until = 0,
    last: LastNumber = 0,
    count: Count = 100,
) -> Response[list[Event]]:
    """Everything that happened, newest first. For system admins."""
    visit.demand("", "log", "list")
    return _listed(visit, request, Wanted(None, actor, kind, repository, since, until), last, count)


@route("GET", "/events/export.jsonl", "events", media=_JSONL)
def events_export(
    visit: Guest, kind: Kind = "", actor: Actor = "", repository: Where = "", since: Since = 0, until: Until = 0
) -> Stream:
    """All of it as JSON, an event a line, oldest first. For system admins."""
    visit.demand("", "log", "list")
    wanted = Wanted(None, actor, kind, repository, since, until)
    return Stream(read.json_lines(visit.database, wanted), media_type=_JSONL, headers=_file("jsonl"))


@route("GET", "/events/export.csv", "events", media=_CSV)
def events_export_csv(
    visit: Guest, kind: Kind = "", actor: Actor = "", repository: Where = "", since: Since = 0, until: Until = 0
) -> Stream:
    """All of it as CSV with a head line, oldest first. For system admins."""
    visit.demand("", "log", "list")
    wanted = Wanted(None, actor, kind, repository, since, until)
    return Stream(read.comma_separated(visit.database, wanted), media_type=_CSV, headers=_file("csv"))


@route("GET", "/events/proof", "events")
def events_prove(visit: Guest, expected: Expected = "") -> Proof:
    """Look at every event and every link of the chain over them. For system admins."""
    visit.demand("", "log", "list")
    found = chain.verify(visit.database, expected=expected)
    made = [
        Checkpoint(each["event_id"], each["hash"], each["removed"], each["at"], each["actor"])
        for each in chain.checkpoints(visit.database)
    ]
    return Proof(
        found.whole,
        found.events,
        found.begins_after,
        found.head_event,
        found.head,
        found.unlinked,
        found.known,
        [Flaw(each.kind, each.event) for each in found.flaws],
        made,
    )


@route("GET", "/projects/{project:str}/events", "events", paged=True)
def project_events_list(
    visit: Guest,
    request: Request[Any, Any, Any],
    project: Part,
    kind: Kind = "",
    actor: Actor = "",
    repository: Where = "",
    since: Since = 0,
    until: Until = 0,
    last: LastNumber = 0,
    count: Count = 100,
) -> Response[list[Event]]:
    """What happened in a project, newest first. For project admins."""
    visit.demand(project, "log", "list")
    return _listed(visit, request, Wanted((project,), actor, kind, repository, since, until), last, count)


@route("GET", "/projects/{project:str}/events/export.jsonl", "events", media=_JSONL)
def project_events_export(
    visit: Guest,
    project: Part,
    kind: Kind = "",
    actor: Actor = "",
    repository: Where = "",
    since: Since = 0,
    until: Until = 0,
) -> Stream:
    """What happened in a project as JSON, an event a line, oldest first. For project admins."""
    visit.demand(project, "log", "list")
    wanted = Wanted((project,), actor, kind, repository, since, until)
    return Stream(read.json_lines(visit.database, wanted), media_type=_JSONL, headers=_file("jsonl"))


@route("GET", "/projects/{project:str}/events/export.csv", "events", media=_CSV)
def project_events_export_csv(
    visit: Guest,
    project: Part,
    kind: Kind = "",
    actor: Actor = "",
    repository: Where = "",
    since: Since = 0,
    until: Until = 0,
) -> Stream:
    """What happened in a project as CSV with a head line, oldest first. For project admins."""
    visit.demand(project, "log", "list")
    wanted = Wanted((project,), actor, kind, repository, since, until)
    return Stream(read.comma_separated(visit.database, wanted), media_type=_CSV, headers=_file("csv"))


def _listed(
    visit: Guest, request: Request[Any, Any, Any], wanted: Wanted, last: int, count: int
) -> Response[list[Event]]:
    found = [_event(each) for each in read.page(visit.database, wanted, before=last, count=count + 1)]
    return page(visit, request, found, count, found[count - 1].number if len(found) > count else 0)


def _event(event: read.Event) -> Event:
    at = round(datetime.fromisoformat(event.time).timestamp() * 1000)
    return Event(
        event.id,
        at,
        event.kind,
        event.project,
        event.repository,
        event.reference,
        event.digest,
        event.actor,
        event.address,
        event.detail,
        event.hash,
    )


def _file(end: str) -> dict[str, str]:
    return {"content-disposition": f'attachment; filename="events.{end}"'}
