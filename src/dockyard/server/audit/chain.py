"""The chain over the events: each link is a hash over an event and the link before it.

Whoever changes, adds or removes an event breaks the chain from there on, unless all later links are made anew; the
newest link, kept elsewhere, shows that, too. A follower makes the links, in the order of the events.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, func, insert, select

from dockyard.server.database import Database
from dockyard.server.following import follow_together
from dockyard.server.schema.audit import AUDIT_CHECKPOINT, AUDIT_GAP, AUDIT_LINK
from dockyard.server.schema.events import EVENT
from dockyard.server.schema.trust import FOLLOWER

NAME = "audit"
PRUNED = "audit.prune"
START = "0" * 64
_PAGE = 1000
_MOST_FLAWS = 100


class Gap(NamedTuple):
    """Events that were removed on purpose from between others.

    Attributes:
        first, last: the numbers of the first and the last one.
        before: the link that the first one followed.
        hash: the link of the last one.
        removed: how many there were.
    """

    first: int
    last: int
    before: str
    hash: str
    removed: int


GAP_COLUMNS = ("first_id", "last_id", "before", "hash", "removed")
"""Where the table has what a `Gap` has, in its order."""


@dataclass(frozen=True)
class Flaw:
    """Where the events are not what they were: `missing`, `changed` or `added`, and the event's number; `removed` where
    the last removal on purpose that is in the chain does not tell of this one.
    """

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
        found.begins_after, found.head = begin(connection)
        holes = gaps(connection)
        seal = sealed(found.begins_after, found.head, holes)
        found.head_event = found.begins_after
        found.known = found.known or (expected == found.head) if expected else None
        last = connection.execute(select(FOLLOWER.c.event_id).where(FOLLOWER.c.name == NAME)).scalar() or 0
        early = select(func.count()).select_from(EVENT).where(EVENT.c.id <= found.begins_after)
        if connection.execute(early).scalar():
            first = connection.execute(select(func.min(EVENT.c.id))).scalar_one()
            found.flaws.append(Flaw("added", int(first)))
        told, hole, ended = None, 0, 0
        for number, event, kept in _both(connection, found.begins_after):
            while hole < len(holes) and holes[hole].first <= number:
                ended = _passed(found, holes[hole], expected)
                hole += 1
            if event is not None:
                found.events += 1
            if number <= ended:
                _flaw(found, "missing" if event is None else "added", number)
                continue
            if event is not None and event["kind"] == PRUNED:
                told = event["detail"]
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
        for each in holes[hole:]:
            _passed(found, each, expected)
        if _told(told, seal if told is not None else _NOTHING) != seal:
            _flaw(found, "removed", found.begins_after or holes[0].first)
        if last > found.head_event:
            # The follower has seen more than there are links: the end was cut off.
            _flaw(found, "missing", int(last))
    return found


def checkpoints(database: Database) -> list[dict[str, Any]]:
    """Every removal of old events, oldest first."""
    with database.read() as connection:
        rows = connection.execute(select(AUDIT_CHECKPOINT).order_by(AUDIT_CHECKPOINT.c.id)).mappings()
        return [dict(row) for row in rows]


def begin(connection: Connection) -> tuple[int, str]:
    """The last event that was removed on purpose, and its link."""
    query = select(AUDIT_CHECKPOINT.c.event_id, AUDIT_CHECKPOINT.c.hash).order_by(AUDIT_CHECKPOINT.c.id.desc())
    row = connection.execute(query.limit(1)).first()
    return (int(row[0]), str(row[1])) if row is not None else (0, START)


def gaps(connection: Connection) -> list[Gap]:
    """The gaps, by number."""
    rows = connection.execute(_GAPS.order_by(AUDIT_GAP.c.last_id)).all()
    return [Gap(int(row[0]), int(row[1]), str(row[2]), str(row[3]), int(row[4])) for row in rows]


def sealed(begins_after: int, link: str, gaps: Sequence[Gap]) -> str:
    """A hash over all that was removed on purpose."""
    text = json.dumps([begins_after, link, *gaps], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


_NOTHING = sealed(0, START, ())
_GAPS = select(*(AUDIT_GAP.c[name] for name in GAP_COLUMNS))


def _told(detail: str | None, otherwise: str) -> str:
    """The seal of a removal, as its event tells it; those of older programs have none."""
    try:
        return str(json.loads(detail or "{}").get("seal", otherwise))
    except (ValueError, AttributeError):
        return ""


def _extend(connection: Connection, events: Sequence[RowMapping]) -> None:
    first = int(events[0]["id"])
    query = select(AUDIT_LINK).where(AUDIT_LINK.c.event_id < first).order_by(AUDIT_LINK.c.event_id.desc())
    newest = connection.execute(query.limit(1)).first()
    hole = connection.execute(_GAPS.order_by(AUDIT_GAP.c.last_id.desc()).limit(1)).first()
    ends = [begin(connection)]
    ends += [(int(newest[0]), str(newest[1]))] if newest is not None else []
    # Events at the end may all have been removed on purpose.
    ends += [(int(hole[1]), str(hole[3]))] if hole is not None else []
    before = max(ends)[1]
    rows = []
    for event in events:
        before = link(before, dict(event))
        rows.append({"event_id": int(event["id"]), "hash": before})
    connection.execute(insert(AUDIT_LINK), rows)


def _passed(found: Verdict, gap: Gap, expected: str) -> int:
    """Go on behind a gap; returns where it ends."""
    if found.head != gap.before:
        _flaw(found, "missing", gap.first - 1)
    found.head, found.head_event = gap.hash, gap.last
    found.known = True if expected and gap.hash == expected else found.known
    return gap.last


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
