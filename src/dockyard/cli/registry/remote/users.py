"""Accounts, as `dockyard.server.access.users` has them."""

from typing import Any

import msgspec

from dockyard.cli.registry.remote.connection import Remote, part
from dockyard.server.access.principal import Principal
from dockyard.server.access.users import User


def listing(remote: Remote, by: Principal, *, count: int) -> list[User]:
    """All accounts."""
    return msgspec.convert(remote.every("/users"), list[User])


def add(remote: Remote, by: Principal, called: str, **values: Any) -> User:
    """Make one."""
    return msgspec.convert(remote.ask("POST", "/users", {"name": called, **values}), User)


def change(remote: Remote, by: Principal, called: str, **values: Any) -> User:
    """Change what is not None."""
    document = {name: value for name, value in values.items() if value is not None}
    return msgspec.convert(remote.ask("PATCH", f"/users/{part(called)}", document), User)


def remove(remote: Remote, by: Principal, called: str) -> None:
    """Remove one."""
    remote.ask("DELETE", f"/users/{part(called)}")
