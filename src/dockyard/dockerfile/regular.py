"""What BuildKit's ignore matcher leaves to Go: which patterns it refuses, and what its regular expressions mean."""

import re

from dockyard.errors import UsageError


class IgnorePatternError(UsageError):
    """A pattern of an ignore file (or of COPY --exclude) is not well formed: an open bracket, a backslash at the end, a
    lone exclamation mark.
    """

    reference = "ignore-pattern-invalid"
    hint = "Patterns know * ? [a-z] [^a-z] ** and a backslash before a character that stands for itself."


def bad(pattern: str, why: str) -> IgnorePatternError:
    """The error about a pattern."""
    shown = pattern[:120].encode("utf-8", "replace").decode()
    return IgnorePatternError(f"the pattern {shown!r} {why}", context={"pattern": shown})


def check(pattern: str) -> None:
    """Refuse what Go's `filepath.Match` refuses when it compares the pattern with the path `.`.

    That is BuildKit's only check. Match stops at the first part between asterisks that does not fit, so what is wrong
    behind that is not seen.

    Raises:
        IgnorePatternError: it is refused.
    """
    name, at = ".", 0
    while at < len(pattern):
        star = pattern.startswith("*", at)
        while pattern.startswith("*", at):
            at += 1
        end = _end(pattern, at)
        part, at = pattern[at:end], end
        if star and not part:
            return
        fits, rest = _fits(pattern, part, name)
        if not (fits and (not rest or at < len(pattern))):
            # The asterisk may stand for the dot: once more with nothing.
            fits, rest = _fits(pattern, part, "") if star and name else (False, "")
            if not fits:
                return
        name = rest


def _end(pattern: str, at: int) -> int:
    """Where the part that begins at `at` ends: at an asterisk outside of brackets."""
    inside = False
    while at < len(pattern) and (inside or pattern[at] != "*"):
        if pattern[at] == "\\":
            at += 1
        elif pattern[at] in "[]":
            inside = pattern[at] == "["
        at += 1
    return min(at, len(pattern))


def _fits(pattern: str, part: str, name: str) -> tuple[bool, str]:
    """Whether `name`, a dot or nothing, begins with what `part` says, and what of it is left. All of `part` is read."""
    failed = False
    at = 0
    while at < len(part):
        failed = failed or not name
        char, at = part[at], at + 1
        if char == "[":
            within, at = _bracket(pattern, part, at)
            failed = failed or not within
        elif char == "\\" and at == len(part):
            raise bad(pattern, "ends with a backslash")
        else:
            if char == "\\":
                char, at = "\\" + part[at], at + 1
            failed = failed or char not in (".", "?", "\\.")
        name = ""
    return not failed, name


def _bracket(pattern: str, part: str, at: int) -> tuple[bool, int]:
    """Whether the class whose inside begins at `at` has the dot, and where it ends."""
    negated = part.startswith("^", at)
    at += negated
    within, empty = False, True
    while empty or not part.startswith("]", at):
        low, at = _member(pattern, part, at)
        high = low
        if part.startswith("-", at):
            high, at = _member(pattern, part, at + 1)
        within, empty = within or low <= "." <= high, False
    return within != negated, at + 1


def _member(pattern: str, part: str, at: int) -> tuple[str, int]:
    if part[at : at + 1] in ("", "-", "]"):
        raise bad(pattern, "has an open bracket, or - or ] in brackets without a backslash before it")
    at += part[at] == "\\"
    if at + 1 >= len(part):
        raise bad(pattern, "has an open bracket")
    return part[at], at + 1


# What Go's regular expressions understand by a backslash and a letter.
_ESCAPES = {
    "a": r"\x07",
    "f": r"\x0c",
    "n": r"\n",
    "r": r"\r",
    "t": r"\t",
    "v": r"\x0b",
    "A": r"\A",
    "z": r"\Z",
    "d": "[0-9]",
    "D": "[^0-9]",
    "s": r"[\t\n\x0c\r ]",
    "S": r"[^\t\n\x0c\r ]",
    "w": "[0-9A-Za-z_]",
    "W": "[^0-9A-Za-z_]",
    "b": r"(?a:\b)",
    "B": r"(?a:\B)",
}
_SINGLE = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_SETS = {"d": "0-9", "s": r"\t\n\x0c\r\x20", "w": "0-9A-Za-z_", "D": r"\D", "S": r"\S", "W": r"\W"}


def escape(pattern: str, char: str) -> str:
    """What a backslash before `char` means outside of brackets.

    Raises:
        IgnorePatternError: nothing.
    """
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isalnum() or not char.isascii():
        raise bad(pattern, f"has a backslash before {char!r}, which means nothing")
    return re.escape(char)


def go_class(pattern: str, at: int) -> tuple[str, int]:
    """The bracket expression whose inside begins at `at` as Go's regular expressions read it, and where it ends.

    Other than to `filepath.Match`, a `]` that stands first and a `-` at either end mean themselves, and a range the
    wrong way round is an error.

    Raises:
        IgnorePatternError: it is none.
    """
    negated = pattern.startswith("^", at)
    at += negated
    ranges: list[str] = []
    while not ranges or not pattern.startswith("]", at):
        if pattern.startswith("\\", at) and pattern[at + 1 : at + 2] in _SETS:
            ranges.append(_SETS[pattern[at + 1]])
            at += 2
            continue
        low, at = _single(pattern, at)
        high = low
        if pattern.startswith("-", at) and not pattern.startswith("-]", at):
            high, at = _single(pattern, at + 1)
        if low > high:
            raise bad(pattern, f"has the range {low}-{high}, which is the wrong way round")
        ranges.append(f"{in_class(low)}-{in_class(high)}")
    return f"(?a:[{'^' * negated}{''.join(ranges)}])", at + 1


def _single(pattern: str, at: int) -> tuple[str, int]:
    char = pattern[at : at + 1]
    if char == "\\":
        at += 1
        char = pattern[at : at + 1]
        if char.isalnum() and char not in _SINGLE:
            raise bad(pattern, f"has a backslash before {char!r}, which means nothing")
        char = _SINGLE.get(char, char)
    if not char:
        raise bad(pattern, "has an open bracket")
    return char, at + 1


def in_class(char: str) -> str:
    """A character inside brackets, as a number, so that no pair of characters can mean a set operation."""
    return f"\\U{ord(char):08x}"
