"""Alpine's version order, as apk-tools compares: token by token, malformed versions included."""

import re

# The kinds of token in their order; where two versions are equal so far, the later kind belongs to the earlier version.
_DIGIT_OR_ZERO, _DIGIT, _LETTER, _SUFFIX, _SUFFIX_NUMBER, _REVISION, _END, _INVALID = range(8)
_BEFORE = ("alpha", "beta", "pre", "rc")
_AFTER = ("cvs", "svn", "git", "hg", "p")
_DIGITS = re.compile(r"[0-9]*")


def compare(a: str, b: str) -> int:
    """-1, 0 or 1 as `a` is earlier than, equal to, or later than `b`. Any text is taken."""
    left, right = _Tokens(a), _Tokens(b)
    value_left = value_right = 0
    while left.kind == right.kind and left.kind not in (_END, _INVALID) and value_left == value_right:
        value_left, value_right = left.next(), right.next()
    if value_left != value_right:
        return -1 if value_left < value_right else 1
    if left.kind == right.kind:
        return 0
    # One goes on: that makes it later, unless what follows marks it as a preview.
    if left.kind == _SUFFIX and left.next() < 0:
        return -1
    if right.kind == _SUFFIX and right.next() < 0:
        return 1
    kind_left, kind_right = left.sound_kind(), right.sound_kind()
    return (kind_left < kind_right) - (kind_left > kind_right)


class _Tokens:
    def __init__(self, text: str) -> None:
        self._text = text
        self.kind = _DIGIT

    def next(self) -> int:
        """The value of the current token; afterwards `kind` is that of the one behind it."""
        text = self._text
        if not text:
            self.kind = _END
            return 0
        following = None
        if self.kind == _DIGIT_OR_ZERO and text[0] == "0":
            # A component with leading zeros is a fraction: the more zeros, the smaller.
            length = len(text) - len(text.lstrip("0"))
            value, following = -length, _DIGIT
        elif self.kind in (_DIGIT_OR_ZERO, _DIGIT, _SUFFIX_NUMBER, _REVISION):
            match = _DIGITS.match(text)
            digits = match[0] if match else ""
            value, length = int(digits or 0), len(digits)
        elif self.kind == _LETTER:
            value, length = ord(text[0]), 1
        elif self.kind == _SUFFIX and (found := _suffix(text)) is not None:
            value, length = found
        else:
            self.kind = _INVALID
            return -1
        self._text = text[length:]
        if not self._text:
            self.kind = _END
        elif following is not None:
            self.kind = following
        else:
            self._advance()
        return value

    def _advance(self) -> None:
        first, kind, before = self._text[0], _INVALID, self.kind
        digit = first.isascii() and first.isdigit()
        if before in (_DIGIT, _DIGIT_OR_ZERO) and first.isascii() and first.islower():
            kind = _LETTER
        elif before == _LETTER and digit:
            kind = _DIGIT
        elif before == _SUFFIX and digit:
            kind = _SUFFIX_NUMBER
        else:
            skip = 1
            if first == ".":
                kind = _DIGIT_OR_ZERO
            elif first == "_":
                kind = _SUFFIX
            elif self._text.startswith("-r"):
                kind, skip = _REVISION, 2
            self._text = self._text[skip:]
        backwards = (kind, before) in ((_DIGIT_OR_ZERO, _DIGIT), (_SUFFIX, _SUFFIX_NUMBER), (_DIGIT, _LETTER))
        self.kind = _INVALID if kind < before and not backwards else kind

    def sound_kind(self) -> int:
        """The current kind, or that of what is malformed where a number should stand and none does."""
        if self.kind in (_DIGIT_OR_ZERO, _REVISION) and not (self._text[:1].isascii() and self._text[:1].isdigit()):
            return _INVALID
        return self.kind


def _suffix(text: str) -> tuple[int, int] | None:
    for number, word in enumerate(_BEFORE):
        if text.startswith(word):
            return number - len(_BEFORE), len(word)
    for number, word in enumerate(_AFTER):
        if text.startswith(word):
            return number, len(word)
    return None
