"""Schedules as crontab has them."""

from datetime import UTC, datetime

import pytest

from dockyard.server.schedule import ScheduleInvalidError, check, following


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("30 2 * * *", "2024-02-28 03:00", "2024-02-29 02:30"),
        ("30 2 * * *", "2024-02-28 02:30", "2024-02-29 02:30"),
        ("*/15 * * * *", "2024-01-01 00:14:59", "2024-01-01 00:15"),
        ("0 0 1 1 *", "2024-01-01 00:00", "2025-01-01 00:00"),
        ("0 12 * * 1-5", "2024-03-01 12:00", "2024-03-04 12:00"),
        ("0 12 * * 7", "2024-03-01 12:00", "2024-03-03 12:00"),
        ("0 0 13 * 5", "2024-03-02 00:00", "2024-03-08 00:00"),
        ("0 0 29 2 *", "2024-03-01 00:00", "2028-02-29 00:00"),
        ("5,10-12 3 * * *", "2024-01-01 03:10", "2024-01-01 03:11"),
        ("6h", "2024-01-01 00:00", "2024-01-01 06:00"),
        ("1d", "2024-01-01 00:00", "2024-01-02 00:00"),
    ],
)
def test_the_next_time_is_the_first_that_fits(schedule: str, after: str, expected: str) -> None:
    assert following(schedule, at(after)) == at(expected)


@pytest.mark.parametrize(
    "schedule",
    [
        "",
        "* * * *",
        "60 * * * *",
        "* * 0 * *",
        "a * * * *",
        "* * * * 8",
        "5-1 * * * *",
        "*/0 * * * *",
        "0 0 31 2 *",
        "0h",
    ],
)
def test_what_is_no_schedule_is_refused(schedule: str) -> None:
    with pytest.raises(ScheduleInvalidError):
        check(schedule)
