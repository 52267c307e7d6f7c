"""Harbor's roles and what each may do, in one table.

The table is Harbor's, whole, so that roles can be compared line by line: preheating and the choice of scanners are in
it, though this registry has nothing of the kind that could be done.
"""

from collections.abc import Mapping
from typing import Literal, get_args

Role = Literal["limited-guest", "guest", "developer", "maintainer", "project-admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""From the least to the most; each may do what those before it may. A system admin may do everything everywhere."""

_CRUD = ("create", "read", "update", "delete", "list")

_FROM: Mapping[Role, Mapping[str, tuple[str, ...]]] = {
    "limited-guest": {
        "project": ("read",),
        "repository": ("list", "read", "pull"),
        "artifact": ("list", "read"),
        "tag": ("list",),
        "scan": ("read",),
        "sbom": ("read",),
        "quota": ("read",),
    },
    "guest": {"member": ("list", "read"), "robot": ("list", "read"), "label": ("list", "read")},
    "developer": {
        "repository": ("create", "push"),
        "artifact": ("create",),
        "tag": ("create",),
        "artifact-label": ("create", "delete"),
        "retention": (*_CRUD, "operate"),
        "export-cve": ("create", "read", "list"),
    },
    "maintainer": {
        "repository": ("delete", "update"),
        "artifact": ("delete",),
        "tag": ("delete",),
        "scan": ("create", "stop"),
        "sbom": ("create", "stop"),
        "immutable": _CRUD,
        "label": ("create", "update", "delete"),
        "webhook": ("list", "read"),
    },
    "project-admin": {
        "project": ("update", "delete"),
        "metadata": _CRUD,
        "member": ("create", "update", "delete"),
        "robot": ("create", "update", "delete"),
        "keyless": _CRUD,
        "webhook": ("create", "update", "delete"),
        "preheat": _CRUD,
        "scanner": ("read", "create"),
        "log": ("list",),
    },
}


def _matrix() -> dict[tuple[str, str], Role]:
    return {
        (resource, action): role
        for role in reversed(ROLES)
        for resource, actions in _FROM[role].items()
        for action in actions
    }


MATRIX: Mapping[tuple[str, str], Role] = _matrix()
"""The least role that may do (resource, action) in a project."""


def grants(role: str, resource: str, action: str) -> bool:
    """Whether `role` may do `action` to `resource`; unknown words may and are nothing."""
    least = MATRIX.get((resource, action))
    return least is not None and role in ROLES and ROLES.index(role) >= ROLES.index(least)
