"""Members of projects, as `dockyard.server.access.members` has them."""

from collections.abc import Sequence

import msgspec

from dockyard.cli.registry.remote.connection import Remote, part
from dockyard.server.access.members import Member, Of
from dockyard.server.access.principal import Principal


def listing(remote: Remote, by: Principal, project: str) -> list[Member]:
    """All of them."""
    return msgspec.convert(remote.ask("GET", f"/projects/{part(project)}/members"), list[Member])


def put(
    remote: Remote,
    by: Principal,
    project: str,
    called: str,
    role: str,
    *,
    kind: Of = "user",
    repositories: Sequence[str] = (),
) -> Member:
    """Give a role."""
    path = f"/projects/{part(project)}/members/{kind}/{part(called)}"
    return msgspec.convert(remote.ask("PUT", path, {"role": role, "repositories": list(repositories)}), Member)


def remove(remote: Remote, by: Principal, project: str, called: str, *, kind: Of = "user") -> None:
    """Take it away."""
    remote.ask("DELETE", f"/projects/{part(project)}/members/{kind}/{part(called)}")
