"""When everything that is stored is looked at by itself."""

from dataclasses import asdict, dataclass
from typing import Any

from dockyard.server.database import Database
from dockyard.server.schema.trust import SCAN_SCHEDULE
from dockyard.server.timetable import Timetable


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


_TIMETABLE = Timetable(SCAN_SCHEDULE, "scan.schedule")


def scheduled(database: Database) -> ScanSchedule | None:
    """When everything is looked at by itself; None for never."""
    row = _TIMETABLE.row(database)
    return None if row is None else ScanSchedule(row["schedule"], bool(row["rematch"]), int(row["next_at"]))


def schedule(database: Database, wanted: ScanSchedule | None) -> ScanSchedule | None:
    """Let everything be looked at by schedule from now on, or never.

    Raises:
        ScheduleInvalidError: it is no schedule.
    """
    values = {} if wanted is None else {"rematch": wanted.rematch}
    _TIMETABLE.keep(database, None if wanted is None else wanted.schedule, values, values)
    return scheduled(database)


def due(database: Database) -> bool:
    """Whether the schedule wants everything looked at now."""
    return _TIMETABLE.due(database)


def turned(database: Database, found: ScanSchedule) -> None:
    """Note that a turn was taken; afterwards, so that what was cut off is taken up again."""
    _TIMETABLE.turned(database, found.schedule)
