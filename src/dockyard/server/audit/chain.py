"""The chain over the events: each link is a hash over an event and the link before it.

Whoever changes, adds or removes an event breaks the chain from there on, unless all later links are made anew; the
newest link, kept elsewhere, shows that, too. A follower makes the links, in the order of the events.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, select

from dockyard.errors import UsageError
from dockyard.registry.caller import CALLER
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.following import behind, follow_together
from dockyard.server.schema.audit import AUDIT_CHECKPOINT, AUDIT_LINK
from dockyard.server.schema.events import EVENT
from dockyard.server.schema.trust import FOLLOWER

NAME = "audit"
START = "0" * 64
_PAGE = 1000
_MOST_FLAWS = 100


class AuditPruneError(UsageError):
    """Events cannot be removed: somebody has not read them yet, or they are not in the chain."""

    reference = "audit-prune"
    hint = "Let the registry serve for a moment, so that webhooks, replication and the chain have read the events."


@dataclass(frozen=True)
class Flaw:
    """Where the events are not what they were: `missing`, `changed` or `added`, and the event's number."""

    kind: str
    event: int


@dataclass
class Verdict:
    """What a check of the chain found.

    Attributes:
        events: how many were looked at.
        begins_after: the last event that was removed on purpose; 0 for none.
        head_event, head: the newest link. Kept elsewhere, it shows later whether all links were made anew.
        unlinked: events that are too new to have a link.
        known: whether the link that was expected is in the chain; None where none was.
        flaws: at most a hundred.
    """

    events: int = 0
    begins_after: int = 0
    head_event: int = 0
    head: str = START
    unlinked: int = 0
    known: bool | None = None
    flaws: list[Flaw] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether nothing is amiss."""
        return not self.flaws and self.known is not False

    def to_json(self) -> dict[str, Any]:
        """As --json shows it."""
        return {**asdict(self), "whole": self.whole}


def link(before: str, event: Mapping[str, Any]) -> str:
    """The hash over an event, all of its columns, and the link before it."""
    columns = [event[column.name] for column in EVENT.columns]
    text = json.dumps([before, *columns], separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def extend(database: Database) -> int:
    """Make the links of events that have none yet, as many as there are; returns how many."""
    total = 0
    while count := follow_together(database, NAME, _extend):
        total += count
    return total


def verify(database: Database, *, expected: str = "") -> Verdict:
    """Look at every event and every link.

    Args:
        database: of the registry.
        expected: a link that was the newest once.
    """
    with database.read() as connection:
        found = Verdict(known=(expected == START) if expected else None)
        found.begins_after, found.head = _begin(connection)
        found.head_event = found.begins_after
        found.known = found.known or (expected == found.head) if expected else None
        last = connection.execute(select(FOLLOWER.c.event_id).where(FOLLOWER.c.name == NAME)).scalar() or 0
        early = select(func.count()).select_from(EVENT).where(EVENT.c.id <= found.begins_after)
        if connection.execute(early).scalar():
            first = connection.execute(select(func.min(EVENT.c.id))).scalar_one()
            found.flaws.append(Flaw("added", int(first)))
        for number, event, kept in _both(connection, found.begins_after):
            if event is not None:
                found.events += 1
            if kept is None:
                if number > last:
                    found.unlinked += 1
                else:
                    _flaw(found, "added", number)
                continue
            if event is None:
                _flaw(found, "missing", number)
            elif link(found.head, dict(event)) != kept:
                _flaw(found, "changed", number)
            # From here on the kept link is gone by, so that one change is told of once.
            found.head, found.head_event = kept, number
            found.known = True if expected and kept == expected else found.known
        if last > found.head_event:
            # The follower has seen more than there are links: the end was cut off.
            _flaw(found, "missing", int(last))
    return found


def prune(database: Database, before: int) -> int:
    """Remove the events from before the time `before`, and leave a checkpoint; returns how many.

    Raises:
        AuditPruneError: an event was not yet read by everybody who follows, or has no link.
    """

    def work(connection: Connection) -> int:
        query = select(func.max(EVENT.c.id)).where(EVENT.c.at < before)
        last = connection.execute(query).scalar()
        newer = connection.execute(select(func.min(EVENT.c.id)).where(EVENT.c.at >= before)).scalar()
        if last is not None and newer is not None:
            last = min(last, newer - 1)  # clocks are set back now and then; the order of the events counts
        if last is None:
            return 0
        slowest = connection.execute(select(func.min(FOLLOWER.c.event_id))).scalar() or 0
        kept = connection.execute(select(AUDIT_LINK.c.hash).where(AUDIT_LINK.c.event_id == last)).scalar()
        if slowest < last or kept is None:
            raise AuditPruneError(f"not everybody has read event {last}")
        old = EVENT.c.id <= last
        count = connection.execute(select(func.count()).select_from(EVENT).where(old)).scalar_one()
        # Before the removal: SQLite would give the numbers of a table that is empty out again.
        record(connection, "audit.prune", reference=str(last), detail={"removed": count, "before": before})
        connection.execute(delete(EVENT).where(old))
        connection.execute(delete(AUDIT_LINK).where(AUDIT_LINK.c.event_id <= last))
        values = {"event_id": last, "hash": kept, "removed": count, "at": now(), "actor": CALLER.get().name}
        connection.execute(insert(AUDIT_CHECKPOINT).values(values))
        return int(count)

    while behind(database, NAME):
        extend(database)
    return database.write(work)


def checkpoints(database: Database) -> list[dict[str, Any]]:
    """Every removal of old events, oldest first."""
    with database.read() as connection:
        rows = connection.execute(select(AUDIT_CHECKPOINT).order_by(AUDIT_CHECKPOINT.c.id)).mappings()
        return [dict(row) for row in rows]


def _extend(connection: Connection, events: Sequence[RowMapping]) -> None:
    first = int(events[0]["id"])
    query = select(AUDIT_LINK.c.hash).where(AUDIT_LINK.c.event_id < first).order_by(AUDIT_LINK.c.event_id.desc())
    before = connection.execute(query.limit(1)).scalar() or _begin(connection)[1]
    rows = []
    for event in events:
        before = link(before, dict(event))
        rows.append({"event_id": int(event["id"]), "hash": before})
    connection.execute(insert(AUDIT_LINK), rows)


def _begin(connection: Connection) -> tuple[int, str]:
    """The last event that was removed on purpose, and its link."""
    query = select(AUDIT_CHECKPOINT.c.event_id, AUDIT_CHECKPOINT.c.hash).order_by(AUDIT_CHECKPOINT.c.id.desc())
    row = connection.execute(query.limit(1)).first()
    return (int(row[0]), str(row[1])) if row is not None else (0, START)


def _both(connection: Connection, after: int) -> Iterator[tuple[int, RowMapping | None, str | None]]:
    """Events and links side by side, by number."""
    events, links = (
        _rows(connection, EVENT, EVENT.c.id, after),
        _rows(connection, AUDIT_LINK, AUDIT_LINK.c.event_id, after),
    )
    event, kept = next(events, None), next(links, None)
    while event is not None or kept is not None:
        left = int(event["id"]) if event is not None else None
        right = int(kept["event_id"]) if kept is not None else None
        number = min(each for each in (left, right) if each is not None)
        here = event if left == number else None
        there = str(kept["hash"]) if kept is not None and right == number else None
        yield number, here, there
        event = next(events, None) if left == number else event
        kept = next(links, None) if right == number else kept


def _rows(connection: Connection, table: Any, key: Any, after: int) -> Iterator[RowMapping]:
    last = after
    while rows := list(connection.execute(select(table).where(key > last).order_by(key).limit(_PAGE)).mappings()):
        yield from rows
        last = int(rows[-1][key.name])


def _flaw(found: Verdict, kind: str, number: int) -> None:
    if len(found.flaws) < _MOST_FLAWS:
        found.flaws.append(Flaw(kind, number))
