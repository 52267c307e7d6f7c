"""Removing old events on purpose, now and then or by schedule, so that the rest can still be proved (`audit.chain`).

What goes from the front leaves a checkpoint, which says where the events begin now. What goes from between events that
are to stay leaves a gap with the link of its last event, from which the chain goes on. The newest `audit.prune` event,
which is in the chain itself, has a hash over both: nobody can pass off a removal of his own as one of these.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, false, func, insert, not_, or_, select

from dockyard.errors import UsageError
from dockyard.registry.caller import CALLER
from dockyard.server.audit.chain import GAP_COLUMNS, PRUNED, Gap, begin, extend, gaps, sealed
from dockyard.server.audit.chain import NAME as CHAIN
from dockyard.server.audit.read import of_kind
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.following import behind
from dockyard.server.jobs.interface import Jobs
from dockyard.server.schema.audit import AUDIT_CHECKPOINT, AUDIT_GAP, AUDIT_LINK, AUDIT_PRUNING
from dockyard.server.schema.events import EVENT
from dockyard.server.schema.trust import FOLLOWER
from dockyard.server.timetable import Timetable

# In a transaction of a few tenths of a second.
_TOGETHER = 20_000
_MOST_KINDS = 50
_MOST_HOURS = 24 * 366 * 100
_KIND = re.compile(r"[a-z][a-z.]{0,98}\*?|\*[a-z.]{1,98}")


class AuditPruneError(UsageError):
    """Events cannot be removed: somebody has not read them yet, they are not in the chain, or what is to go or to stay
    is not said as it should be.
    """

    reference = "audit-prune"
    hint = "Let the registry serve for a moment, so that webhooks, replication and the chain have read the events."


@dataclass(frozen=True)
class Pruning:
    """When old events are removed by themselves.

    Attributes:
        schedule: five fields as in crontab, in UTC, or a span such as 24h.
        hours: how old events become.
        keep: kinds of events that stay, as `push`, `quota.*` or `*.refused`.
        next_at: the next time, in milliseconds since 1970.
    """

    schedule: str
    hours: int
    keep: tuple[str, ...] = ()
    next_at: int = 0

    def to_json(self) -> dict[str, Any]:
        """As --json and the API show it."""
        return {**asdict(self), "keep": list(self.keep)}


def before(hours: int) -> int:
    """The time so many hours ago, in milliseconds since 1970.

    Raises:
        AuditPruneError: that is no number of hours.
    """
    if not 0 < hours <= _MOST_HOURS:
        raise AuditPruneError(f"hours: 1 to {_MOST_HOURS}, not {hours}", hint="Such as 2160 for ninety days.")
    return now() - hours * 3_600_000


_TIMETABLE = Timetable(AUDIT_PRUNING, "audit.schedule")


def pruning(database: Database) -> Pruning | None:
    """When old events are removed by themselves; None for never."""
    row = _TIMETABLE.row(database)
    if row is None:
        return None
    return Pruning(row["schedule"], int(row["hours"]), tuple(json.loads(row["keep"])), int(row["next_at"]))


def schedule(database: Database, wanted: Pruning | None) -> Pruning | None:
    """Let old events be removed by schedule from now on, or never.

    Raises:
        AuditPruneError, ScheduleInvalidError: something is not right.
    """
    if wanted is None:
        _TIMETABLE.keep(database, None, {}, {})
        return None
    before(wanted.hours)
    kept(wanted.keep)
    values = {"hours": wanted.hours, "keep": json.dumps(wanted.keep)}
    _TIMETABLE.keep(database, wanted.schedule, values, {"hours": wanted.hours, "keep": list(wanted.keep)})
    return pruning(database)


def due(database: Database) -> bool:
    """Whether the schedule wants old events removed now."""
    return _TIMETABLE.due(database)


def prune_due(database: Database) -> int:
    """Remove what the schedule wants removed now, if it does; returns how many events."""
    found = pruning(database)
    if found is None or found.next_at > now():
        return 0
    removed = prune(database, before(found.hours), found.keep)
    _TIMETABLE.turned(database, found.schedule)
    return removed


def planned(database: Database, before: int, keep: Sequence[str] = ()) -> dict[str, int]:
    """How many events of which kind `prune` would remove.

    Raises:
        AuditPruneError: no events are of one of those kinds.
    """
    with database.read() as connection:
        last = _last(connection, before)
        query = select(EVENT.c.kind, func.count()).where(EVENT.c.id <= last, not_(kept(keep)))
        rows = connection.execute(query.group_by(EVENT.c.kind).order_by(EVENT.c.kind)).all()
    return {str(kind): int(count) for kind, count in rows}


def prune(database: Database, before: int, keep: Sequence[str] = (), *, together: int = _TOGETHER) -> int:
    """Remove the events from before the time `before`; returns how many.

    Args:
        database: of the registry.
        before: in milliseconds since 1970.
        keep: kinds of events that stay.
        together: how many are removed in one transaction, each of which leaves a checkpoint.

    Raises:
        AuditPruneError: an event was not yet read by everybody who follows, or has no link; or no events are of one of
            those kinds.
    """
    stays = kept(keep)
    while behind(database, CHAIN):
        extend(database)
    with database.read() as connection:
        last = _last(connection, before)
        slowest = connection.execute(select(func.min(FOLLOWER.c.event_id))).scalar() or 0
    if slowest < last:
        raise AuditPruneError(f"not everybody has read event {last}")
    told = {"before": before, "kept": list(keep)}
    total = 0
    while count := database.write(partial(_prune, last=last, stays=stays, most=together, told=told)):
        total += count
    return total


def ask(jobs: Jobs, hours: int, keep: Sequence[str]) -> int | None:
    """Have a job remove what is older than so many hours; its number, None where one that was asked for waits already.

    Raises:
        AuditPruneError: that is no number of hours, or no events are of one of those kinds.
    """
    before(hours)
    kept(keep)
    return jobs.defer("prune", {"hours": hours, "keep": list(keep)}, key="asked prune")


def kept(keep: Sequence[str]) -> ColumnElement[bool]:
    """The condition that an event is of one of the kinds.

    Raises:
        AuditPruneError: one is no kind.
    """
    wrong = [each for each in keep if _KIND.fullmatch(each) is None]
    if wrong or len(keep) > _MOST_KINDS:
        what = f"keep: not a kind of events: {wrong[0][:100]!r}" if wrong else f"keep: at most {_MOST_KINDS} kinds"
        raise AuditPruneError(what, hint="Write kinds like push, quota.* or *.refused.")
    return or_(false(), *map(of_kind, keep))


def _last(connection: Connection, before: int) -> int:
    """The newest event that is old enough, together with all before it; 0 for none."""
    last = connection.execute(select(func.max(EVENT.c.id)).where(EVENT.c.at < before)).scalar()
    newer = connection.execute(select(func.min(EVENT.c.id)).where(EVENT.c.at >= before)).scalar()
    if last is not None and newer is not None:
        last = min(last, newer - 1)  # clocks are set back now and then; the order of the events counts
    return int(last or 0)


def _prune(connection: Connection, last: int, stays: ColumnElement[bool], most: int, told: dict[str, Any]) -> int:
    query = select(EVENT.c.id).where(EVENT.c.id <= last, not_(stays)).order_by(EVENT.c.id).limit(most)
    gone = [int(each) for each in connection.execute(query).scalars()]
    if not gone:
        return 0
    first, upto = gone[0], gone[-1]
    region = EVENT.c.id.between(first, upto)
    between = [int(each) for each in connection.execute(select(EVENT.c.id).where(region, stays)).scalars()]
    front = connection.execute(select(func.max(EVENT.c.id)).where(EVENT.c.id < first)).scalar() or 0
    behind_it = connection.execute(select(func.min(EVENT.c.id)).where(EVENT.c.id > upto)).scalar()
    beside = [each for each in gaps(connection) if front < each.last and (behind_it is None or each.last < behind_it)]
    made = _linked(connection, _runs(gone, between, beside, front))
    if beside:
        connection.execute(delete(AUDIT_GAP).where(AUDIT_GAP.c.last_id.between(beside[0].last, beside[-1].last)))
    begins, link = begin(connection)
    if not front:
        begins, link = made[0].last, made[0].hash
        made = made[1:]
    rows = [dict(zip(GAP_COLUMNS, each, strict=True)) for each in made]
    if rows:
        connection.execute(insert(AUDIT_GAP), rows)
    detail = {"removed": len(gone), **told, "seal": sealed(begins, link, gaps(connection))}
    # Before the removal: SQLite would give the numbers of a table that is empty out again.
    record(connection, PRUNED, reference=str(upto), detail=detail)
    removed = select(EVENT.c.id).where(region, not_(stays))
    connection.execute(delete(AUDIT_LINK).where(AUDIT_LINK.c.event_id.in_(removed)))
    connection.execute(delete(EVENT).where(region, not_(stays)))
    values = {"event_id": begins, "hash": link, "removed": len(gone), "at": now(), "actor": CALLER.get().name}
    connection.execute(insert(AUDIT_CHECKPOINT).values(values))
    return len(gone)


def _runs(gone: Sequence[int], between: Sequence[int], beside: Sequence[Gap], front: int) -> list[tuple[int, Gap]]:
    """What is gone without an event in between, as one gap; each with the event that it follows, 0 for none. Links that
    have to be looked up are empty.
    """
    places = [Gap(each, each, "", "", 1) for each in gone]
    stays = [Gap(each, each, "", "", 0) for each in between]
    made: list[tuple[int, Gap]] = []
    after, open_one = front, False
    for each in sorted([*places, *stays, *beside], key=lambda gap: gap.last):
        if not each.removed:
            after, open_one = each.last, False
        elif open_one:
            before = made[-1][1]
            whole = before._replace(last=each.last, hash=each.hash, removed=before.removed + each.removed)
            made[-1] = (after, whole)
        else:
            made.append((after, each))
            open_one = True
    return made


def _linked(connection: Connection, made: Sequence[tuple[int, Gap]]) -> list[Gap]:
    """The gaps with their links."""
    wanted = {after for after, gap in made if after and not gap.before} | {gap.last for _, gap in made if not gap.hash}
    known: dict[int, str] = {0: ""}  # what follows nothing is at the front, and becomes no gap
    numbers = sorted(wanted)
    for at in range(0, len(numbers), 500):
        query = select(AUDIT_LINK.c.event_id, AUDIT_LINK.c.hash)
        rows = connection.execute(query.where(AUDIT_LINK.c.event_id.in_(numbers[at : at + 500])))
        known |= {int(number): str(link) for number, link in rows}
    if missing := wanted - set(known):
        raise AuditPruneError(f"event {min(missing)} has no link")
    return [gap._replace(before=gap.before or known[after], hash=gap.hash or known[gap.last]) for after, gap in made]
