"""Ignore files: which paths of a build context do not take part.

Patterns are Go's `filepath.Match` plus `**`, judged like BuildKit's pattern matcher: a pattern matches a path or any
folder above it, `!` takes paths back in, the last match wins.
"""

import posixpath
import re
from collections.abc import Sequence
from operator import or_

import msgspec

from dockyard.dockerfile.regular import IgnorePatternError, bad, check, escape, go_class, in_class
from dockyard.dockerfile.spaces import strip

_CACHED_FOLDERS = 65_536


class Pattern(msgspec.Struct, frozen=True):
    """One pattern: its cleaned text, whether it takes paths back in, and what it matches."""

    text: str
    reinclude: bool
    matcher: re.Pattern[str]


class IgnoreRules:
    """The rules of one ignore file, in their order."""

    __slots__ = ("_folders", "_last_wins", "patterns")

    def __init__(self, patterns: tuple[Pattern, ...] = (), *, last_wins: bool = False) -> None:
        self.patterns = patterns
        self._last_wins = last_wins
        # Per folder: which patterns count as matched for what is in it, as BuildKit's walk has it, and which match it
        # or a folder above it. A walk asks for every file of a folder in turn.
        self._folders: dict[str, tuple[tuple[bool, ...], tuple[bool, ...]]] = {}

    @classmethod
    def parse(cls, raw: bytes) -> "IgnoreRules":
        """The rules in the bytes of a `.dockerignore`.

        Raises:
            IgnorePatternError: with the line.
        """
        patterns: list[Pattern] = []
        lines = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape").split("\n")
        for number, line in enumerate(lines, 1):
            if line.startswith("#") or not (text := strip(line)):
                continue
            inverted = text.startswith("!")
            text = strip(text[inverted:])
            if text:
                text = _cleaned(text)
                text = text[1:] if len(text) > 1 and text.startswith("/") else text
            try:
                patterns.append(_pattern("!" * inverted + text))
            except IgnorePatternError as error:
                raise IgnorePatternError(f"line {number}: {error.message}", context=error.context) from None
        return cls(tuple(patterns), last_wins=True)

    @classmethod
    def of(cls, patterns: Sequence[str]) -> "IgnoreRules":
        """The rules in a list of patterns, as for `COPY --exclude`.

        Raises:
            IgnorePatternError: one is not well formed.
        """
        return cls(tuple(_pattern(text) for text in (strip(each) for each in patterns) if text))

    def ignored(self, path: str) -> bool:
        """Whether `path` (relative to the context, with slashes) stays out."""
        folder = posixpath.dirname(path)
        below, whole = self._matches(folder) if folder not in ("", "/") else ((), ())
        # Of a file that its walk takes in, but the last match leaves out, BuildKit sends the name and nothing of what
        # is in it; here it stays out.
        return self._left_out(path, below) or (self._last_wins and below != whole and self._left_out(path, whole))

    def _left_out(self, path: str, above: tuple[bool, ...]) -> bool:
        verdict = False
        for number, pattern in enumerate(self.patterns):
            if pattern.reinclude != verdict:
                continue
            if (above and above[number]) or pattern.matcher.match(path):
                verdict = not pattern.reinclude
        return verdict

    def may_reinclude_below(self, path: str) -> bool:
        """Whether a walk has to descend into the ignored folder `path` because a `!` pattern could match inside."""
        parts = path.split("/")
        return any(pattern.reinclude and _reaches(pattern.text.split("/"), parts) for pattern in self.patterns)

    @property
    def negated(self) -> bool:
        """Whether any pattern is a `!` pattern."""
        return any(pattern.reinclude for pattern in self.patterns)

    def may_reach(self, path: str) -> bool:
        """Whether a pattern could match something below the folder `path`."""
        parts = path.split("/")
        return any(not pattern.reinclude and _reaches(pattern.text.split("/"), parts) for pattern in self.patterns)

    def _matches(self, folder: str) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
        found = self._folders.get(folder)
        if found is None:
            missing = [folder]
            none = (False,) * len(self.patterns)
            below, whole = none, none
            # Down from the nearest folder that is known: a loop, as a path may be thousands of folders deep.
            while (parent := posixpath.dirname(missing[-1])) not in ("", "/"):
                if parent in self._folders:
                    below, whole = self._folders[parent]
                    break
                missing.append(parent)
            if len(self._folders) > _CACHED_FOLDERS:
                self._folders.clear()
            for each in reversed(missing):
                here = [bool(pattern.matcher.match(each)) for pattern in self.patterns]
                whole = tuple(map(or_, whole, here))
                below = self._below(below, here)
                self._folders[each] = (below, whole)
            found = below, whole
        return found

    def _below(self, above: Sequence[bool], here: Sequence[bool]) -> tuple[bool, ...]:
        """Which patterns count as matched for what is in a folder that those of `here` match, and `above` one above.

        BuildKit does not look at one that could change nothing for the folder, and does not count it: with `*-a` and
        `!*-c`, what is in the folder `x-c` is not taken back in by the folder's name, as nothing had left that out.
        """
        verdict, found = False, []
        for pattern, counted, matched in zip(self.patterns, above, here, strict=True):
            counts = counted or (matched and pattern.reinclude == verdict)
            found.append(counts)
            if counts:
                verdict = not pattern.reinclude
        return tuple(found)


