"""Patterns over the names of repositories, tags and claims: one grammar for everything that a server matches.

It is that of Harbor's rules (bmatcuk/doublestar): `*` and `?` stay within one part of a path, a part that is `**`
stands for any number of parts, none included, `[a-z]` and `[^a-z]` for one character, `{a,b}` for one of several, which
may have patterns in them, and a backslash takes a sign's meaning away. A `**` beside other signs is a `*`. A `!` before
all stands for whatever the rest does not: what Harbor's rules call excluding.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from dockyard.errors import UsageError

LONGEST = 512
_MOST_ALTERNATIVES = 100
_DEEPEST = 10
T = TypeVar("T")
_NOT = "!"
_PLAIN = re.compile(r"[^*?\[\]{}\\]*")


class GlobInvalidError(UsageError):
    """A pattern for repositories, tags or claims cannot be read: it is empty or too long, or a brace is open."""

    reference = "glob-invalid"
    hint = "Write names such as team/web, team/web-*, team/** (all below team), {main,v*} or !dev-* (all others)."


@dataclass(frozen=True, slots=True)
class _One:
    """One character: any, or one within the ranges, or one outside of them."""

    ranges: tuple[tuple[str, str], ...] = ()
    outside: bool = True

    def fits(self, char: str) -> bool:
        return any(low <= char <= high for low, high in self.ranges) is not self.outside


_STAR, _SLASH, _ANY = "*", "/", _One()
_Sign = str | _One
"""A character in a tuple's place of its own; `*` is the only one that is not itself, and a written one is a range."""
_Part = tuple[_Sign, ...]
_DEEP: _Part = (_STAR, _STAR)


@lru_cache(maxsize=16384)
def matches(pattern: str, text: str) -> bool:
    """Whether the pattern stands for the whole of `text`; one that cannot be read stands for nothing.

    Takes time in proportion to the product of both lengths at most.
    """
    if pattern.startswith(_NOT):
        try:
            read(pattern)
        except GlobInvalidError:
            return False
        return not matches(pattern[1:], text)
    if _PLAIN.fullmatch(pattern):
        return pattern == text and 0 < len(pattern) <= LONGEST and pattern.isprintable()
    if pattern == "**":
        return True
    if pattern.endswith("/**") and _PLAIN.fullmatch(pattern, 0, len(pattern) - 3):
        return text == pattern[:-3] or text.startswith(pattern[:-2])
    try:
        alternatives = read(pattern)
    except GlobInvalidError:
        return False
    places = text.split("/")
    return any(_fits(parts, places, _DEEP, _part_fits) for parts in alternatives)


def any_matches(patterns: Iterable[str], text: str) -> bool:
    """Whether one of the patterns does."""
    return any(matches(each, text) for each in patterns)


def plain(pattern: str) -> bool:
    """Whether the pattern can stand for one name only, which is the pattern itself."""
    return _PLAIN.fullmatch(pattern) is not None and not pattern.startswith(_NOT)


def checked(pattern: str) -> str:
    """The pattern itself.

    Raises:
        GlobInvalidError: it cannot be used.
    """
    read(pattern)
    return pattern


def of_repositories(pattern: str) -> str:
    """The pattern itself, if it can stand for repositories.

    Raises:
        GlobInvalidError: it cannot be used, or has capital letters, which no repository's name has.
    """
    if checked(pattern) != pattern.lower():
        raise GlobInvalidError(
            f"{pattern[:60]!r} has capital letters and would never fit: repositories' names have none",
            hint=f"Write it in lower case: {pattern.lower()[:200]}",
        )
    return pattern


def listed(text: str) -> list[str]:
    """The patterns in a text, which blanks, lines or commas separate; commas within braces do not."""
    found, depth = [""], 0
    for char in text:
        depth += (char == "{") - (char == "}")
        if char.isspace() or (char == "," and depth <= 0):
            found.append("")
        else:
            found[-1] += char
    return [each for each in found if each]


@lru_cache(maxsize=1024)
def read(pattern: str) -> tuple[tuple[_Part, ...], ...]:
    """The alternatives of a pattern, each as its parts; with a `!` before it, those that it does not stand for.

    Raises:
        GlobInvalidError: it is empty, too long, unprintable, has a brace or bracket without its other half, an empty or
            backward range, or more than a hundred alternatives.
    """
    if not pattern or len(pattern) > LONGEST or not pattern.isprintable():
        raise GlobInvalidError(f"not a pattern of 1 to {LONGEST} printable characters: {pattern[:60]!r}")
    positive = pattern.removeprefix(_NOT)
    if not positive or positive.startswith(_NOT):
        raise GlobInvalidError(f"one ! and nothing behind it, or another: {pattern[:60]!r}")
    found, at = _alternatives(positive, 0, 0)
    if at < len(positive):
        raise GlobInvalidError(f"a brace too much: {pattern[:60]!r}")
    return tuple(_parts(each) for each in found)


