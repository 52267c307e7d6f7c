"""When everything that is stored is looked at by itself."""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schedule import check, following
from dockyard.server.schema.trust import SCAN_SCHEDULE


@dataclass(frozen=True)
class ScanSchedule:
    """When everything is looked at by itself.

    Attributes:
        schedule: five fields as in crontab, in UTC, or a span such as 24h.
        rematch: match what was looked at already with the feed of then, too.
        next_at: the next time, in milliseconds since 1970.
    """

    schedule: str
    rematch: bool = False
    next_at: int = 0

    def to_json(self) -> dict[str, Any]:
        """As --json and the API show it."""
        return asdict(self)


def scheduled(database: Database) -> ScanSchedule | None:
    """When everything is looked at by itself; None for never."""
    with database.read() as connection:
        row = connection.execute(select(SCAN_SCHEDULE)).first()
    return None if row is None else ScanSchedule(row.schedule, bool(row.rematch), int(row.next_at))


def schedule(database: Database, wanted: ScanSchedule | None) -> ScanSchedule | None:
    """Let everything be looked at by schedule from now on, or never.

    Raises:
        ScheduleInvalidError: it is no schedule.
    """
    if wanted is not None:
        check(wanted.schedule)

    def work(connection: Connection) -> None:
        connection.execute(delete(SCAN_SCHEDULE))
        detail: dict[str, Any] = {"schedule": ""}
        if wanted is not None:
            detail = {"schedule": wanted.schedule, "rematch": wanted.rematch}
            connection.execute(insert(SCAN_SCHEDULE).values(id=1, **detail, next_at=following(wanted.schedule, now())))
        record(connection, "scan.schedule", detail=detail)

    database.write(work)
    return scheduled(database)


def due(database: Database) -> bool:
    """Whether the schedule wants everything looked at now."""
    with database.read() as connection:
        late = select(SCAN_SCHEDULE.c.id).where(SCAN_SCHEDULE.c.next_at <= now())
        return connection.execute(late).first() is not None


def turned(database: Database, found: ScanSchedule) -> None:
    """Note that a turn was taken; afterwards, so that what was cut off is taken up again."""
    at = following(found.schedule, now())
    mine = SCAN_SCHEDULE.c.schedule == found.schedule
    database.write(lambda connection: connection.execute(update(SCAN_SCHEDULE).where(mine).values(next_at=at)).rowcount)
