"""Projects' policies, as `dockyard.server.trust.settings` has them."""

from typing import Any

import msgspec

from dockyard.cli.registry.remote.connection import Remote, RemoteRefusedError, part
from dockyard.server.trust.settings import ProjectPolicy


def policy_of(remote: Remote, project: str) -> ProjectPolicy | None:
    """A project's policy."""
    try:
        return msgspec.convert(remote.ask("GET", f"/projects/{part(project)}/policy"), ProjectPolicy)
    except RemoteRefusedError as error:
        if str(error.context.get("status")) == "404" and "has no policy" in error.message:
            return None
        raise


def set_policy(remote: Remote, project: str, policy: ProjectPolicy | None) -> None:
    """Give a project a policy, or none."""
    path = f"/projects/{part(project)}/policy"
    remote.ask("DELETE", path) if policy is None else remote.ask("PUT", path, msgspec.to_builtins(policy))


def judged(remote: Remote, project: str, name: str, reference: str, policy: ProjectPolicy | None) -> dict[str, Any]:
    """What a policy says of an image."""
    document = {"repository": name, "reference": reference, "policy": msgspec.to_builtins(policy)}
    found: dict[str, Any] = remote.ask("POST", f"/projects/{part(project)}/policy/test", document)
    return found
