"""`/groups`: accounts that are members of projects together. For system admins."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody

from dockyard.server.access import groups
from dockyard.server.access.groups import Group
from dockyard.server.api.paging import page
from dockyard.server.api.route import Count, Guest, Last, Part, route
from dockyard.server.api.words import Name

Names = Annotated[list[str], msgspec.Meta(max_length=1000)]


class GroupNew(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A group to be made, with the accounts in it."""

    name: Name
    accounts: Names = []


class GroupChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The accounts that join a group, and those that leave it."""

    join: Names = []
    leave: Names = []


@route("GET", "/groups", "groups", paged=True)
def groups_list(
    visit: Guest, request: Request[Any, Any, Any], last: Last = "", count: Count = 100
) -> Response[list[Group]]:
    """All groups, by name."""
    found = groups.listing(visit.database, visit.by, last=last, count=count + 1)
    return page(visit, request, found, count, found[count - 1].name if len(found) > count else "")


@route("POST", "/groups", "groups")
def group_create(visit: Guest, data: JSONBody[GroupNew]) -> Group:
    """Make a group."""
    made = groups.add(visit.database, visit.by, data.name)
    return groups.change(visit.database, visit.by, data.name, join=data.accounts) if data.accounts else made


@route("PATCH", "/groups/{group:str}", "groups")
def group_update(visit: Guest, group: Part, data: JSONBody[GroupChange]) -> Group:
    """Let accounts join and leave a group."""
    return groups.change(visit.database, visit.by, group, join=data.join, leave=data.leave)


@route("DELETE", "/groups/{group:str}", "groups")
def group_delete(visit: Guest, group: Part) -> None:
    """Remove a group, and what its members had through it."""
    groups.remove(visit.database, visit.by, group)
