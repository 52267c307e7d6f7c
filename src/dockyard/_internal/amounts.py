"""Amounts of bytes and time as people write and read them."""

import re

from dockyard.errors import UsageError

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def shown(count: int) -> str:
    """`count` bytes in decimal units: 0 B, 812 B, 3.4 MB, 250 MB."""
    value = float(count)
    for unit in _UNITS:
        if value < 999.5 or unit == _UNITS[-1]:
            break
        value /= 1000
    return f"{value:.0f} {unit}" if value >= 99.5 or unit == "B" else f"{value:.1f} {unit}"


def span(seconds: int) -> str:
    """A span of time in the largest unit of which there are two: 90 s, 2 m, 5 h, 3 d."""
    unit = next((each for each in ("d", "h", "m") if seconds >= 2 * _SPANS[each]), "s")
    return f"{seconds // _SPANS[unit]} {unit}"


def size(text: str, what: str = "", *, thousand: int = 1000) -> int:
    """The bytes that a text such as 500MB, 1.5g or 4096 means.

    Args:
        text: a number and a unit from k to p, in either case, with or without `B` or `iB`.
        what: the flag that it was given for, for the error.
        thousand: how much a k is: 1000, or 1024 where Docker's users mean that.

    Raises:
        UsageError: it is no size.
    """
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)\s*([kmgtp]?)i?b?", text.strip().lower(), re.ASCII)
    if match is None:
        raise UsageError(f"{what} {text!r} is not a size".strip(), hint="Write it like 64MB or 2g.")
    return int(float(match[1]) * thousand ** " kmgtp".index(match[2] or " "))


def seconds(text: str) -> int:
    """The seconds that a text such as 90m, 12h, 7d or 52w means.

    Raises:
        UsageError: it is no span of time.
    """
    match = re.fullmatch(r"(\d{1,9})([smhdw])", text.strip().lower(), re.ASCII)
    if match is None:
        raise UsageError(f"not a time: {text!r}", hint="Write it like 90m, 12h, 90d or 52w.")
    return int(match[1]) * _SPANS[match[2]]
