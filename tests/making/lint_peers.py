"""Dockerfiles that a peer's linter judges, too, with the differences that are meant.

A case begins with a line `== name`, behind which `ours=` and `theirs=` hold what only one of the two says, as
`rule:line`; a file without FROM stands on `debian:12.8`.
"""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PeerCase:
    """One Dockerfile; `ours` and `theirs` are the findings that only one of the two has, `rule:line` each."""

    name: str
    text: str
    ours: frozenset[str]
    theirs: frozenset[str]


def peer_cases(path: Path) -> list[PeerCase]:
    """The cases of a file, in its order."""
    found: list[PeerCase] = []
    for part in re.split(r"(?m)^== ", path.read_text())[1:]:
        head, _, body = part.partition("\n")
        name, *words = head.split()
        said = dict(word.split("=", 1) for word in words)
        body = body.rstrip("\n") + "\n"
        if not re.search(r"(?mi)^FROM ", body):
            body = f"FROM debian:12.8\n{body}"
        ours, theirs = (frozenset(filter(None, said.get(side, "").split(","))) for side in ("ours", "theirs"))
        found.append(PeerCase(name, body, ours, theirs))
    return found
