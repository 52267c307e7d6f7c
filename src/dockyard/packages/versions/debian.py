"""Debian's version order (deb-version(7), Debian policy 5.6.12)."""

import re
from functools import cmp_to_key

_PIECES = re.compile(r"(\D*)(\d*)")


def compare(a: str, b: str) -> int:
    """-1, 0 or 1 as `a` is earlier than, equal to, or later than `b`. Any text is taken."""
    epoch_a, upstream_a, revision_a = _split(a)
    epoch_b, upstream_b, revision_b = _split(b)
    if epoch_a != epoch_b:
        return -1 if epoch_a < epoch_b else 1
    return _part(upstream_a, upstream_b) or _part(revision_a, revision_b)


key = cmp_to_key(compare)
"""For `sorted(versions, key=key)`."""


def _split(version: str) -> tuple[int, str, str]:
    epoch, colon, rest = version.strip().partition(":")
    if not colon or not epoch.isdigit():
        epoch, rest = "0", version.strip()
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return int(epoch), upstream, revision


def _part(a: str, b: str) -> int:
    pieces_a, pieces_b = _PIECES.findall(a), _PIECES.findall(b)
    for number in range(max(len(pieces_a), len(pieces_b))):
        text_a, digits_a = pieces_a[number] if number < len(pieces_a) else ("", "")
        text_b, digits_b = pieces_b[number] if number < len(pieces_b) else ("", "")
        weights_a, weights_b = [*map(_weight, text_a), 0], [*map(_weight, text_b), 0]
        if weights_a != weights_b:
            return -1 if weights_a < weights_b else 1
        value_a, value_b = int(digits_a or 0), int(digits_b or 0)
        if value_a != value_b:
            return -1 if value_a < value_b else 1
    return 0


def _weight(char: str) -> int:
    """A tilde sorts before the end (0), letters before everything else."""
    if char == "~":
        return -1
    return ord(char) if char.isascii() and char.isalpha() else ord(char) + 256
