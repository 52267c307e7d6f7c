"""Robots, as `dockyard.server.access.robots` has them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from dockyard.cli.registry.remote.connection import Remote, part
from dockyard.server.access.principal import Permission, Principal
from dockyard.server.access.robots import Robot


def listing(remote: Remote, by: Principal, project: str, *, count: int) -> list[Robot]:
    """All of a project, or of the whole system."""
    return msgspec.convert(remote.every(_place(project)), list[Robot])


def add(
    remote: Remote,
    by: Principal,
    project: str,
    called: str,
    permissions: Sequence[Permission],
    *,
    description: str = "",
    expires_at: int | None = None,
) -> tuple[Robot, str]:
    """Make one; the text is its secret."""
    document = {
        "name": called,
        "permissions": allowed(permissions),
        "description": description,
        "expires_at": expires_at,
    }
    made = remote.ask("POST", _place(project), document)
    return msgspec.convert(made["robot"], Robot), str(made["secret"])


def change(
    remote: Remote,
    by: Principal,
    whole: str,
    *,
    permissions: Sequence[Permission] | None = None,
    expires_at: int | None = None,
    disabled: bool | None = None,
    description: str | None = None,
) -> Robot:
    """Change what is not None."""
    words = None if permissions is None else allowed(permissions)
    document = {
        "permissions": words,
        "expires_at": expires_at,
        "disabled": disabled,
        "description": description,
    }
    return msgspec.convert(remote.ask("PATCH", f"/robots/{part(whole)}", document), Robot)


def renew(remote: Remote, by: Principal, whole: str) -> str:
    """Give it another secret."""
    return str(remote.ask("POST", f"/robots/{part(whole)}/secret")["secret"])


def remove(remote: Remote, by: Principal, whole: str) -> None:
    """Remove one."""
    remote.ask("DELETE", f"/robots/{part(whole)}")


def _place(project: str) -> str:
    return f"/projects/{part(project)}/robots" if project else "/robots"


def allowed(permissions: Sequence[Permission]) -> list[dict[str, Any]]:
    """Permissions as the API takes them."""
    return [{"actions": sorted(each.actions), "repositories": list(each.repositories)} for each in permissions]
