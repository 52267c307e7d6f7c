"""Go's durations, as HEALTHCHECK takes them: `1m30s`, `500ms`."""

import re

_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_PART = re.compile(r"(\d{0,18})(?:\.(\d{0,18}))?(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_MOST = 2**63 - 1


def nanoseconds(text: str) -> int:
    """The duration `text` in nanoseconds.

    Raises:
        ValueError: it is not a Go duration, or longer than 292 years.
    """
    sign = -1 if text.startswith("-") else 1
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    total = 0
    at = 0
    while at < len(rest):
        part = _PART.match(rest, at)
        if part is None or not (part[1] or part[2]):
            break
        unit = _UNITS[part[3]]
        total += int(part[1] or 0) * unit + int(part[2] or 0) * unit // 10 ** len(part[2] or "")
        at = part.end()
    if not rest or at < len(rest) or total > _MOST:
        raise ValueError(f"{text!r} is not a duration like 30s, 1m30s or 500ms")
    return sign * total
