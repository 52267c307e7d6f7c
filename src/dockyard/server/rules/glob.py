"""Patterns over the names of repositories and tags, as Harbor's rules have them."""

import itertools
import re
from functools import lru_cache

from dockyard.errors import UsageError

_LONGEST = 500
_MOST_ALTERNATIVES = 100
_PART = re.compile(r"\*\*+|\*|\?|[^*?]", re.DOTALL)
_BRACES = re.compile(r"\{([^{}]*)\}")


class PatternInvalidError(UsageError):
    """A pattern of a rule cannot be read."""

    reference = "rule-pattern"
    hint = "* stands for anything but /, ** for anything, ? for one character, {a,b} for one of several."


@lru_cache(maxsize=8192)
def matches(pattern: str, text: str) -> bool:
    """Whether the whole of `text` is of the form `pattern`: `*` is anything but `/`, `**` anything, `?` one character
    but `/`, `{a,b}` one of several. Takes time in proportion to the product of both lengths at most.

    Raises:
        PatternInvalidError: the pattern is none.
    """
    return any(_fits(parts, text) for parts in read(pattern))


@lru_cache(maxsize=1024)
def read(pattern: str) -> tuple[tuple[str, ...], ...]:
    """The alternatives of a pattern, each as its parts.

    Raises:
        PatternInvalidError: stray or nested braces, nothing at all, too long, or too many alternatives.
    """
    if not 0 < len(pattern) <= _LONGEST:
        raise PatternInvalidError(f"a pattern has 1 to {_LONGEST} characters")
    pieces = _BRACES.split(pattern)
    if any("{" in each or "}" in each for each in pieces):
        raise PatternInvalidError(f"braces in braces, or only one of two: {pattern!r}")
    choices = [piece.split(",") if number % 2 else [piece] for number, piece in enumerate(pieces)]
    found = tuple(itertools.islice(itertools.product(*choices), _MOST_ALTERNATIVES + 1))
    if len(found) > _MOST_ALTERNATIVES:
        raise PatternInvalidError(f"more than {_MOST_ALTERNATIVES} alternatives: {pattern[:100]!r}")
    return tuple(tuple(_PART.findall("".join(each))) for each in found)


def _fits(parts: tuple[str, ...], text: str) -> bool:
    # Every place in the pattern that the text read so far can have led to.
    places = _onward(parts, {0})
    for char in text:
        following = set()
        for at in places:
            if at == len(parts):
                continue
            part = parts[at]
            if part[0] == "*":
                if len(part) > 1 or char != "/":
                    following.add(at)
            elif part == char or (part == "?" and char != "/"):
                following.add(at + 1)
        places = _onward(parts, following)
        if not places:
            return False
    return len(parts) in places


def _onward(parts: tuple[str, ...], places: set[int]) -> set[int]:
    """The places, and those behind stars that stand for nothing."""
    found = set(places)
    for at in places:
        while at < len(parts) and parts[at][0] == "*":
            at += 1
            found.add(at)
    return found
