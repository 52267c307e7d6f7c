"""Rules for tags, as `dockyard.server.rules.tag_rules` has them."""

from dockyard.cli.registry.remote.connection import Remote, part
from dockyard.server.rules.tag_rules import TagRule


def listed(remote: Remote, project: str) -> list[TagRule]:
    """All of a project."""
    return [TagRule(**each) for each in remote.ask("GET", f"/projects/{part(project)}/tag-rules")]


def add(remote: Remote, project: str, kind: str, tags: str, repositories: str = "**") -> TagRule:
    """Give a project one more."""
    document = {"kind": kind, "tags": tags, "repositories": repositories}
    return TagRule(**remote.ask("POST", f"/projects/{part(project)}/tag-rules", document))


def remove(remote: Remote, project: str, number: int) -> None:
    """Take one away."""
    remote.ask("DELETE", f"/projects/{part(project)}/tag-rules/{number}")
