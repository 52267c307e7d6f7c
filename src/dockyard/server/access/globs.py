"""Patterns for repositories and claims: `*` and `?` stay within one part of a path, `**` crosses slashes."""

import re
from collections.abc import Iterable
from functools import lru_cache

from dockyard.errors import UsageError

LONGEST = 512


class GlobInvalidError(UsageError):
    """A pattern for repositories or claims is empty, too long, or has odd characters."""

    reference = "glob-invalid"
    hint = "Write whole names such as team/web, team/web-* or team/**."


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.findall(r"\*\*+|\*|\?|[^*?]+", pattern)
    words = {"*": "[^/]*", "?": "[^/]"}
    text = "".join(".*" if each.startswith("**") else words.get(each) or re.escape(each) for each in parts)
    return re.compile(text, re.DOTALL)


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern stands for the whole of `text`. `team/**` is also `team` itself."""
    if pattern.endswith("/**") and matches(pattern[:-3], text):
        return True
    return _compiled(pattern).fullmatch(text) is not None


def any_matches(patterns: Iterable[str], text: str) -> bool:
    """Whether one of the patterns does."""
    return any(matches(each, text) for each in patterns)


def checked(pattern: str) -> str:
    """The pattern itself.

    Raises:
        GlobInvalidError: it cannot be used: empty, too long, unprintable, or with more than three stars.
    """
    # Each run of stars costs a factor of the text's length in the worst case.
    stars = len(re.findall(r"\*+", pattern))
    if not pattern or len(pattern) > LONGEST or not pattern.isprintable() or stars > 3:
        raise GlobInvalidError(f"not a pattern: {pattern[:60]!r}")
    return pattern
