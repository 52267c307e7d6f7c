"""Finding things by their names, and images by what touches them, as `dockyard.server.browse` does."""

from collections.abc import Callable, Iterator

import msgspec

from dockyard.cli.remote.connection import Remote, part
from dockyard.server.browse.advisories import Advisory, Touched
from dockyard.server.browse.search import Found


def search(remote: Remote, text: str, count: int) -> Found:
    """What has the text in its name."""
    return msgspec.convert(remote.ask("GET", "/search", q=text, count=min(count, 100)), Found)


def advisories(remote: Remote, severity: str) -> list[Advisory]:
    """The advisories that touch stored images."""
    return msgspec.convert(remote.every("/advisories", severity=severity), list[Advisory])


def exported(remote: Remote, project: str, sees: Callable[[str], bool]) -> Iterator[str]:
    """All findings of a project as CSV; of the repositories that the server lets the caller see."""
    return remote.lines(f"/projects/{part(project)}/findings/export.csv")


def rescan(remote: Remote, repository: str, reference: str) -> int | None:
    """Have an image looked at anew."""
    job: int | None = remote.ask("POST", f"/repositories/{part(repository)}/artifacts/{part(reference)}/scan")["job"]
    return job


def touched(remote: Remote, advisory: str) -> list[Touched]:
    """The images that one touches."""
    return msgspec.convert(remote.every(f"/advisories/{part(advisory)}/images"), list[Touched])