def _alternatives(pattern: str, at: int, depth: int) -> tuple[list[list[_Sign]], int]:
    """What the pattern means from `at` on, up to its end or, within braces, to the comma or brace that ends it."""
    found: list[list[_Sign]] = [[]]
    while at < len(pattern):
        char = pattern[at]
        if char == "}" or (char == "," and depth):
            break
        if char == "{":
            inner, at = _braces(pattern, at + 1, depth + 1)
            found = [[*before, *after] for before in found for after in inner]
            if len(found) > _MOST_ALTERNATIVES:
                raise GlobInvalidError(f"more than {_MOST_ALTERNATIVES} alternatives: {pattern[:60]!r}")
            continue
        sign: _Sign = char
        if char == "?":
            sign, at = _ANY, at + 1
        elif char == "[":
            sign, at = _range(pattern, at + 1)
        elif char == "\\":
            sign, at = _literal(pattern, at)
        else:
            at += 1
        for each in found:
            each.append(sign)
    return found, at


def _braces(pattern: str, at: int, depth: int) -> tuple[list[list[_Sign]], int]:
    """The alternatives within braces, and what comes after them."""
    found: list[list[_Sign]] = []
    while depth <= _DEEPEST:
        inner, at = _alternatives(pattern, at, depth)
        found += inner
        if at >= len(pattern) or len(found) > _MOST_ALTERNATIVES:
            break
        if pattern[at] == "}":
            return found, at + 1
        at += 1
    raise GlobInvalidError(f"an open brace, or too many alternatives: {pattern[:60]!r}")


def _range(pattern: str, at: int) -> tuple[_One, int]:
    """One character of several, from behind `[` on, and what comes after `]`."""
    outside = pattern[at : at + 1] in ("^", "!")
    at += outside
    ranges: list[tuple[str, str]] = []
    while at < len(pattern) and (pattern[at] != "]" or not ranges):
        low, at = _char(pattern, at)
        high = low
        if pattern[at : at + 1] == "-" and pattern[at + 1 : at + 2] not in ("]", ""):
            high, at = _char(pattern, at + 1)
        if high < low or _SLASH in (low, high):
            raise GlobInvalidError(f"not a range of characters: {low}-{high}")
        ranges.append((low, high))
    if at >= len(pattern):
        raise GlobInvalidError(f"an open bracket: {pattern[:60]!r}")
    return _One(tuple(ranges), outside), at + 1


def _char(pattern: str, at: int) -> tuple[str, int]:
    at += pattern[at] == "\\"
    if at >= len(pattern):
        raise GlobInvalidError(f"an open bracket: {pattern[:60]!r}")
    return pattern[at], at + 1


def _literal(pattern: str, at: int) -> tuple[_Sign, int]:
    char, after = _char(pattern, at)
    return (_One(((char, char),), False) if char == _STAR else char), after


def _parts(signs: Sequence[_Sign]) -> tuple[_Part, ...]:
    parts: list[list[_Sign]] = [[]]
    for sign in signs:
        if sign == _SLASH:
            parts.append([])
        else:
            parts[-1].append(sign)
    return tuple(tuple(each) for each in parts)


def _part_fits(part: _Part, text: str) -> bool:
    return _fits(part, text, _STAR, _sign_fits)


def _sign_fits(sign: _Sign, char: str) -> bool:
    return sign.fits(char) if isinstance(sign, _One) else sign == char


def _fits(pattern: Sequence[T], text: Sequence[str], star: T, fits: Callable[[T, str], bool]) -> bool:
    """Whether the pattern stands for the whole text, where `star` stands for any number of its elements."""
    at = place = 0
    last, behind = -1, 0
    while place < len(text):
        if at < len(pattern) and pattern[at] == star:
            last, behind = at, place
            at += 1
        elif at < len(pattern) and fits(pattern[at], text[place]):
            at += 1
            place += 1
        elif last >= 0:
            # The last star takes one more. What an earlier one could take instead, this one can take, too.
            behind += 1
            at, place = last + 1, behind
        else:
            return False
    return all(each == star for each in pattern[at:])
