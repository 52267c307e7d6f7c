"""The fast path of a few commands: plain words, read without the parser, whose loading takes longer than a build of
which everything is known, or than fetching a small image. What is not plain, right or wrong, is left to the parser and
so to its words.
"""

from collections.abc import Mapping, Sequence
from typing import Any

_NAMES = {
    "-t": "tag",
    "--tag": "tag",
    "--label": "label",
    "-o": "output",
    "--output": "output",
    "-q": "quiet",
    "--quiet": "quiet",
    "--json": "json",
    "--push": "push",
    "--explain": "explain",
    "-f": "file",
    "--file": "file",
    "--build-arg": "build_arg",
    "--target": "target",
    "--progress": "progress",
    "--no-cache": "no_cache",
    "--pull": "pull",
}
_SWITCHES = frozenset({"quiet", "json", "push", "explain", "no_cache", "pull"})
_SEVERAL = frozenset({"tag", "label", "output", "build_arg"})
_FLAGS = frozenset({"file", "build_arg", "target", "progress", "no_cache", "pull"})


def plain(words: Sequence[str]) -> tuple[str, dict[str, Any], dict[str, Any]] | None:
    """The context, the function's other arguments and those of its `flags`; None where `words` are not plain."""
    folders: list[str] = []
    read: dict[str, Any] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        if not word.startswith("-"):
            folders.append(word)
            continue
        word, equals, value = word.partition("=")
        name = _NAMES.get(word)
        if name is None or (equals and (name in _SWITCHES or not word.startswith("--"))):
            return None
        if name in read and name not in _SEVERAL:
            return None
        if name in _SWITCHES:
            read[name] = True
            continue
        if not equals:
            value = left.pop(0) if left else ""
        if not value or value.startswith("-"):
            return None
        read[name] = [*read.get(name, ()), value] if name in _SEVERAL else value
    if len(folders) > 1 or "" in folders:
        return None
    own = {name: value for name, value in read.items() if name not in _FLAGS}
    return (folders or ["."])[0], own, {name: value for name, value in read.items() if name in _FLAGS}


def switched(words: Sequence[str], most: int, switches: Mapping[str, str]) -> tuple[list[str], set[str]] | None:
    """One to `most` names and the parameters whose switches are given; None where `words` are not plain."""
    names: list[str] = []
    given: set[str] = set()
    for word in words:
        if not word.startswith("-"):
            names.append(word)
        elif (found := switches.get(word)) is None or found in given:
            return None
        else:
            given.add(found)
    return (names, given) if 1 <= len(names) <= most and all(names) else None
