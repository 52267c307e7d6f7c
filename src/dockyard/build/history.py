"""How an image's history tells values: as BuildKit does, which prints Go's own forms."""

from collections.abc import Sequence

from dockyard.dockerfile import node

_UNITS = (("h", 3600 * 10**9), ("m", 60 * 10**9))


def quoted(args: Sequence[str]) -> str:
    """A list of strings as Go's `%q` prints it: `["a" "b"]`."""
    return f"[{' '.join(map(node.quoted, args))}]"


def duration(nanoseconds: int) -> str:
    """A duration as Go prints it: `1m30s`, `500ms`, `0s`."""
    if nanoseconds == 0:
        return "0s"
    if nanoseconds < 10**9:
        for unit, size in (("ms", 10**6), ("µs", 10**3), ("ns", 1)):
            if nanoseconds >= size:
                return f"{_decimal(nanoseconds, size)}{unit}"
    text = ""
    for unit, size in _UNITS:
        count, nanoseconds = divmod(nanoseconds, size)
        if count or text:
            text += f"{count}{unit}"
    return f"{text}{_decimal(nanoseconds, 10**9)}s"


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    if not rest:
        return str(whole)
    return f"{whole}.{str(rest).zfill(len(str(unit)) - 1)}".rstrip("0")
