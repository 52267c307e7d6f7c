"""File modes as `--chmod` takes them: octal, or symbolic as in POSIX chmod."""

import re

from dockyard.build.fault import place
from dockyard.dockerfile.node import Node
from dockyard.errors import UsageError

_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=](?:[ugo]|[rwxXst]*))+)")
_WHO = {"u": 0o4700, "g": 0o2070, "o": 0o1007}
_BITS = {"r": 0o444, "w": 0o222, "x": 0o111, "s": 0o6000, "t": 0o1000}


class ModeInvalidError(UsageError):
    """The value of --chmod is neither an octal mode up to 7777 nor a symbolic one."""

    reference = "mode-invalid"
    hint = "Write it like 0755, or like u=rwX,go=rX."


def octal(text: str) -> int | None:
    """The mode that `text` is where it is a number up to 7777 in octal; None for any other text."""
    return int(text, 8) if re.fullmatch("[0-7]{1,5}", text) and int(text, 8) <= 0o7777 else None


def changed(mode: int, text: str, *, folder: bool, node: Node) -> int:
    """The mode that `text` makes of `mode`. A symbolic X is x for folders and for what has any x already.

    Raises:
        ModeInvalidError: `text` is no mode.
    """
    number = octal(text)
    if number is not None:
        return number
    for clause in text.split(","):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            raise ModeInvalidError(f"not a mode: {text!r}", context=place(node))
        who = sum(_WHO[each] for each in set(match[1].replace("a", "ugo") or "ugo"))
        for operator, letters in re.findall(r"([-+=])([ugo]|[rwxXst]*)", match[2]):
            bits = 0
            for letter in letters:
                if letter in "ugo":
                    bits |= (mode >> "ogu".index(letter) * 3 & 7) * 0o111  # what that class has, for everyone
                elif letter == "X":
                    bits |= _BITS["x"] if folder or mode & 0o111 else 0
                else:
                    bits |= _BITS[letter]
            bits &= who
            if operator == "+":
                mode |= bits
            elif operator == "-":
                mode &= ~bits
            else:
                mode = mode & ~(who & 0o777) | bits
    return mode
