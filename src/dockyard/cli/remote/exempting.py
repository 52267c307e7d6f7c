"""Exemptions, as `dockyard.server.trust.exempting` has them."""

from typing import Any

from dockyard.cli.remote.connection import Remote, part


def exempt(remote: Remote, project: str, subject: str, reason: str, until: int | None) -> int:
    """Let an advisory or an image pass."""
    document = {"subject": subject, "reason": reason, "until": until}
    return int(remote.ask("POST", f"/projects/{part(project)}/exemptions", document)["number"])


def withdraw(remote: Remote, project: str, number: int) -> None:
    """End an exemption."""
    remote.ask("DELETE", f"/projects/{part(project)}/exemptions/{number}")


def exemptions(remote: Remote, project: str) -> list[dict[str, Any]]:
    """All of a project."""
    found = remote.ask("GET", f"/projects/{part(project)}/exemptions")
    return [{**each, "id": each["number"]} for each in found]
