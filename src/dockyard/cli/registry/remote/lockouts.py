"""Who has to wait after wrong passwords, as `dockyard.server.access.lockouts` has it."""

import msgspec

from dockyard.cli.registry.remote.connection import Remote
from dockyard.server.access.lockouts import Kind, Lockout
from dockyard.server.access.principal import Principal


def listing(remote: Remote, by: Principal, *, count: int) -> list[Lockout]:
    """All who have to wait."""
    return msgspec.convert(remote.every("/lockouts"), list[Lockout])


def lift(remote: Remote, by: Principal, kind: Kind, subject: str) -> None:
    """Let one try again."""
    remote.ask("POST", "/lockouts/lift", {"kind": kind, "subject": subject})
