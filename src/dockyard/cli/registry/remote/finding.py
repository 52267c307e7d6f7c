"""Finding things by their names, and images by what touches them, as `dockyard.server.browse` does."""

from collections.abc import Callable, Iterator

import msgspec

from dockyard.cli.registry.remote.connection import Remote, part
from dockyard.server.access.principal import Principal
from dockyard.server.browse.advisories import Advisory, Touched
from dockyard.server.browse.search import Found


def search(remote: Remote, by: Principal, sees: Callable[[str], bool], text: str, *, count: int) -> Found:
    """What has the text in its name, as far as the server lets the caller see it."""
    return msgspec.convert(remote.ask("GET", "/search", q=text, count=min(count, 100)), Found)


def advisories(remote: Remote, *, severity: str, count: int) -> list[Advisory]:
    """The advisories that touch stored images, however many there are."""
    return msgspec.convert(remote.every("/advisories", severity=severity), list[Advisory])


def exported(remote: Remote, project: str, sees: Callable[[str], bool]) -> Iterator[str]:
    """All findings of a project as CSV; of the repositories that the server lets the caller see."""
    return remote.lines(f"/projects/{part(project)}/findings/export.csv")


def rescan(remote: Remote, repository: str, reference: str) -> int | None:
    """Have an image looked at anew."""
    job: int | None = remote.ask("POST", f"/repositories/{part(repository)}/artifacts/{part(reference)}/scan")["job"]
    return job


def touched(remote: Remote, sees: Callable[[str], bool], advisory: str, *, count: int) -> list[Touched]:
    """The images that one touches, however many there are; of the repositories that the server lets the caller see."""
    return msgspec.convert(remote.every(f"/advisories/{part(advisory)}/images"), list[Touched])
