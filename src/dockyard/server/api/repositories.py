"""`/repositories`: what projects hold. A name's slashes are written as %2F or as colons: team%2Fweb, team:web."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter

from dockyard.server.api.paging import page
from dockyard.server.api.route import Count, Guest, Last, Part, route
from dockyard.server.browse import repositories
from dockyard.server.browse.repositories import Repository
from dockyard.server.stored import removing


class RepositoryChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is to be another way with a repository: its description, in Markdown."""

    description: Annotated[str, msgspec.Meta(max_length=10_000)]


def named(text: str) -> str:
    """The repository's name from its part of the path."""
    return text.replace(":", "/")


@route("GET", "/repositories", "repositories", open=True, paged=True)
def repositories_list(
    visit: Guest,
    request: Request[Any, Any, Any],
    project: Annotated[str, QueryParameter(max_length=255, description="Only those of this project.")] = "",
    last: Last = "",
    count: Count = 100,
) -> Response[list[Repository]]:
    """The repositories that the caller may pull from, by name."""
    found = repositories.listing(
        visit.database,
        lambda name: visit.permit.allows(name, "list"),
        project=project,
        last=last,
        count=count + 1,
    )
    return page(visit, request, found, count, found[count - 1].name if len(found) > count else "")


@route("GET", "/repositories/{repository:str}", "repositories", open=True)
def repository_read(visit: Guest, repository: Part) -> Repository:
    """One repository."""
    return repositories.get(visit.database, visit.repository(named(repository)))


@route("PATCH", "/repositories/{repository:str}", "repositories")
def repository_update(visit: Guest, repository: Part, data: JSONBody[RepositoryChange]) -> Repository:
    """Describe a repository. For maintainers."""
    name = visit.repository(named(repository))
    visit.demand(repositories.get(visit.database, name).project, "repository", "update")
    repositories.describe(visit.database, name, data.description)
    return repositories.get(visit.database, name)


@route("DELETE", "/repositories/{repository:str}", "repositories")
def repository_delete(visit: Guest, repository: Part) -> None:
    """Remove a repository with everything in it. For maintainers.

    Immutable tags hold it. Blobs that nothing else needs are collected after the grace period.
    """
    name = visit.repository(named(repository), "delete")
    visit.demand(repositories.get(visit.database, name).project, "repository", "delete")
    removing.repository(visit.parts.registry.holdings, name)
    visit.parts.registry.changed(name)
