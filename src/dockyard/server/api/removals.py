"""`/repositories/…/removal`: several tags and images of a repository removed together, after a look at what goes."""

from typing import Annotated

import msgspec
from litestar.params import JSONBody

from dockyard.server.api.repositories import named
from dockyard.server.api.route import Guest, Part, route
from dockyard.server.rules import removal

_REMOVAL = "/repositories/{repository:str}/removal"
# What an item must look like the removal says itself: of items the document would leave lengths out.
References = Annotated[list[str], msgspec.Meta(min_length=1, max_length=removal.MOST)]


class RemovalNew(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Tags, digests, or tags with the digests that they are expected at (`1.0@sha256:…`).

    With `images` an image goes with its last tag, and with it the images that its index alone names, its signatures
    and its SBOMs; without, only tags go.
    """

    references: References
    images: bool = True


class Gone(msgspec.Struct, frozen=True):
    """An image or other artifact that goes, with its tags; `chosen` unless it is a part of another or refers to it."""

    digest: str
    tags: list[str]
    chosen: bool


class Left(msgspec.Struct, frozen=True):
    """A tag or digest that was named, and why it, or its image, stays."""

    name: str
    reason: str


class RemovalShown(msgspec.Struct, frozen=True):
    """What goes and what stays; `bytes` are freed once they are collected."""

    tags: list[str]
    images: list[Gone]
    stays: list[Left]
    bytes: int


@route("POST", _REMOVAL, "artifacts", status=200)
def removal_run(visit: Guest, repository: Part, data: JSONBody[RemovalNew]) -> RemovalShown:
    """Remove tags and images, all at once. For maintainers. What a rule or another image holds stays."""
    name = visit.repository(named(repository), "delete")
    found = removal.remove(visit.parts.registry.holdings, name, data.references, images=data.images)
    visit.parts.registry.changed(name)
    return _shown(found)


@route("POST", _REMOVAL + "/dry-run", "artifacts", status=200)
def removal_dry_run(visit: Guest, repository: Part, data: JSONBody[RemovalNew]) -> RemovalShown:
    """What removing tags and images would do, and how many bytes it would free. For maintainers."""
    name = visit.repository(named(repository), "delete")
    return _shown(removal.plan(visit.parts.registry.holdings, name, data.references, images=data.images))


def _shown(found: removal.Removal) -> RemovalShown:
    return msgspec.convert(found.to_json(), RemovalShown)
