"""When a schedule wants to run: five fields as in crontab, in UTC, or a span such as 6h."""

import re
from datetime import UTC, datetime, timedelta

from dockyard.errors import UsageError

_SPAN = re.compile(r"(\d{1,5})([mhd])")
_UNITS = {"m": 60, "h": 3600, "d": 86_400}
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
_PART = re.compile(r"(?:(\*)|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?")
_YEARS = 5


class ScheduleInvalidError(UsageError):
    """A schedule is neither five fields as in crontab nor a span."""

    reference = "schedule-invalid"
    hint = 'Write it like "30 2 * * *" (every night at half past two, UTC) or 6h.'


def check(text: str) -> str:
    """The schedule itself.

    Raises:
        ScheduleInvalidError: it is none, or there is no day that it fits.
    """
    following(text, 0)
    return text


def following(text: str, after: int) -> int:
    """The first time after `after` that the schedule wants; milliseconds since 1970.

    Raises:
        ScheduleInvalidError: it is none, or there is no day that it fits.
    """
    span = _SPAN.fullmatch(text)
    if span is not None and int(span[1]) > 0:
        return after + int(span[1]) * _UNITS[span[2]] * 1000
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise ScheduleInvalidError(f"not a schedule: {text[:100]!r}")
    minutes, hours, days, months, weekdays = (
        _field(field, *bounds) for field, bounds in zip(fields, _FIELDS, strict=True)
    )
    weekdays = {each % 7 for each in weekdays}
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    at = datetime.fromtimestamp(after // 60_000 * 60, UTC) + timedelta(minutes=1)
    last = at + timedelta(days=366 * _YEARS)
    while at < last:
        in_days, in_weekdays = at.day in days, at.isoweekday() % 7 in weekdays
        # As in crontab: where both are given, one of them is enough.
        if at.month not in months or not ((in_days or in_weekdays) if either else (in_days and in_weekdays)):
            at = at.replace(hour=0, minute=0) + timedelta(days=1)
        elif at.hour not in hours:
            at = at.replace(minute=0) + timedelta(hours=1)
        elif at.minute not in minutes:
            at += timedelta(minutes=1)
        else:
            return int(at.timestamp() * 1000)
    raise ScheduleInvalidError(f"no day fits {text[:100]!r}")


def _field(text: str, name: str, least: int, most: int) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ScheduleInvalidError(f"not a {name}: {text[:40]!r}")
        step = int(match[4] or 1)
        begin = least if match[1] else int(match[2])
        end = most if match[1] or (match[4] and not match[3]) else int(match[3] or match[2])
        if not least <= begin <= end <= most or step < 1:
            raise ScheduleInvalidError(f"not a {name}: {text[:40]!r}")
        found |= set(range(begin, end + 1, step))
    return found
