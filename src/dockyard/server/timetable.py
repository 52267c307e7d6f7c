"""What is done by itself by a schedule of its own, of which there is one or none."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, Table, delete, insert, select, update

from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schedule import check, following


class Timetable(NamedTuple):
    """Such a schedule, kept as the only row of a table.

    Attributes:
        table: has `id`, `schedule`, `next_at` in milliseconds since 1970, and what else belongs to it.
        kind: of the event that tells of a change.
    """

    table: Table
    kind: str

    def row(self, database: Database) -> RowMapping | None:
        """What is kept; None for never."""
        with database.read() as connection:
            return connection.execute(select(self.table)).mappings().first()

    def keep(
        self, database: Database, schedule: str | None, values: Mapping[str, Any], told: Mapping[str, Any]
    ) -> None:
        """Let it be done by `schedule` from now on, or never where that is None.

        Args:
            database: has the table.
            schedule: five fields as in crontab, in UTC, or a span such as 24h.
            values: of the further columns.
            told: the same as the event has it.

        Raises:
            ScheduleInvalidError: it is no schedule.
        """
        if schedule is not None:
            check(schedule)

        def work(connection: Connection) -> None:
            connection.execute(delete(self.table))
            detail: dict[str, Any] = {"schedule": schedule or ""}
            if schedule is not None:
                detail |= told
                whole = {**values, "id": 1, "schedule": schedule, "next_at": following(schedule, now())}
                connection.execute(insert(self.table).values(whole))
            record(connection, self.kind, detail=detail)

        database.write(work)

    def due(self, database: Database) -> bool:
        """Whether the schedule wants it done now."""
        with database.read() as connection:
            late = select(self.table.c.id).where(self.table.c.next_at <= now())
            return connection.execute(late).first() is not None

    def turned(self, database: Database, schedule: str) -> None:
        """Note that a turn was taken by `schedule`, if that is in force still; afterwards, so that what was cut off is
        taken up again.
        """
        turn = update(self.table).where(self.table.c.schedule == schedule).values(next_at=following(schedule, now()))
        database.write(lambda connection: connection.execute(turn).rowcount)
