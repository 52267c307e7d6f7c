"""Keyless rules, as `dockyard.server.access.keyless` has them."""

from collections.abc import Mapping, Sequence

import msgspec

from dockyard.cli.registry.remote.connection import Remote, part
from dockyard.cli.registry.remote.robots import allowed
from dockyard.server.access.keyless import Rule
from dockyard.server.access.principal import Permission, Principal


def listing(remote: Remote, by: Principal, project: str) -> list[Rule]:
    """All of a project, or of the whole system."""
    return msgspec.convert(remote.ask("GET", _place(project)), list[Rule])


def add(
    remote: Remote,
    by: Principal,
    project: str,
    called: str,
    *,
    issuer: str,
    audience: str,
    claims: Mapping[str, str],
    permissions: Sequence[Permission],
    lifetime: int = 900,
) -> Rule:
    """Make one."""
    document = {
        "name": called,
        "issuer": issuer,
        "audience": audience,
        "claims": dict(claims),
        "permissions": allowed(permissions),
        "lifetime": lifetime,
    }
    return msgspec.convert(remote.ask("POST", _place(project), document), Rule)


def change(remote: Remote, by: Principal, called: str, *, disabled: bool) -> Rule:
    """Switch one off or on."""
    return msgspec.convert(remote.ask("PATCH", f"/keyless/{part(called)}", {"disabled": disabled}), Rule)


def remove(remote: Remote, by: Principal, called: str) -> None:
    """Remove one."""
    remote.ask("DELETE", f"/keyless/{part(called)}")


def _place(project: str) -> str:
    return f"/projects/{part(project)}/keyless" if project else "/keyless"
