"""Reading the audit log: page by page, or all of it as JSON lines or CSV without holding it in memory."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from dockyard.server.clock import stamp
from dockyard.server.database import Database
from dockyard.server.schema.audit import AUDIT_LINK
from dockyard.server.schema.events import EVENT
from dockyard.server.spreadsheet import line

_PAGE = 1000
_COLUMNS = ("id", "time", "kind", "project", "repository", "reference", "digest", "actor", "address", "detail", "hash")


@dataclass(frozen=True)
class Wanted:
    """Which events: all parts that are set must fit.

    Attributes:
        projects: one of these; None for all, an empty tuple for none.
        actor: who did it.
        kind: such as `push`, a beginning such as `quota.*`, or an end such as `*.refused`.
        repository: the whole name.
        since, until: milliseconds since 1970; from the first on, up to but without the second.
    """

    projects: tuple[str, ...] | None = None
    actor: str = ""
    kind: str = ""
    repository: str = ""
    since: int = 0
    until: int = 0


@dataclass(frozen=True)
class Event:
    """An event; `hash` is its link in the chain, empty while it is too new to have one."""

    id: int
    time: str
    kind: str
    project: str
    repository: str
    reference: str
    digest: str
    actor: str
    address: str
    detail: dict[str, Any]
    hash: str

    def to_json(self) -> dict[str, Any]:
        """As --json, exports and the API show it."""
        return asdict(self)


def page(database: Database, wanted: Wanted, *, before: int = 0, count: int = 100) -> list[Event]:
    """At most `count` events, newest first; `before` is the number of the last one seen."""
    query = _query(wanted).order_by(EVENT.c.id.desc()).limit(count)
    if before:
        query = query.where(EVENT.c.id < before)
    with database.read() as connection:
        return [_event(row) for row in connection.execute(query).mappings()]


def every(database: Database, wanted: Wanted) -> Iterator[Event]:
    """All events that are there now, oldest first."""
    last = 0
    while True:
        query = _query(wanted).where(EVENT.c.id > last).order_by(EVENT.c.id).limit(_PAGE)
        with database.read() as connection:
            events = [_event(row) for row in connection.execute(query).mappings()]
        yield from events
        if len(events) < _PAGE:
            return
        last = events[-1].id


def json_lines(database: Database, wanted: Wanted) -> Iterator[str]:
    """One JSON object a line, oldest first."""
    for event in every(database, wanted):
        yield json.dumps(event.to_json(), separators=(",", ":")) + "\n"


def comma_separated(database: Database, wanted: Wanted) -> Iterator[str]:
    """CSV (RFC 4180) with a head line, oldest first. What a spreadsheet would take for a formula gets an apostrophe."""
    yield line(_COLUMNS)
    for event in every(database, wanted):
        document = {**event.to_json(), "detail": json.dumps(event.detail, separators=(",", ":"))}
        yield line(document[name] for name in _COLUMNS)


def of_kind(kind: str) -> ColumnElement[bool]:
    """The condition that an event is of a kind: `push`, or begins as `quota.*` does, or ends as `*.refused`."""
    if kind.endswith("*"):
        return EVENT.c.kind.startswith(kind[:-1], autoescape=True)
    if kind.startswith("*"):
        return EVENT.c.kind.endswith(kind[1:], autoescape=True)
    return EVENT.c.kind == kind


def _query(wanted: Wanted) -> Select[Any]:
    query = select(EVENT, AUDIT_LINK.c.hash).join_from(
        EVENT, AUDIT_LINK, AUDIT_LINK.c.event_id == EVENT.c.id, isouter=True
    )
    if wanted.projects is not None:
        query = query.where(EVENT.c.project.in_(wanted.projects))
    if wanted.kind:
        query = query.where(of_kind(wanted.kind))
    for value, condition in (
        (wanted.actor, EVENT.c.actor == wanted.actor),
        (wanted.repository, EVENT.c.repository == wanted.repository),
        (wanted.since, EVENT.c.at >= wanted.since),
        (wanted.until, EVENT.c.at < wanted.until),
    ):
        if value:
            query = query.where(condition)
    return query


def _event(row: Any) -> Event:
    return Event(
        int(row["id"]),
        stamp(row["at"]),
        row["kind"],
        row["project"],
        row["repository"],
        row["reference"],
        row["digest"],
        row["actor"],
        row["address"],
        json.loads(row["detail"]),
        row["hash"] or "",
    )
