"""File modes as `--chmod` takes them: octal, or symbolic as in POSIX chmod."""

import re

from dockyard.build.fault import place
from dockyard.dockerfile.node import Node
from dockyard.errors import UsageError

_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=][rwxXstugo]*)+)")
_STANDARD, _STICKY = 0o6777, 0o1000
_WHO = {"u": 0o4700, "g": 0o2070, "o": 0o0007, "a": _STANDARD}
_BITS = {"r": 0o444, "w": 0o222, "x": 0o111, "s": 0o6000, "t": _STICKY}


class ModeInvalidError(UsageError):
    """The value of --chmod is neither an octal mode up to 7777 nor a symbolic one."""

    reference = "mode-invalid"
    hint = "Write it like 0755, or like u=rwX,go=rX."


def octal(text: str) -> int | None:
    """The mode that `text` is where it is a number up to 7777 in octal; None for any other text."""
    return int(text, 8) if re.fullmatch("0*[0-7]{1,4}", text) else None


def changed(mode: int, text: str, *, folder: bool, node: Node) -> int:
    """The mode that `text` makes of `mode`. A symbolic X is x for folders and for what has any x already.

    Raises:
        ModeInvalidError: `text` is no mode.
    """
    number = octal(text)
    if number is not None:
        return number
    before = mode
    for clause in text.split(","):
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            raise ModeInvalidError(f"not a mode: {text!r}", context=place(node))
        who = 0
        for letter in match[1]:
            who |= _WHO[letter]
        for operator, letters in re.findall(r"([-+=])([rwxXstugo]*)", match[2]):
            who &= ~_STICKY
            others_only = bool(who) and not who & ~0o007
            current = mode
            if operator == "=":
                # A copy of a class's bits leaves setuid and setgid alone.
                mode &= ~(who or _STANDARD) | (0o7000 if set(letters) & set("ugo") else 0)
            for letter in letters:
                if letter in "ugo":
                    bits = current >> "ogu".index(letter) * 3 & 7
                    bits = bits * 0o111 & (who & 0o777 or 0o777)  # what that class has, for every class that is named
                elif letter == "X":
                    bits = _BITS["x"] & (who or 0o777) if folder or before & 0o111 else 0
                elif letter in "st" and others_only:
                    bits = 0  # neither means anything for others alone
                else:
                    bits = _BITS[letter] & (who | _STICKY if who else 0o7777)
                mode = mode & ~bits if operator == "-" else mode | bits
    return mode
