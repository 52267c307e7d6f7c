"""Personal access tokens, as `dockyard.server.access.personal` has them."""

import msgspec

from dockyard.cli.registry.remote.connection import Remote, part
from dockyard.server.access.personal import Personal
from dockyard.server.access.principal import Principal


def listing(remote: Remote, by: Principal, owner: str) -> list[Personal]:
    """All of an account."""
    return msgspec.convert(remote.ask("GET", f"/users/{part(owner)}/tokens"), list[Personal])


def add(
    remote: Remote, by: Principal, owner: str, called: str, *, scope: str = "full", expires_at: int | None = None
) -> tuple[Personal, str]:
    """Make one; the text is its secret."""
    document = {"name": called, "scope": scope, "expires_at": expires_at}
    made = remote.ask("POST", f"/users/{part(owner)}/tokens", document)
    return msgspec.convert(made["token"], Personal), str(made["secret"])


def remove(remote: Remote, by: Principal, owner: str, called: str) -> None:
    """Remove one."""
    remote.ask("DELETE", f"/users/{part(owner)}/tokens/{part(called)}")
