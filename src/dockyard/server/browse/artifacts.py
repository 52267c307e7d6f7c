"""Tags and artifacts of a repository as people look at them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, select

from dockyard.errors import Error
from dockyard.oci.manifest import Index, Manifest, parse
from dockyard.oci.mediatype import traits
from dockyard.registry.interface import WireError
from dockyard.registry.protocol import codes
from dockyard.server.browse.configuration import platform
from dockyard.server.rules.labelled import Worn, has, worn
from dockyard.server.schema.content import MANIFEST, TAG
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.stored.registry import StoredRegistry

_MOST_PLATFORMS = 50


@dataclass(frozen=True)
class Artifact:
    """A manifest in a repository: an image, an index of images, or anything else.

    `size` counts everything it names, in bytes; `subject` is the digest of what it refers to; `incomplete` says that
    some of it is still at an upstream. Times are milliseconds since 1970.
    """

    digest: str
    media_type: str
    artifact_type: str
    subject: str
    size: int
    platforms: Sequence[str]
    tags: Sequence[str]
    annotations: dict[str, str]
    incomplete: bool
    pushed_at: int
    pushed_by: str
    pulled_at: int | None
    labels: Sequence[Worn]


@dataclass(frozen=True)
class Tag:
    """A tag and what it leads to."""

    name: str
    digest: str
    media_type: str
    size: int
    platforms: Sequence[str]
    updated_at: int
    updated_by: str
    pulled_at: int | None


def tags(registry: StoredRegistry, name: str, *, last: str = "", count: int = 100) -> list[Tag]:
    """At most `count` tags of a repository after `last`, by name.

    Raises:
        WireError: NAME_UNKNOWN.
    """
    query = (
        select(
            TAG.c.name,
            TAG.c.digest,
            TAG.c.updated_at,
            TAG.c.updated_by,
            TAG.c.pulled_at,
            MANIFEST.c.media_type,
            MANIFEST.c.size,
            MANIFEST.c.raw,
        )
        .join_from(
            TAG, MANIFEST, (MANIFEST.c.repository_id == TAG.c.repository_id) & (MANIFEST.c.digest == TAG.c.digest)
        )
        .where(TAG.c.name > last)
        .order_by(TAG.c.name)
        .limit(count)
    )
    with registry.holdings.database.read() as connection:
        number = connection.execute(select(REPOSITORY.c.id).where(REPOSITORY.c.name == name)).scalar()
        if number is None:
            raise WireError(codes.NAME_UNKNOWN, name)
        rows = connection.execute(query.where(TAG.c.repository_id == number)).all()
    return [
        Tag(
            row.name,
            row.digest,
            row.media_type,
            row.size,
            platforms(registry, name, bytes(row.raw), row.media_type),
            row.updated_at,
            row.updated_by,
            row.pulled_at,
        )
        for row in rows
    ]


def listing(registry: StoredRegistry, name: str, *, label: int = 0, last: str = "", count: int = 100) -> list[Artifact]:
    """At most `count` manifests of a repository after the digest `last`, in the order of their digests; those with the
    label of that number where it is not 0.

    Raises:
        WireError: NAME_UNKNOWN.
    """
    query = _query().where(MANIFEST.c.digest > last).limit(count)
    if label:
        query = query.where(has(MANIFEST.c.repository_id, MANIFEST.c.digest, label))
    return _artifacts(registry, name, query)


def get(registry: StoredRegistry, name: str, reference: str) -> Artifact:
    """One manifest by tag or digest.

    Raises:
        WireError: NAME_UNKNOWN, MANIFEST_UNKNOWN.
    """
    digest = str(registry.manifest(name, reference).digest)
    found = _artifacts(registry, name, _query().where(MANIFEST.c.digest == digest))
    if not found:
        raise WireError(codes.MANIFEST_UNKNOWN, reference[:140])
    return found[0]


def platforms(registry: StoredRegistry, name: str, raw: bytes, media_type: str) -> list[str]:
    """The platforms that a manifest is for; none where it is no image, or what says so is not here."""
    try:
        found = parse(raw, media_type)
        if isinstance(found, Index):
            named = [str(each.platform) for each in found.manifests if each.platform is not None]
            return list(dict.fromkeys(each for each in named if not each.startswith("unknown")))[:_MOST_PLATFORMS]
        if isinstance(found, Manifest) and traits(found.config.media_type).role == "config":
            said = platform(registry, name, found.config)
            return [said] if said else []
    except (Error, OSError):
        pass  # damaged, or half of it is elsewhere: then nothing is known
    return []


def _query() -> Select[Any]:
    return select(MANIFEST).order_by(MANIFEST.c.digest)


def _artifacts(registry: StoredRegistry, name: str, query: Select[Any]) -> list[Artifact]:
    with registry.holdings.database.read() as connection:
        number = connection.execute(select(REPOSITORY.c.id).where(REPOSITORY.c.name == name)).scalar()
        if number is None:
            raise WireError(codes.NAME_UNKNOWN, name)
        rows = connection.execute(query.where(MANIFEST.c.repository_id == number)).all()
        mine = (TAG.c.repository_id == number, TAG.c.digest.in_([row.digest for row in rows]))
        named: dict[str, list[str]] = {}
        for tag, digest in connection.execute(select(TAG.c.name, TAG.c.digest).where(*mine).order_by(TAG.c.name)):
            named.setdefault(digest, []).append(tag)
        labels = worn(connection, int(number), [row.digest for row in rows])
    return [_artifact(registry, name, row, named.get(row.digest, []), labels.get(row.digest, [])) for row in rows]


def _artifact(registry: StoredRegistry, name: str, row: Row[Any], named: list[str], labels: list[Worn]) -> Artifact:
    return Artifact(
        row.digest,
        row.media_type,
        row.artifact_type,
        row.subject or "",
        row.size,
        platforms(registry, name, bytes(row.raw), row.media_type),
        named,
        {str(key): str(value) for key, value in json.loads(row.annotations).items()},
        row.partial,
        row.pushed_at,
        row.pushed_by,
        row.pulled_at,
        labels,
    )
