"""Exemptions, as `dockyard.server.trust.exempting` has them."""

from typing import Any

from dockyard.cli.registry.remote.connection import Remote, part


def exempt(remote: Remote, project: str, subject: str, reason: str, until: int | None) -> int:
    """Let an advisory or an image pass."""
    document = {"subject": subject, "reason": reason, "until": until}
    return int(remote.ask("POST", _place(project), document)["number"])


def withdraw(remote: Remote, project: str, number: int) -> None:
    """End an exemption."""
    remote.ask("DELETE", f"{_place(project)}/{number}")


def exemptions(remote: Remote, project: str) -> list[dict[str, Any]]:
    """All that hold or held in a project, or everywhere."""
    return [{**each, "id": each["number"]} for each in remote.ask("GET", _place(project))]


def _place(project: str) -> str:
    return f"/projects/{part(project)}/exemptions" if project else "/exemptions"
