"""Quotas, as `dockyard.server.rules.quota` has them."""

from dockyard.cli.registry.remote.connection import Remote, part
from dockyard.server.rules.quota import Quota


def quotas(remote: Remote) -> list[Quota]:
    """Every project's."""
    return [Quota(**each) for each in remote.every("/quotas")]


def set_quota(remote: Remote, project: str, most: int | None) -> Quota:
    """Bound what a project may hold."""
    return Quota(**remote.ask("PUT", f"/projects/{part(project)}/quota", {"most": most}))
