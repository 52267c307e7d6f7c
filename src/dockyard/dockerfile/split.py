"""Cutting one logical line into keyword, flags and words, by BuildKit's rules."""

import json

from dockyard._internal.wellformed import wellformed
from dockyard.dockerfile.spaces import BETWEEN_WORDS, SPACES, strip


class NotStringsError(ValueError):
    """A JSON array holds something other than strings."""


def split_command(line: str, escape: str) -> tuple[str, tuple[str, ...], str]:
    """The keyword as written, the flags and the rest of a logical line; `escape` hides what follows it in flags."""
    parts = BETWEEN_WORDS.split(strip(line), maxsplit=1)
    if len(parts) == 1:
        return parts[0], (), ""
    flags, rest = split_flags(parts[1], escape)
    return parts[0], tuple(flags), strip(rest)


def split_flags(line: str, escape: str) -> tuple[list[str], str]:
    """The leading words that begin with `--`, unquoted, and what follows them; a lone `--` ends them.

    BuildKit reads flags byte by byte and takes each byte for a character: what is not ASCII comes out as other letters,
    and never names the file or user that it should. The same here, so that the same files are taken.
    """
    if line.isascii():
        return _split_flags(line, escape)
    flags, rest = _split_flags(line.encode("utf-8", "surrogateescape").decode("latin-1"), escape)
    return flags, rest.encode("latin-1").decode("utf-8", "surrogateescape")


def _split_flags(line: str, escape: str) -> tuple[list[str], str]:
    flags: list[str] = []
    at = 0
    while True:
        while at < len(line) and line[at] in SPACES:
            at += 1
        if not line.startswith("--", at):
            return flags, line[at:]
        word, at = _flag(line, at, escape)
        if word == "--":
            return flags, line[at:]
        flags.append(word)


def _flag(line: str, at: int, escape: str) -> tuple[str, int]:
    word: list[str] = []
    quote = ""
    while at < len(line):
        char = line[at]
        if not quote and char in SPACES:
            break
        if char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        elif char == escape:
            # An escape character at the very end is dropped; elsewhere it makes the next character literal.
            at += 1
            word.append(line[at : at + 1])
        else:
            word.append(char)
        at += 1
    return "".join(word), at


def split_words(line: str, escape: str) -> list[str]:
    """The words of `line`; quotes and escapes keep white space together and stay in the words."""
    words: list[str] = []
    word: list[str] = []
    quote = ""
    at = 0
    while at < len(line):
        char = line[at]
        if not quote and char in SPACES:
            if word:
                words.append("".join(word))
            word = []
        elif char == escape and quote != "'":
            # At the end of the line the escape character is dropped: it has nothing to escape.
            if at + 1 < len(line):
                word.append(line[at : at + 2])
            at += 1
        else:
            if char == quote:
                quote = ""
            elif not quote and char in "'\"":
                quote = char
            word.append(char)
        at += 1
    if word:
        words.append("".join(word))
    return words


def json_strings(text: str) -> list[str] | None:
    """The strings of the JSON array `text`, or None where it is not a JSON array.

    Raises:
        NotStringsError: it is one, but not of strings only.
    """
    text = text.lstrip(SPACES)
    if not text.startswith("["):
        return None
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise NotStringsError from error
    except ValueError:
        return None
    if not all(isinstance(item, str) for item in document):
        raise NotStringsError
    return [wellformed(item) for item in document]


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
