"""`/search` and `/advisories`: finding things by a part of their names, and images by what touches them."""

from typing import Annotated, Any, Literal

from litestar import Request, Response
from litestar.params import QueryParameter

from dockyard.server.api.paging import page
from dockyard.server.api.route import Count, Guest, Last, Part, route
from dockyard.server.browse import advisories
from dockyard.server.browse.advisories import Advisory, Touched
from dockyard.server.browse.search import Found, search

Severity = Literal["negligible", "low", "medium", "high", "critical", "unknown"]


@route("GET", "/search", "search", open=True)
def search_read(
    visit: Guest,
    q: Annotated[str, QueryParameter(max_length=255, description="A part of a name; web:1.2; or a digest.")] = "",
    count: Annotated[int, QueryParameter(ge=1, le=100, description="At most so many of each kind.")] = 20,
) -> Found:
    """Projects, repositories, tags and digests that the caller may see and that have the text in their names."""
    return search(visit.database, visit.by, lambda name: visit.permit.allows(name, "list"), q, count=count)


@route("GET", "/advisories", "search", paged=True)
def advisories_list(
    visit: Guest,
    request: Request[Any, Any, Any],
    severity: Annotated[Severity | None, QueryParameter(description="Only of this severity.")] = None,
    last: Last = "",
    count: Count = 100,
) -> Response[list[Advisory]]:
    """The advisories that touch stored images, by their name. For system admins."""
    visit.demand("", "scan", "list")
    found = advisories.advisories(visit.database, severity=severity or "", last=last, count=count + 1)
    return page(visit, request, found, count, found[count - 1].id if len(found) > count else "")


@route("GET", "/advisories/{advisory:str}/images", "search", open=True, paged=True)
def advisory_images(
    visit: Guest, request: Request[Any, Any, Any], advisory: Part, last: Last = "", count: Count = 100
) -> Response[list[Touched]]:
    """The images that an advisory touches, of the repositories that the caller may pull from."""
    name, _, digest = last.partition("@")
    found = advisories.touched(
        visit.database,
        lambda name: visit.permit.allows(name, "list"),
        advisory,
        last=(name, digest),
        count=count + 1,
    )
    end = found[count - 1] if len(found) > count else None
    return page(visit, request, found, count, f"{end.repository}@{end.digest}" if end else "")