def _cleaned(path: str) -> str:
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def _pattern(text: str) -> Pattern:
    text = _cleaned(strip(text))
    inverted = text.startswith("!")
    text = text[inverted:]
    if not text:
        raise IgnorePatternError("a lone ! excludes nothing", context={"pattern": "!"})
    check(text)
    return Pattern(text, inverted, re.compile(expression(text, regular=_regular(text)), re.DOTALL))


def _regular(text: str) -> bool:
    """Whether BuildKit's matcher makes a regular expression of `text` instead of comparing beginnings and ends."""
    return not (_plain(text) or _plain(text.removesuffix("**")) or _plain(text.removeprefix("**")))


def _reaches(pattern: list[str], path: list[str]) -> bool:
    for wanted, part in zip(pattern, path, strict=False):
        if "**" in wanted:
            return True
        if re.compile(expression(wanted), re.DOTALL).match(part) is None:
            return False
    return True


def expression(pattern: str, *, regular: bool = False) -> str:
    """The regular expression that matches what `pattern` does, from beginning to end of a path.

    Args:
        pattern: the pattern, cleaned.
        regular: what the ignore matcher leaves to its regular expressions keeps their meaning: `^` is the beginning of
            the path, and a backslash before a letter does not stand for that letter.

    Raises:
        IgnorePatternError: the pattern is not well formed.
    """
    out: list[str] = []
    at = int(regular and pattern.startswith("\ufeff"))  # which BuildKit's scanner skips
    opened = False  # an atomic group is open: from a `**/` to the next one
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*" and pattern.startswith("*", at):
            first = at == 1
            at += 1
            slash = pattern.startswith("/", at)
            at += slash
            if at == len(pattern):
                out.append(".*")
                continue
            if first and not slash and _plain(pattern[at:]):
                out.append(".*")  # `**name` matches every path that ends so, even inside a name
                continue
            # The earliest place where the part up to the next `**` fits is as good as any, so it is never given up:
            # that keeps hostile patterns from taking exponential time.
            if "**" in pattern[at:]:
                out.append(")" * opened + "(?>(?:.*?/)??")
                opened = True
            else:
                out.append(")" * opened + "(?:.*/)?")
                opened = False
        elif char == "*":
            following = re.search(r"[*/]", pattern[at:])
            if following and following[0] == "*" and not _has_class_or_escape(pattern[at:]):
                end = at + following.start()
                piece = "".join("[^/]" if each == "?" else re.escape(each) for each in pattern[at:end])
                out.append(f"(?>[^/]*?{piece})")
                at = end
            else:
                out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "[":
            piece, at = go_class(pattern, at) if regular else _class(pattern, at)
            out.append(piece)
        elif char == "\\":
            if at == len(pattern) and regular:
                # BuildKit takes it for a backslash before the end of its expression: a dollar sign, and no end.
                return "".join(out) + ")" * opened + r"\$"
            if at == len(pattern):
                raise bad(pattern, "ends with a backslash")
            out.append(escape(pattern, pattern[at]) if regular else re.escape(pattern[at]))
            at += 1
        elif char == "^" and regular:
            out.append(r"\A")
        else:
            out.append(re.escape(char))
    return "".join(out) + ")" * opened + r"\Z"


def _plain(rest: str) -> bool:
    return not any(char in "*?[]\\" for char in rest)


def _has_class_or_escape(rest: str) -> bool:
    return "[" in rest or "\\" in rest


def _class(pattern: str, at: int) -> tuple[str, int]:
    """The bracket expression whose inside begins at `at`, and where it ends. A `]` has to be escaped, even as first."""
    negated = pattern.startswith("^", at)
    at += negated
    ranges: list[str] = []
    while not pattern.startswith("]", at) or not ranges:
        low, at = _member(pattern, at)
        high = low
        if pattern.startswith("-", at):
            high, at = _member(pattern, at + 1)
        # A range the wrong way round matches nothing.
        ranges.append(f"{in_class(low)}-{in_class(high)}" if low <= high else "")
        if at >= len(pattern):
            raise bad(pattern, "has an open bracket")
    inside = "".join(ranges)
    if not inside:
        return ("." if negated else "(?!)"), at + 1
    return f"[{'^' * negated}{inside}]", at + 1


def _member(pattern: str, at: int) -> tuple[str, int]:
    if at >= len(pattern):
        raise bad(pattern, "has an open bracket")
    if pattern[at] in "-]":
        raise bad(pattern, f"has {pattern[at]!r} in brackets where a backslash has to stand before it")
    at += pattern[at] == "\\"
    if at >= len(pattern):
        raise bad(pattern, "has an open bracket")
    return pattern[at], at + 1
