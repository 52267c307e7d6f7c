"""Python's version order (PEP 440); what is no such version sorts before all that are, by setuptools' old rules."""

import re
from typing import Any

_VERSION = re.compile(
    r"v?(?:(?P<epoch>[0-9]+)!)?(?P<release>[0-9]+(?:\.[0-9]+)*)"
    r"(?:[-_.]?(?P<pre>alpha|beta|preview|pre|a|b|c|rc)[-_.]?(?P<pre_number>[0-9]+)?)?"
    r"(?:-(?P<post_bare>[0-9]+)|[-_.]?(?P<post>post|rev|r)[-_.]?(?P<post_number>[0-9]+)?)?"
    r"(?:[-_.]?(?P<dev>dev)[-_.]?(?P<dev_number>[0-9]+)?)?"
    r"(?:\+(?P<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?"
)
_PRE = {"a": "a", "alpha": "a", "b": "b", "beta": "b", "c": "rc", "rc": "rc", "pre": "rc", "preview": "rc"}
_LEGACY = re.compile(r"([0-9]+|[a-z]+|\.|-)")
_LEGACY_WORDS = {"pre": "c", "preview": "c", "-": "final-", "rc": "c", "dev": "@"}


def compare(a: str, b: str) -> int:
    """-1, 0 or 1 as `a` is earlier than, equal to, or later than `b`. Any text is taken."""
    left, right = _key(a), _key(b)
    return int(left > right) - int(left < right)


def _key(text: str) -> Any:
    text = text.strip().lower()
    match = _VERSION.fullmatch(text)
    if match is None:
        return (-1, _legacy(text))
    release = [int(part) for part in match["release"].split(".")]
    while release and release[-1] == 0:
        release.pop()
    pre: tuple[int, str, int]
    has_post = match["post"] is not None or match["post_bare"] is not None
    if match["pre"] is not None:
        pre = (0, _PRE[match["pre"]], int(match["pre_number"] or 0))
    elif match["dev"] is not None and not has_post:
        pre = (-1, "", 0)  # 1.0.dev1 is before 1.0a1
    else:
        pre = (1, "", 0)
    post = int(match["post_bare"] or match["post_number"] or 0) if has_post else -1
    dev = (0, int(match["dev_number"] or 0)) if match["dev"] is not None else (1, 0)
    local: tuple[tuple[int, int, str], ...] = ((-1, 0, ""),)
    if match["local"] is not None:
        parts = re.split(r"[-_.]", match["local"])
        local = tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)
    return (int(match["epoch"] or 0), tuple(release), pre, post, dev, local)


def _legacy(text: str) -> tuple[str, ...]:
    parts: list[str] = []
    for part in [*_LEGACY.split(text), "final"]:
        word = _LEGACY_WORDS.get(part, part)
        if not word or word == ".":
            continue
        if word[0] in "0123456789":
            parts.append(word.zfill(8))
            continue
        word = f"*{word}"
        if word < "*final":
            while parts and parts[-1] == "*final-":
                parts.pop()
        while parts and parts[-1] == "00000000":
            parts.pop()
        parts.append(word)
    return tuple(parts)
