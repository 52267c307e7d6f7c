"""`/repositories/…/tags`: the names of artifacts."""

from typing import Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody

from dockyard.server.api.paging import page
from dockyard.server.api.repositories import named
from dockyard.server.api.route import Count, Guest, Last, Part, route
from dockyard.server.api.words import DigestText
from dockyard.server.browse import artifacts
from dockyard.server.browse.artifacts import Tag


class TagTarget(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a tag is to lead to: a manifest that the repository has."""

    digest: DigestText


@route("GET", "/repositories/{repository:str}/tags", "tags", open=True, paged=True)
def tags_list(
    visit: Guest, request: Request[Any, Any, Any], repository: Part, last: Last = "", count: Count = 100
) -> Response[list[Tag]]:
    """The tags of a repository, by name."""
    name = visit.repository(named(repository))
    found = artifacts.tags(visit.parts.registry, name, last=last, count=count + 1)
    return page(visit, request, found, count, found[count - 1].name if len(found) > count else "")


@route("PUT", "/repositories/{repository:str}/tags/{tag:str}", "tags")
def tag_set(visit: Guest, repository: Part, tag: Part, data: JSONBody[TagTarget]) -> TagTarget:
    """Let a tag lead to a manifest, in place of the one before. For developers; the project's rules for tags hold."""
    name = visit.repository(named(repository), "push")
    registry = visit.parts.registry
    stored = registry.manifest(name, data.digest)
    registry.put_manifest(name, plain(tag), stored.raw, stored.media_type)
    return data


@route("DELETE", "/repositories/{repository:str}/tags/{tag:str}", "tags")
def tag_delete(visit: Guest, repository: Part, tag: Part) -> None:
    """Forget a tag; what it leads to stays. For maintainers."""
    visit.parts.registry.delete_manifest(visit.repository(named(repository), "delete"), plain(tag))


def plain(tag: str) -> str:
    """The tag itself.

    Raises:
        WireError: it is none.
    """
    from dockyard.registry.interface import WireError
    from dockyard.registry.protocol import codes
    from dockyard.registry.protocol.request import tag_valid

    if not tag_valid(tag):
        raise WireError(codes.MANIFEST_UNKNOWN, f"not a tag: {tag[:140]!r}")
    return tag
