"""Manifests and tags: reading and storing them."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from dockyard._internal.limits import MANIFEST_BYTES
from dockyard.errors import Error
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest, DigestInvalidError
from dockyard.oci.manifest import Index, Manifest, parse
from dockyard.oci.mediatype import traits
from dockyard.registry.caller import CALLER
from dockyard.registry.interface import ABSENT, Put, StoredManifest, WireError
from dockyard.registry.protocol import codes
from dockyard.registry.protocol.request import tag_valid
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schema.content import MANIFEST, REFERENCE, REPOSITORY_BLOB, TAG
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.stored import linking
from dockyard.server.stored.holdings import Holdings

_MOST_CHILDREN = 10_000


def get(database: Database, name: str, reference: str) -> StoredManifest:
    """A manifest by tag or digest.

    Raises:
        WireError: NAME_UNKNOWN, MANIFEST_UNKNOWN, DIGEST_INVALID.
    """
    columns = (MANIFEST.c.raw, MANIFEST.c.media_type, MANIFEST.c.digest)
    of_repository = MANIFEST.c.repository_id == REPOSITORY.c.id
    query = select(*columns).join_from(REPOSITORY, MANIFEST, of_repository).where(REPOSITORY.c.name == name)
    if ":" in reference:
        query = query.where(MANIFEST.c.digest == str(digest(reference)))
    elif tag_valid(reference):
        query = query.join(
            TAG, (TAG.c.repository_id == MANIFEST.c.repository_id) & (TAG.c.digest == MANIFEST.c.digest)
        ).where(TAG.c.name == reference)
    else:
        raise WireError(codes.MANIFEST_UNKNOWN, f"no tag can be called {reference[:140]!r}")
    with database.glance() as connection:
        found = connection.execute(query).first()
        if found is None:
            known = connection.execute(select(REPOSITORY.c.id).where(REPOSITORY.c.name == name)).first()
            raise WireError(
                codes.MANIFEST_UNKNOWN if known else codes.NAME_UNKNOWN,
                f"{name}{'@' if ':' in reference else ':'}{reference[:140]}",
            )
    return StoredManifest(bytes(found[0]), str(found[1]), Digest.parse(found[2]))


def put(
    holdings: Holdings,
    name: str,
    reference: str,
    raw: bytes,
    media_type: str,
    tags: Sequence[str],
    expected: str,
    *,
    partial: bool = False,
) -> Put:
    """Store a manifest, its references and its tags, all or nothing. `partial` lets what it names be elsewhere.

    Args:
        holdings: the stored registry.
        name: the repository; it is made if need be.
        reference: a tag, or the manifest's digest.
        raw: the manifest's bytes, kept as they are.
        media_type: as the request says.
        tags: further tags for it.
        expected: the digests, one of which the reference must have at this moment (If-Match), or `ABSENT` where it must
            not be there; empty for any.
        partial: whether blobs and manifests that it names may be missing, as with a mirror.

    Raises:
        WireError: MANIFEST_INVALID, MANIFEST_BLOB_UNKNOWN, DIGEST_INVALID, SIZE_INVALID, NAME_UNKNOWN, 412, or
            what the rules say.
    """
    if len(raw) > MANIFEST_BYTES:
        raise WireError(codes.SIZE_INVALID, f"a manifest has at most {MANIFEST_BYTES} bytes")
    name_of = Digest.of(raw, digest(reference).algorithm) if ":" in reference else Digest.of(raw)
    if ":" in reference and str(name_of) != reference:
        raise WireError(codes.DIGEST_INVALID, f"the content is {name_of}")
    wanted = list(dict.fromkeys([*([] if ":" in reference else [reference]), *tags]))
    for tag in wanted:
        if not tag_valid(tag):
            raise WireError(codes.MANIFEST_INVALID, f"invalid tag {tag[:140]!r}")
    found = parsed(raw, media_type)
    subject = subject_of(found)

    def work(connection: Connection) -> None:
        repository, project = linking.repository_id(holdings, connection, name)
        for tag in sorted(wanted):
            holdings.database.lock(connection, f"tag {name}:{tag}")
        if expected:
            expect(connection, repository, reference, expected)
        moves = _moves(connection, repository, wanted, str(name_of))
        if moves and not partial:  # what is mirrored follows its upstream
            holdings.rules.pointing(connection, project, name, moves)
        if not partial:
            _check_children(connection, repository, found)
        _store(holdings, connection, repository, name_of, found, subject, partial=partial)
        for tag in sorted(wanted):  # in one order, so that two transactions never wait for each other
            _point(holdings, connection, repository, tag, name_of)
        connection.execute(update(REPOSITORY).where(REPOSITORY.c.id == repository).values(pushed_at=now()))
        for tag in wanted or [""]:
            record(connection, "mirror" if partial else "push", repository=name, reference=tag, digest=str(name_of))

    holdings.database.write(work)
    return Put(name_of, None if subject is None else subject.digest)


def parsed(raw: bytes, media_type: str) -> Manifest | Index:
    """The manifest or index, once it is sure that it is one.

    Raises:
        WireError: MANIFEST_INVALID.
    """
    if traits(media_type).role not in ("manifest", "index"):
        raise WireError(codes.MANIFEST_INVALID, f"not a manifest's media type: {media_type[:100]!r}")
    try:
        found = parse(raw, media_type)
        named = found.document.get("mediaType")
        count = len(found.references)
        subject_of(found)
    except (Error, UnicodeEncodeError) as error:
        raise WireError(codes.MANIFEST_INVALID, str(error)[:300]) from None
    if named is not None and named != media_type:
        raise WireError(codes.MANIFEST_INVALID, f"it says {str(named)[:100]!r}, but was sent as {media_type!r}")
    if count > _MOST_CHILDREN:
        raise WireError(codes.MANIFEST_INVALID, f"it names more than {_MOST_CHILDREN} objects")
    return found


def subject_of(found: Manifest | Index) -> Descriptor | None:
    """The manifest that this one refers to."""
    subject = found.document.get("subject")
    return None if subject is None else Descriptor.from_json(subject)


def digest(text: str) -> Digest:
    """The digest in a reference.

    Raises:
        WireError: DIGEST_INVALID.
    """
    try:
        return Digest.parse(text)
    except DigestInvalidError:
        raise WireError(codes.DIGEST_INVALID, text[:140]) from None


def expect(connection: Connection, repository: int, tag: str, expected: str) -> None:
    """Pass if the tag, or the manifest with that digest, is at one of the digests in `expected` (If-Match).

    Raises:
        WireError: PRECONDITION_FAILED.
    """
    query = select(TAG.c.digest).where(TAG.c.repository_id == repository, TAG.c.name == tag)
    if ":" in tag:
        query = select(MANIFEST.c.digest).where(MANIFEST.c.repository_id == repository, MANIFEST.c.digest == tag)
    now_at = connection.execute(query).scalar()
    met = now_at is None if expected == ABSENT else now_at is not None and expected in ("*", now_at)
    if not met and now_at not in expected.split(","):
        raise WireError(codes.PRECONDITION_FAILED, f"the tag is at {now_at or 'nothing'}")


def _moves(connection: Connection, repository: int, tags: Sequence[str], name_of: str) -> list[tuple[str, str]]:
    """The tags that would change, with the digest that each leaves."""
    query = select(TAG.c.name, TAG.c.digest).where(TAG.c.repository_id == repository, TAG.c.name.in_(tags))
    before = {str(row[0]): str(row[1]) for row in connection.execute(query)} if tags else {}
    return [(tag, before.get(tag, "")) for tag in tags if before.get(tag) != name_of]


def _check_children(connection: Connection, repository: int, found: Manifest | Index) -> None:
    """Every blob and manifest that it names is there; blobs that are not to be distributed may be elsewhere."""
    wanted = {
        str(child.digest)
        for child in found.references
        if isinstance(found, Index) or traits(child.media_type).distributable
    }
    left = set(wanted)
    for table in (REPOSITORY_BLOB, MANIFEST):
        for part in _parts(sorted(left)):
            query = select(table.c.digest).where(table.c.repository_id == repository, table.c.digest.in_(part))
            # Nobody may take a child away before this transaction ends. (SQLite has one writer at a time anyway.)
            query = query.order_by(table.c.digest).with_for_update(read=True, key_share=True)
            left -= set(connection.execute(query).scalars())
        if not isinstance(found, Index):
            break
    if left:
        raise WireError(codes.MANIFEST_BLOB_UNKNOWN, ", ".join(sorted(left)[:10]))


def _parts(items: list[str]) -> list[list[str]]:
    return [items[at : at + 500] for at in range(0, len(items), 500)]


def _store(
    holdings: Holdings,
    connection: Connection,
    repository: int,
    name_of: Digest,
    found: Manifest | Index,
    subject: Descriptor | None,
    *,
    partial: bool,
) -> None:
    document = found.document
    kind = str(document.get("artifactType") or "")
    if not kind and isinstance(found, Manifest):
        kind = found.config.media_type
    annotations = document.get("annotations")
    row = {
        "repository_id": repository,
        "digest": str(name_of),
        "media_type": found.media_type,
        "artifact_type": kind,
        "subject": None if subject is None else str(subject.digest),
        "raw": found.raw,
        "size": len(found.raw) + sum({child.digest: child.size for child in found.references}.values()),
        "annotations": json.dumps(annotations if isinstance(annotations, dict) else {}),
        "pushed_at": now(),
        "pushed_by": CALLER.get().name,
        "partial": partial,
    }
    statement = holdings.database.insert(MANIFEST).values(row)
    renewed = ("media_type",) if partial else ("media_type", "partial", "pushed_at", "pushed_by")
    changed = {key: row[key] for key in renewed}
    connection.execute(statement.on_conflict_do_update(index_elements=["repository_id", "digest"], set_=changed))
    children = [
        {"repository_id": repository, "manifest": str(name_of), "child": each}
        for each in sorted({str(child.digest) for child in found.references})
    ]
    if children:
        connection.execute(holdings.database.insert(REFERENCE).on_conflict_do_nothing(), children)


def _point(holdings: Holdings, connection: Connection, repository: int, tag: str, name_of: Digest) -> None:
    values = {"digest": str(name_of), "updated_at": now(), "updated_by": CALLER.get().name}
    statement = holdings.database.insert(TAG).values({"repository_id": repository, "name": tag, **values})
    connection.execute(statement.on_conflict_do_update(index_elements=["repository_id", "name"], set_=values))
