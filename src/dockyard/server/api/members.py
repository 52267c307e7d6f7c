"""`/projects/…/members`: who has which role in a project."""

from typing import Annotated

import msgspec
from litestar.params import FromPath, JSONBody

from dockyard.server.access import members
from dockyard.server.access.members import Member, Of
from dockyard.server.access.roles import Role
from dockyard.server.api.route import Guest, Part, route

Globs = Annotated[list[str], msgspec.Meta(max_length=100)]


class MemberRole(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A role, narrowed to some repositories where there are globs over their whole names."""

    role: Role
    repositories: Globs = []


@route("GET", "/projects/{project:str}/members", "members")
def members_list(visit: Guest, project: Part) -> list[Member]:
    """All members of a project, accounts before groups. For guests."""
    return members.listing(visit.database, visit.by, project)


@route("PUT", "/projects/{project:str}/members/{kind:str}/{member:str}", "members")
def member_set(visit: Guest, project: Part, kind: FromPath[Of], member: Part, data: JSONBody[MemberRole]) -> Member:
    """Give a user or a group a role, in place of the one it had in the project. For project admins."""
    return members.put(visit.database, visit.by, project, member, data.role, kind=kind, repositories=data.repositories)


@route("DELETE", "/projects/{project:str}/members/{kind:str}/{member:str}", "members")
def member_delete(visit: Guest, project: Part, kind: FromPath[Of], member: Part) -> None:
    """Take a role away. For project admins."""
    members.remove(visit.database, visit.by, project, member, kind=kind)
