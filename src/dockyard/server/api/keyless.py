"""`/keyless` and `/projects/…/keyless`: rules by which CI jobs get in without a secret. For project admins."""

from typing import Annotated

import msgspec
from litestar.params import JSONBody

from dockyard.server.access import keyless
from dockyard.server.access.keyless import Rule
from dockyard.server.api.robots import Allowed, Permissions, permissions, shown
from dockyard.server.api.route import Guest, Part, route
from dockyard.server.api.words import Name

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class KeylessNew(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A rule to be made: a token of `issuer` for `audience` whose claims all fit gets `permissions` for a while."""

    name: Name
    issuer: Text
    audience: Text
    claims: dict[str, str]
    permissions: Permissions
    lifetime: Annotated[int, msgspec.Meta(ge=60, le=21600, description="Seconds.")] = 900


class KeylessChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Whether a rule is switched off."""

    disabled: bool


class KeylessShown(msgspec.Struct, frozen=True):
    """A rule; no project means the whole system."""

    name: str
    project: str
    issuer: str
    audience: str
    claims: dict[str, str]
    permissions: list[Allowed]
    lifetime: int
    disabled: bool
    created_at: int
    created_by: str


@route("GET", "/projects/{project:str}/keyless", "keyless")
def keyless_list(visit: Guest, project: Part) -> list[KeylessShown]:
    """A project's rules, by name."""
    return [_shown(each) for each in keyless.listing(visit.database, visit.by, project)]


@route("POST", "/projects/{project:str}/keyless", "keyless")
def keyless_create(visit: Guest, project: Part, data: JSONBody[KeylessNew]) -> KeylessShown:
    """Make a rule of a project."""
    return _made(visit, project, data)


@route("GET", "/keyless", "keyless")
def system_keyless_list(visit: Guest) -> list[KeylessShown]:
    """The rules of the whole system, by name. For system admins."""
    return [_shown(each) for each in keyless.listing(visit.database, visit.by, "")]


@route("POST", "/keyless", "keyless")
def system_keyless_create(visit: Guest, data: JSONBody[KeylessNew]) -> KeylessShown:
    """Make a rule of the whole system. For system admins."""
    return _made(visit, "", data)


@route("PATCH", "/keyless/{rule:str}", "keyless")
def keyless_update(visit: Guest, rule: Part, data: JSONBody[KeylessChange]) -> KeylessShown:
    """Switch a rule off or on; tokens made by it end with it."""
    return _shown(keyless.change(visit.database, visit.by, rule, disabled=data.disabled))


@route("DELETE", "/keyless/{rule:str}", "keyless")
def keyless_delete(visit: Guest, rule: Part) -> None:
    """Remove a rule; tokens made by it end."""
    keyless.remove(visit.database, visit.by, rule)


def _made(visit: Guest, project: str, data: JSONBody[KeylessNew]) -> KeylessShown:
    return _shown(
        keyless.add(
            visit.database,
            visit.by,
            project,
            data.name,
            issuer=data.issuer,
            audience=data.audience,
            claims=data.claims,
            permissions=permissions(data.permissions),
            lifetime=data.lifetime,
        )
    )


def _shown(rule: Rule) -> KeylessShown:
    return KeylessShown(
        rule.name,
        rule.project,
        rule.issuer,
        rule.audience,
        dict(rule.claims),
        shown(rule.permissions),
        rule.lifetime,
        rule.disabled,
        rule.created_at,
        rule.created_by,
    )
