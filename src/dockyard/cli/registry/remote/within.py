"""Copying images within a registry, as `dockyard.server.replication.within` does."""

from dockyard.cli.registry.remote.connection import Remote, part
from dockyard.server.replication.within import Copied


def copy(
    remote: Remote, gate: Remote, source: str, reference: str, target: str, tag: str = "", *, override: bool = False
) -> Copied:
    """Copy an image; the server's own gate is asked."""
    path = f"/repositories/{part(source)}/artifacts/{part(reference)}/copy"
    return Copied(**remote.ask("POST", path, {"repository": target, "tag": tag, "override": override}))
