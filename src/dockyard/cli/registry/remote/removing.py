"""Removing whole repositories and projects, as `dockyard.server.stored.removing` does."""

from dockyard.cli.registry.remote.connection import Remote, part


def repository(remote: Remote, name: str) -> None:
    """Remove a repository with all its images."""
    remote.ask("DELETE", f"/repositories/{part(name)}")


def project(remote: Remote, name: str, *, force: bool = False) -> list[str]:
    """Remove a project; returns the repositories that went with it."""
    held = [str(each["name"]) for each in remote.every("/repositories", project=name)]
    remote.ask("DELETE", f"/projects/{part(name)}", **({"force": "true"} if force else {}))
    return held
