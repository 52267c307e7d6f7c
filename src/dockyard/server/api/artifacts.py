"""`/repositories/…/artifacts`: images, indexes and everything else that has a digest."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import JSONBody, QueryParameter

from dockyard.oci.digest import Digest
from dockyard.server.api.paging import page
from dockyard.server.api.repositories import named
from dockyard.server.api.route import Count, Guest, Last, Part, route
from dockyard.server.browse import artifacts, configuration
from dockyard.server.browse.artifacts import Artifact
from dockyard.server.browse.configuration import Configuration, Step
from dockyard.server.replication.within import Copied, copy

_ONE = "/repositories/{repository:str}/artifacts/{reference:str}"


class Child(msgspec.Struct, frozen=True):
    """A manifest that an index names."""

    digest: str
    media_type: str
    platform: str
    size: int


class ArtifactWhole(msgspec.Struct, frozen=True):
    """An artifact, with its configuration if it is an image, and what it names if it is an index."""

    artifact: Artifact
    configuration: Configuration | None
    children: list[Child]


class CopyNew(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where a copy goes; without a tag it has the one that was asked for, or none where that was a digest.

    With `override` the tag is moved where it leads to something else.
    """

    repository: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    tag: Annotated[str, msgspec.Meta(max_length=128)] = ""
    override: bool = False


class Referrer(msgspec.Struct, frozen=True):
    """Something that refers to an artifact: a signature, an SBOM, an attestation."""

    digest: str
    media_type: str
    artifact_type: str
    size: int
    annotations: dict[str, str]


@route("GET", "/repositories/{repository:str}/artifacts", "artifacts", open=True, paged=True)
def artifacts_list(
    visit: Guest,
    request: Request[Any, Any, Any],
    repository: Part,
    label: Annotated[int, QueryParameter(ge=0, le=2**53, description="Only those with the label of this number.")] = 0,
    last: Last = "",
    count: Count = 100,
) -> Response[list[Artifact]]:
    """Everything that a repository has a manifest of, in the order of digests."""
    name = visit.repository(named(repository))
    found = artifacts.listing(visit.parts.registry, name, label=label, last=last, count=count + 1)
    return page(visit, request, found, count, found[count - 1].digest if len(found) > count else "")


@route("GET", _ONE, "artifacts", open=True)
def artifact_read(visit: Guest, repository: Part, reference: Part) -> ArtifactWhole:
    """One artifact, by tag or digest."""
    from dockyard.oci.manifest import Index, parse

    name, registry = visit.repository(named(repository)), visit.parts.registry
    found = artifacts.get(registry, name, reference)
    image = configuration.image_of(registry, name, found.digest)
    stored = registry.manifest(name, found.digest)
    index = parse(stored.raw, stored.media_type)
    children = [
        Child(str(each.digest), each.media_type, str(each.platform or ""), each.size)
        for each in (index.manifests if isinstance(index, Index) else ())
    ]
    return ArtifactWhole(found, None if image is None else configuration.configuration(image), children)


@route("POST", _ONE + "/copy", "artifacts")
def artifact_copy(visit: Guest, repository: Part, reference: Part, data: JSONBody[CopyNew]) -> Copied:
    """Copy an artifact to another repository, with what an index names and what refers to it.

    For those who may pull it and push there. The policy of its project is asked as for a pull.
    """
    name, target = visit.repository(named(repository)), visit.repository(data.repository, "push")
    parts = visit.parts
    return copy(parts.registry, parts.gate, name, reference, target, data.tag, override=data.override)


@route("DELETE", _ONE, "artifacts")
def artifact_delete(visit: Guest, repository: Part, reference: Part) -> None:
    """Forget an artifact with all its tags, by its digest. For maintainers.

    Refused while an index names it, or one of its tags is immutable.
    """
    name = visit.repository(named(repository), "delete")
    visit.parts.registry.delete_manifest(name, str(Digest.parse(reference)))


@route("GET", _ONE + "/layers", "artifacts", open=True)
def artifact_layers(visit: Guest, repository: Part, reference: Part) -> list[Step]:
    """The instructions that made an image, oldest first, each with its layer if it made one. Of an index, none."""
    image = configuration.image_of(visit.parts.registry, visit.repository(named(repository)), reference)
    return [] if image is None else configuration.steps(image)


@route("GET", _ONE + "/referrers", "artifacts", open=True, paged=True)
def artifact_referrers(
    visit: Guest,
    request: Request[Any, Any, Any],
    repository: Part,
    reference: Part,
    artifact_type: Annotated[str, QueryParameter(max_length=255, description="Only those of this type.")] = "",
    last: Last = "",
    count: Count = 100,
) -> Response[list[Referrer]]:
    """What refers to an artifact, in the order of digests."""
    name, registry = visit.repository(named(repository)), visit.parts.registry
    digest = registry.manifest(name, reference).digest
    found = registry.referrers(name, digest, artifact_type=artifact_type, last=last, count=count)
    items = [
        Referrer(str(each.digest), each.media_type, each.artifact_type or "", each.size, dict(each.annotations))
        for each in found.items
    ]
    return page(visit, request, items, count, items[-1].digest if items else "", more=found.more)
