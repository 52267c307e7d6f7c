"""`/robots` and `/projects/…/robots`: what machines log in with. For project admins; without a project for admins."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody

from dockyard.server.access import robots
from dockyard.server.access.naming import MOST_RIGHTS
from dockyard.server.access.principal import Permission
from dockyard.server.access.robots import Robot
from dockyard.server.api.members import Globs
from dockyard.server.api.paging import page
from dockyard.server.api.route import Count, Guest, Last, Part, route
from dockyard.server.api.tokens import Moment
from dockyard.server.api.words import Name

Actions = Annotated[list[Literal["pull", "push", "delete"]], msgspec.Meta(min_length=1, max_length=3)]


class Allowed(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Actions on the repositories that the globs name; without globs on all of the project's."""

    actions: Actions
    repositories: Globs = []


Permissions = Annotated[list[Allowed], msgspec.Meta(min_length=1, max_length=MOST_RIGHTS)]


class RobotNew(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A robot to be made; its whole name becomes robot+project+name."""

    name: Name
    permissions: Permissions
    description: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    expires_at: Moment | None = None


class RobotChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is to be another way with a robot; what is null or left out stays. An `expires_at` of 0 means never."""

    permissions: Permissions | None = None
    # Not `ge=0`: beside null, the document would leave a least value of 0 out.
    expires_at: Annotated[int, msgspec.Meta(gt=-1, le=2**53)] | None = None
    disabled: bool | None = None
    description: Annotated[str, msgspec.Meta(max_length=1000)] | None = None


class RobotShown(msgspec.Struct, frozen=True):
    """A robot; no project means the whole system. Times are milliseconds since 1970."""

    name: str
    project: str
    description: str
    permissions: list[Allowed]
    expires_at: int | None
    disabled: bool
    created_at: int
    created_by: str
    used_at: int | None


class RobotMade(msgspec.Struct, frozen=True):
    """A new robot with its secret, which is shown this once."""

    robot: RobotShown
    secret: str


class Secret(msgspec.Struct, frozen=True):
    """A robot's new secret, which is shown this once."""

    name: str
    secret: str


@route("GET", "/projects/{project:str}/robots", "robots", paged=True)
def robots_list(
    visit: Guest, request: Request[Any, Any, Any], project: Part, last: Last = "", count: Count = 100
) -> Response[list[RobotShown]]:
    """A project's robots, by name. For guests."""
    return _listed(visit, request, project, last, count)


@route("POST", "/projects/{project:str}/robots", "robots")
def robot_create(visit: Guest, project: Part, data: JSONBody[RobotNew]) -> RobotMade:
    """Make a robot of a project."""
    return _made(visit, project, data)


@route("GET", "/robots", "robots", paged=True)
def system_robots_list(
    visit: Guest, request: Request[Any, Any, Any], last: Last = "", count: Count = 100
) -> Response[list[RobotShown]]:
    """The robots of the whole system, by name. For system admins."""
    return _listed(visit, request, "", last, count)


@route("POST", "/robots", "robots")
def system_robot_create(visit: Guest, data: JSONBody[RobotNew]) -> RobotMade:
    """Make a robot of the whole system. For system admins."""
    return _made(visit, "", data)


@route("GET", "/robots/{robot:str}", "robots")
def robot_read(visit: Guest, robot: Part) -> RobotShown:
    """A robot, by its whole name. For guests of its project."""
    return _shown(robots.get(visit.database, visit.by, robot))


@route("PATCH", "/robots/{robot:str}", "robots")
def robot_update(visit: Guest, robot: Part, data: JSONBody[RobotChange]) -> RobotShown:
    """Change a robot, by its whole name."""
    made = robots.change(
        visit.database,
        visit.by,
        robot,
        permissions=None if data.permissions is None else permissions(data.permissions),
        expires_at=data.expires_at,
        disabled=data.disabled,
        description=data.description,
    )
    return _shown(made)


@route("POST", "/robots/{robot:str}/secret", "robots", status=200)
def robot_renew(visit: Guest, robot: Part) -> Secret:
    """Give a robot another secret. The one before, and all tokens made with it, end."""
    return Secret(robot, robots.renew(visit.database, visit.by, robot))


@route("DELETE", "/robots/{robot:str}", "robots")
def robot_delete(visit: Guest, robot: Part) -> None:
    """Remove a robot, by its whole name; all tokens made with it end."""
    robots.remove(visit.database, visit.by, robot)


def permissions(given: Sequence[Allowed]) -> list[Permission]:
    """As the library has them."""
    return [Permission(tuple(each.repositories), frozenset(each.actions)) for each in given]


def shown(given: Sequence[Permission]) -> list[Allowed]:
    """As the API has them."""
    return [Allowed(sorted(each.actions), list(each.repositories)) for each in given]  # type: ignore[arg-type]


def _listed(
    visit: Guest, request: Request[Any, Any, Any], project: str, last: str, count: int
) -> Response[list[RobotShown]]:
    found = [_shown(each) for each in robots.listing(visit.database, visit.by, project, last=last, count=count + 1)]
    return page(visit, request, found, count, found[count - 1].name if len(found) > count else "")


def _made(visit: Guest, project: str, data: JSONBody[RobotNew]) -> RobotMade:
    made, secret = robots.add(
        visit.database,
        visit.by,
        project,
        data.name,
        permissions(data.permissions),
        description=data.description,
        expires_at=data.expires_at,
    )
    return RobotMade(_shown(made), secret)


def _shown(robot: Robot) -> RobotShown:
    return RobotShown(
        robot.name,
        robot.project,
        robot.description,
        shown(robot.permissions),
        robot.expires_at,
        robot.disabled,
        robot.created_at,
        robot.created_by,
        robot.used_at,
    )
