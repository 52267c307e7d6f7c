"""Semantic versions (SemVer 2.0.0), leniently: a leading `v`, and any number of numbers."""

import re

_VERSION = re.compile(
    r"[vV=]?\s*(?P<numbers>[0-9]+(?:\.[0-9]+)*)(?:-(?P<pre>[^+]*))?(?P<rest>[^+]*)(?:\+.*)?", re.DOTALL
)


def compare(a: str, b: str) -> int:
    """-1, 0 or 1 as `a` is earlier than, equal to, or later than `b`. Build metadata does not count."""
    numbers_a, pre_a = _split(a)
    numbers_b, pre_b = _split(b)
    length = max(len(numbers_a), len(numbers_b))
    numbers_a += [0] * (length - len(numbers_a))
    numbers_b += [0] * (length - len(numbers_b))
    if numbers_a != numbers_b:
        return -1 if numbers_a < numbers_b else 1
    if not pre_a or not pre_b:
        return (not pre_a) - (not pre_b)
    return _identifiers(pre_a, pre_b)


def _split(text: str) -> tuple[list[int], str]:
    match = _VERSION.fullmatch(text.strip())
    if match is None:
        return [], text.strip()
    return [int(each) for each in match["numbers"].split(".")], match["pre"] or match["rest"] or ""


def _identifiers(a: str, b: str) -> int:
    parts_a, parts_b = a.split("."), b.split(".")
    for left, right in zip(parts_a, parts_b, strict=False):
        numeric_left, numeric_right = left.isascii() and left.isdigit(), right.isascii() and right.isdigit()
        if numeric_left != numeric_right:
            return -1 if numeric_left else 1
        order = (int(left) > int(right)) - (int(left) < int(right)) if numeric_left else (left > right) - (left < right)
        if order:
            return order
    return (len(parts_a) > len(parts_b)) - (len(parts_a) < len(parts_b))
