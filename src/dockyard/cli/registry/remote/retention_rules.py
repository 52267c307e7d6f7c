"""What projects keep, as `dockyard.server.rules.retention_rules` has it."""

from typing import Any

from dockyard.cli.registry.remote.connection import Remote, part
from dockyard.server.rules.retention_rules import RetentionRule


def listed(remote: Remote, project: str) -> list[RetentionRule]:
    """The rules of a project."""
    return [RetentionRule(**each) for each in remote.ask("GET", f"{_place(project)}")["rules"]]


def add(
    remote: Remote,
    project: str,
    keep: str,
    amount: int = 0,
    *,
    repositories: str = "**",
    tags: str = "**",
    untagged: bool = False,
    labels: str = "",
) -> RetentionRule:
    """Give a project one more."""
    document = {
        "keep": keep,
        "amount": amount,
        "repositories": repositories,
        "tags": tags,
        "untagged": untagged,
        "labels": labels,
    }
    return RetentionRule(**remote.ask("POST", f"{_place(project)}/rules", document))


def remove(remote: Remote, project: str, number: int) -> None:
    """Take one away."""
    remote.ask("DELETE", f"{_place(project)}/rules/{number}")


def schedule(remote: Remote, project: str, hours: int) -> None:
    """Say how often they are applied."""
    remote.ask("PUT", f"{_place(project)}/schedule", {"hours": hours})


def rehearse(remote: Remote, project: str) -> dict[str, Any]:
    """What a run would do."""
    found: dict[str, Any] = remote.ask("POST", f"{_place(project)}/dry-run")
    return found


def run(remote: Remote, project: str) -> int | None:
    """Have the rules applied; the number of the job that does, None where one waits already."""
    job: int | None = remote.ask("POST", f"{_place(project)}/run")["job"]
    return job


def _place(project: str) -> str:
    return f"/projects/{part(project)}/retention"
