"""Groups, as `dockyard.server.access.groups` has them."""

from collections.abc import Iterable

import msgspec

from dockyard.cli.registry.remote.connection import Remote, part
from dockyard.server.access.groups import Group
from dockyard.server.access.principal import Principal


def listing(remote: Remote, by: Principal, *, count: int) -> list[Group]:
    """All groups."""
    return msgspec.convert(remote.every("/groups"), list[Group])


def add(remote: Remote, by: Principal, called: str) -> Group:
    """Make one."""
    return msgspec.convert(remote.ask("POST", "/groups", {"name": called}), Group)


def change(remote: Remote, by: Principal, called: str, *, join: Iterable[str] = (), leave: Iterable[str] = ()) -> Group:
    """Let accounts join and leave one."""
    document = {"join": list(join), "leave": list(leave)}
    return msgspec.convert(remote.ask("PATCH", f"/groups/{part(called)}", document), Group)


def remove(remote: Remote, by: Principal, called: str) -> None:
    """Remove one."""
    remote.ask("DELETE", f"/groups/{part(called)}")
