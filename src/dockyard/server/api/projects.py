"""`/projects`: the first parts of repositories' names, and who may pull from them."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import FromQuery, JSONBody

from dockyard.server.access import projects
from dockyard.server.access.principal import allowed
from dockyard.server.access.projects import Project
from dockyard.server.api.paging import page
from dockyard.server.api.route import Count, Guest, Last, Part, route
from dockyard.server.api.words import Name
from dockyard.server.browse import repositories
from dockyard.server.rules import quota
from dockyard.server.stored import removing

Bytes = Annotated[int, msgspec.Meta(ge=1, le=2**61, description="Bytes.")]


class ProjectNew(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A project to be made. `quota` is in bytes, each blob counted once; null for what the server's settings say."""

    name: Name
    public: bool = False
    quota: Bytes | None = None


class ProjectChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is to be another way with a project."""

    public: bool


class ProjectWhole(msgspec.Struct, frozen=True):
    """A project; `used` is null for those who may not know it. Times are milliseconds since 1970."""

    name: str
    public: bool
    quota: int | None
    used: int | None
    created_at: int


@route("GET", "/projects", "projects", open=True, paged=True)
def projects_list(
    visit: Guest, request: Request[Any, Any, Any], last: Last = "", count: Count = 100
) -> Response[list[Project]]:
    """The projects that the caller may know of: its own and the public ones, by name."""
    found = projects.listing(visit.database, visit.by, last=last, count=count + 1)
    return page(visit, request, found, count, found[count - 1].name if len(found) > count else "")


@route("POST", "/projects", "projects")
def project_create(visit: Guest, data: JSONBody[ProjectNew]) -> ProjectWhole:
    """Make a project. Whoever makes one becomes its project admin.

    System admins may, or everybody with an account where the server's settings say so. Only system admins set a quota.
    """
    access = visit.parts.settings.access
    made = projects.add(
        visit.database,
        visit.by,
        data.name,
        public=data.public,
        quota=data.quota,
        otherwise=visit.parts.settings.project_quota or None,
        makers=access.makers,
    )
    return ProjectWhole(made.name, made.public, made.quota, 0, made.created_at)


@route("GET", "/projects/{project:str}", "projects", open=True)
def project_read(visit: Guest, project: Part) -> ProjectWhole:
    """One project."""
    return _whole(visit, projects.get(visit.database, visit.by, project))


@route("PATCH", "/projects/{project:str}", "projects")
def project_update(visit: Guest, project: Part, data: JSONBody[ProjectChange]) -> ProjectWhole:
    """Open a project to the public, or close it. For project admins."""
    return _whole(visit, projects.change(visit.database, visit.by, project, public=data.public))


@route("DELETE", "/projects/{project:str}", "projects")
def project_delete(visit: Guest, project: Part, force: FromQuery[bool] = False) -> None:
    """Remove a project with its members, robots and rules. For project admins.

    One that has images is refused, or with `force` emptied first; immutable tags hold it even then.
    """
    if force:
        visit.demand(project, "project", "delete")
        last = ""
        while found := repositories.listing(visit.database, lambda name: True, project=project, last=last):
            for each in found:
                removing.repository(visit.parts.registry.holdings, each.name)
                visit.parts.registry.changed(each.name)
            last = found[-1].name
    projects.remove(visit.database, visit.by, project)


def _whole(visit: Guest, found: Project) -> ProjectWhole:
    knows = allowed(visit.by, found.name, "quota", "read")
    used = quota.quota_of(visit.database, found.name).used if knows else None
    return ProjectWhole(found.name, found.public, found.quota if knows else None, used, found.created_at)
