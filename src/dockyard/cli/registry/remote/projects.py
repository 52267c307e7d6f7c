"""Projects, as `dockyard.server.access.projects` has them."""

import msgspec

from dockyard.cli.registry.remote.connection import Remote, part
from dockyard.server.access.principal import Principal
from dockyard.server.access.projects import Project


def listing(remote: Remote, by: Principal, *, count: int) -> list[Project]:
    """All that the caller may know of."""
    return msgspec.convert(remote.every("/projects"), list[Project])


def add(remote: Remote, by: Principal, called: str, *, public: bool = False) -> Project:
    """Make one."""
    return msgspec.convert(remote.ask("POST", "/projects", {"name": called, "public": public}), Project)


def get(remote: Remote, by: Principal, called: str) -> Project:
    """One of them."""
    return msgspec.convert(remote.ask("GET", f"/projects/{part(called)}"), Project)


def change(remote: Remote, by: Principal, called: str, *, public: bool) -> Project:
    """Open it to the public, or close it."""
    return msgspec.convert(remote.ask("PATCH", f"/projects/{part(called)}", {"public": public}), Project)


def remove(remote: Remote, by: Principal, called: str) -> None:
    """Remove one that has no images."""
    remote.ask("DELETE", f"/projects/{part(called)}")
