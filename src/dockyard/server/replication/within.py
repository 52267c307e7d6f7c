"""Copying an image from one repository of this registry to another: nothing but rows is written, as blobs are mounted.

As with copies to other registries, what an index names and what refers to an image come along, and the tag comes last.
"""

import io
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, BinaryIO

from sqlalchemy import select

from dockyard.content.store import ContentNotFoundError
from dockyard.errors import UsageError
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.registry.interface import ABSENT, WireError
from dockyard.registry.protocol import codes
from dockyard.registry.protocol.request import name_valid, tag_valid
from dockyard.server.events import record
from dockyard.server.names import project_of
from dockyard.server.replication.copying import Copy, Rate, Turns
from dockyard.server.replication.ends import Local
from dockyard.server.schema.projects import PROJECT
from dockyard.server.stored.registry import StoredRegistry
from dockyard.server.trust.gate import Gate


class CopyInvalidError(UsageError):
    """An image cannot be copied so: the target can have no such name or tag, or not all of the image is here."""

    reference = "copy-invalid"
    hint = "Write the target like shop/web and the tag like 1.0; pull what is mirrored once, for every platform."


class CopyTakenError(UsageError):
    """The tag that a copy was to have leads to another image already."""

    reference = "copy-taken"
    hint = "Choose another tag, or say that this one may be moved."


@dataclass(frozen=True)
class Copied:
    """Where the copy is, and how many manifests and tags came along that were not there."""

    repository: str
    tag: str
    digest: str
    manifests: int
    tags: int

    def to_json(self) -> dict[str, Any]:
        """As --json and the API show it."""
        return asdict(self)


def copy(
    registry: StoredRegistry,
    gate: Gate,
    source: str,
    reference: str,
    target: str,
    tag: str = "",
    *,
    override: bool = False,
) -> Copied:
    """Copy an image with all its platforms and what refers to it.

    Run again after it was cut off, it goes on where it was. Who may pull and push is for the caller to ask.

    Args:
        registry: has both repositories.
        gate: says whether the image may be pulled, as copying is.
        source: the repository that has it.
        reference: its tag or digest there.
        target: the other repository, which is made where it is not there yet.
        tag: of the copy; empty for the same, or none for a digest.
        override: move the tag where it leads to something else.

    Raises:
        WireError: it is not there, the policy denies it, or a rule or quota of the target refuses it.
        CopyInvalidError, CopyTakenError: as they say.
    """
    tag = tag or ("" if ":" in reference else reference)
    if not name_valid(target):
        raise CopyInvalidError(f"not a repository's name: {target[:255]!r}")
    if tag and not tag_valid(tag):
        raise CopyInvalidError(f"not a tag: {tag[:140]!r}")
    stored = registry.manifest(source, reference)
    gate.demand(source, reference, stored)
    if tag:
        _takes(registry, target, tag, stored.digest, override=override)
    work = Copy(_From(registry, source), _Into(registry, source, target), target, rate=Rate(0), turns=Turns())
    try:
        work.run(str(stored.digest))
    except ContentNotFoundError as error:
        raise CopyInvalidError(f"not all of {source}@{stored.digest} is here: {error.message}") from error
    tags = work.counts["tags"]
    if tag and _at(registry, target, tag) != stored.digest:
        _point(registry, target, tag, stored.raw, stored.media_type, override=override)
        tags += 1
    detail = {"from": source, "reference": reference}
    noted = partial(record, kind="image.copy", repository=target, reference=tag, detail=detail)
    registry.holdings.database.write(partial(noted, digest=str(stored.digest)))
    return Copied(target, tag, str(stored.digest), work.counts["manifests"], tags)


def _takes(registry: StoredRegistry, target: str, tag: str, digest: Digest, *, override: bool) -> None:
    """Pass if the target takes the tag as far as can be told before anything is copied."""
    there = _at(registry, target, tag)
    if there == digest:
        return
    if there is not None and not override:
        raise CopyTakenError(f"{target}:{tag} leads to another image")
    holdings = registry.holdings
    with holdings.database.read() as connection:
        project = connection.execute(select(PROJECT.c.id).where(PROJECT.c.name == project_of(target))).scalar()
        if project is not None:
            holdings.rules.pointing(connection, int(project), target, [(tag, str(there or ""))])


def _at(registry: StoredRegistry, name: str, tag: str) -> Digest | None:
    try:
        return registry.manifest(name, tag).digest
    except WireError as error:
        if error.code in (codes.MANIFEST_UNKNOWN, codes.NAME_UNKNOWN):
            return None
        raise


def _point(registry: StoredRegistry, target: str, tag: str, raw: bytes, media_type: str, *, override: bool) -> None:
    try:
        registry.put_manifest(target, tag, raw, media_type, (), "" if override else ABSENT)
    except WireError as error:
        if error.code != codes.PRECONDITION_FAILED:
            raise
        raise CopyTakenError(f"{target}:{tag} leads to another image") from error


class _From(Local):
    """The source, whose blobs nobody reads."""

    def open(self, target: Descriptor) -> BinaryIO:
        """Nothing."""
        return io.BytesIO()


class _Into(Local):
    """The target, which takes blobs over from the source."""

    def __init__(self, registry: StoredRegistry, source: str, name: str) -> None:
        super().__init__(registry, name)
        self._mount = partial(registry.mount, name, source=source)

    def put(self, target: Descriptor, content: BinaryIO) -> None:
        """Mount the blob."""
        if not self._mount(target.digest):
            raise ContentNotFoundError(f"blob {target.digest} is not here")
