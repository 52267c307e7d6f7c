"""Removing several tags and images, as `dockyard.server.rules.removal` does."""

from collections.abc import Sequence

from dockyard.cli.registry.remote.connection import Remote, part
from dockyard.server.rules.removal import Removal, Stays


def plan(remote: Remote, name: str, references: Sequence[str], *, images: bool = True) -> Removal:
    """What would go."""
    return _asked(remote, f"/repositories/{part(name)}/removal/dry-run", references, images=images)


def remove(remote: Remote, name: str, references: Sequence[str], *, images: bool = True) -> Removal:
    """Remove them."""
    return _asked(remote, f"/repositories/{part(name)}/removal", references, images=images)


def _asked(remote: Remote, path: str, references: Sequence[str], *, images: bool) -> Removal:
    found = remote.ask("POST", path, {"references": list(references), "images": images})
    return Removal(
        dict.fromkeys(found["tags"], ""),
        {each["digest"]: each["tags"] for each in found["images"]},
        {each["digest"] for each in found["images"] if each["chosen"]},
        [Stays(**each) for each in found["stays"]],
        found["bytes"],
    )
