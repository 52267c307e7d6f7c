"""What is done by a schedule of its own: kept, due, and taken up again after a change."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from dockyard.server.database import Database, open_database
from dockyard.server.schedule import ScheduleInvalidError
from dockyard.server.schema.events import EVENT
from dockyard.server.schema.trust import SCAN_SCHEDULE
from dockyard.server.timetable import Timetable

TIMETABLE = Timetable(SCAN_SCHEDULE, "scan.schedule")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = open_database("", tmp_path)
    yield found
    found.close()


def late(database: Database) -> None:
    database.write(lambda connection: connection.execute(update(SCAN_SCHEDULE).values(next_at=1)).rowcount)


def test_there_is_one_schedule_or_none_and_each_change_is_an_event(database: Database) -> None:
    assert TIMETABLE.row(database) is None
    for schedule in ("6h", "0 3 * * *"):
        TIMETABLE.keep(database, schedule, {"rematch": True}, {"rematch": True})
    row = TIMETABLE.row(database)
    assert row is not None
    assert (row["schedule"], row["rematch"]) == ("0 3 * * *", True)
    TIMETABLE.keep(database, None, {}, {})
    assert TIMETABLE.row(database) is None
    with database.read() as connection:
        told = connection.execute(select(EVENT.c.detail).where(EVENT.c.kind == "scan.schedule")).scalars().all()
    assert [json.loads(each)["schedule"] for each in told] == ["6h", "0 3 * * *", ""]


@pytest.mark.parametrize("schedule", ["", "often", "61 * * * *"])
def test_what_is_no_schedule_changes_nothing(database: Database, schedule: str) -> None:
    TIMETABLE.keep(database, "6h", {"rematch": False}, {})
    with pytest.raises(ScheduleInvalidError):
        TIMETABLE.keep(database, schedule, {"rematch": True}, {})
    row = TIMETABLE.row(database)
    assert row is not None
    assert row["schedule"] == "6h"


def test_a_turn_is_due_until_it_was_taken_by_the_schedule_that_is_in_force(database: Database) -> None:
    assert not TIMETABLE.due(database)
    TIMETABLE.keep(database, "6h", {"rematch": False}, {})
    assert not TIMETABLE.due(database)
    late(database)
    assert TIMETABLE.due(database)
    TIMETABLE.turned(database, "12h")  # that one has been replaced meanwhile
    assert TIMETABLE.due(database)
    TIMETABLE.turned(database, "6h")
    assert not TIMETABLE.due(database)
