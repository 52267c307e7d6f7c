"""Deleting, online: what nothing refers to is looked at again after a while, and removed if that is still so.

No blob goes while an upload, a mount or a manifest may still come to need it: whoever asks whether the registry has it
prolongs its life by the grace period, and removing takes the same lock as publishing.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from sqlalchemy import Connection, delete, exists, select

from dockyard.oci.digest import Digest
from dockyard.registry.interface import WireError
from dockyard.registry.protocol import codes
from dockyard.server.clock import now
from dockyard.server.events import record
from dockyard.server.schema.content import BLOB, DELETION, MANIFEST, REFERENCE, REPOSITORY_BLOB, TAG
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.stored import linking
from dockyard.server.stored.holdings import Holdings
from dockyard.server.stored.manifests import digest as digest_of
from dockyard.server.stored.manifests import expect

_TOGETHER = 100


def manifest(holdings: Holdings, name: str, reference: str, expected: str = "") -> None:
    """Forget a tag, or a manifest with all its tags; where `expected` is not empty, only if it is at that digest.

    Raises:
        WireError: NAME_UNKNOWN, MANIFEST_UNKNOWN, DIGEST_INVALID; DENIED while an index names the manifest, which
            would no longer be complete; PRECONDITION_FAILED where it is not what was expected; what the rules say.
    """
    by_digest = ":" in reference
    wanted = str(digest_of(reference)) if by_digest else reference

    def work(connection: Connection) -> None:
        query = select(REPOSITORY.c.id, REPOSITORY.c.project_id).where(REPOSITORY.c.name == name)
        found = connection.execute(query).first()
        if found is None:
            raise WireError(codes.NAME_UNKNOWN, name)
        repository, project = int(found[0]), int(found[1])
        tags = tags_of(connection, repository, wanted) if by_digest else [wanted]
        if by_digest:
            if referring(connection, repository, wanted):
                raise WireError(codes.MANIFEST_IN_USE, wanted)
            if expected not in ("", "*") and wanted not in expected.split(","):
                raise WireError(codes.PRECONDITION_FAILED, f"it is {wanted}")
            holdings.rules.forgetting(connection, project, name, tags)
            gone = drop(holdings, connection, repository, wanted)
        else:
            mine = (TAG.c.repository_id == repository, TAG.c.name == wanted)
            there = connection.execute(select(TAG.c.name).where(*mine).with_for_update()).scalar()
            if there is not None:
                if expected:
                    expect(connection, repository, wanted, expected)
                holdings.rules.forgetting(connection, project, name, tags)
            gone = connection.execute(delete(TAG).where(*mine)).rowcount > 0
        if not gone:
            raise WireError(codes.MANIFEST_UNKNOWN, reference[:140])
        tag, at = ("", wanted) if by_digest else (wanted, "")
        record(connection, "delete" if by_digest else "tag.delete", repository=name, reference=tag, digest=at)

    holdings.database.write(work)


def tags_of(connection: Connection, repository: int, wanted: str) -> list[str]:
    """The tags that point to a manifest, which nobody else changes until the transaction ends."""
    # The lock comes first, so that what is read after it is what was committed last.
    mine = (MANIFEST.c.repository_id == repository, MANIFEST.c.digest == wanted)
    connection.execute(select(MANIFEST.c.digest).where(*mine).with_for_update())
    query = select(TAG.c.name).where(TAG.c.repository_id == repository, TAG.c.digest == wanted).order_by(TAG.c.name)
    return [str(each) for each in connection.execute(query.with_for_update()).scalars()]


def drop(holdings: Holdings, connection: Connection, repository: int, wanted: str) -> bool:
    """Forget a manifest by digest, its tags and references; its blobs are looked at later. False if it is not there."""
    children = connection.execute(
        select(REFERENCE.c.child).where(REFERENCE.c.repository_id == repository, REFERENCE.c.manifest == wanted)
    ).scalars()
    blobs = list(children)
    connection.execute(delete(TAG).where(TAG.c.repository_id == repository, TAG.c.digest == wanted))
    connection.execute(delete(REFERENCE).where(REFERENCE.c.repository_id == repository, REFERENCE.c.manifest == wanted))
    gone = connection.execute(
        delete(MANIFEST).where(MANIFEST.c.repository_id == repository, MANIFEST.c.digest == wanted)
    ).rowcount
    linking.watch(holdings.database, connection, blobs, now() + holdings.grace)
    return gone > 0


def blob(holdings: Holdings, name: str, wanted: Digest) -> None:
    """Let a repository no longer have a blob.

    Raises:
        WireError: BLOB_UNKNOWN, or DENIED while a manifest of the repository names it.
    """

    def work(connection: Connection) -> None:
        holdings.database.lock(connection, f"blob {wanted}")
        query = (
            select(REPOSITORY.c.id, REPOSITORY.c.project_id)
            .join_from(REPOSITORY, REPOSITORY_BLOB, REPOSITORY_BLOB.c.repository_id == REPOSITORY.c.id)
            .where(REPOSITORY.c.name == name, REPOSITORY_BLOB.c.digest == str(wanted))
            .with_for_update(of=REPOSITORY_BLOB)
        )
        found = connection.execute(query).first()
        if found is None:
            raise WireError(codes.BLOB_UNKNOWN, str(wanted))
        if referring(connection, int(found[0]), str(wanted)):
            raise WireError(codes.BLOB_IN_USE, str(wanted))
        linking.unlink(holdings.database, connection, int(found[0]), int(found[1]), wanted)
        linking.watch(holdings.database, connection, [str(wanted)], now() + holdings.grace)
        record(connection, "blob.delete", repository=name, digest=str(wanted))

    holdings.database.write(work)


class Collected(NamedTuple):
    """How many blobs were looked at, how many were removed, and their bytes."""

    seen: int
    blobs: int
    bytes: int


def collect(holdings: Holdings, *, most: int = 1000) -> Collected:
    """Remove the blobs whose time has come and that nothing needs.

    Each is a transaction of its own, so pushes and pulls go on beside it; their bytes go some hundred at once, which
    object storage does with one request. It may be cut off anywhere, and what was cut off is gone on with by the next
    one. Looks at `most` of them.
    """
    with holdings.database.read() as connection:
        query = select(DELETION.c.digest).where(DELETION.c.due_at <= now()).order_by(DELETION.c.due_at).limit(most)
        due = list(connection.execute(query).scalars())
    count = total = 0
    loose: list[str] = []
    for each in due:
        free, length = holdings.database.write(partial(_release, holdings, text=each))
        if free:
            loose.append(each)
        if length is not None:
            count, total = count + 1, total + length
        if len(loose) == _TOGETHER or (loose and each == due[-1]):
            holdings.database.write(partial(_remove, holdings, texts=sorted(loose)))
            loose.clear()
    return Collected(len(due), count, total)


def _release(holdings: Holdings, connection: Connection, text: str) -> tuple[bool, int | None]:
    """Take a blob from the repositories that do not need it, and forget it where none does. Returns whether its bytes
    may go, and its size if it was known till now.

    Its bytes go in a transaction after that one, so that no row ever speaks of bytes that are not there.
    """
    wanted, edge = Digest.parse(text), now() - holdings.grace
    holdings.database.lock(connection, f"blob {wanted}")
    query = (
        select(REPOSITORY_BLOB.c.repository_id, REPOSITORY.c.project_id, REPOSITORY_BLOB.c.added_at)
        .join_from(REPOSITORY_BLOB, REPOSITORY, REPOSITORY_BLOB.c.repository_id == REPOSITORY.c.id)
        .where(REPOSITORY_BLOB.c.digest == text)
        .order_by(REPOSITORY_BLOB.c.repository_id)
        .with_for_update(of=REPOSITORY_BLOB)  # waits for manifests that are just being pushed and name it
    )
    youngest = needed = 0
    for repository, project, added_at in connection.execute(query).all():
        if referring(connection, repository, text):
            needed += 1
        elif added_at > edge:
            youngest = max(youngest, added_at)
        else:
            linking.unlink(holdings.database, connection, repository, project, wanted)
    if youngest:
        linking.watch(holdings.database, connection, [text], youngest + holdings.grace)
        return False, None
    if needed:
        connection.execute(delete(DELETION).where(DELETION.c.digest == text))
        return False, None
    length = connection.execute(select(BLOB.c.size).where(BLOB.c.digest == text)).scalar()
    connection.execute(delete(BLOB).where(BLOB.c.digest == text))
    return True, None if length is None else int(length)


def _remove(holdings: Holdings, connection: Connection, texts: Sequence[str]) -> None:
    for each in texts:  # in one order, so that two transactions never wait for each other
        holdings.database.lock(connection, f"blob {each}")
    back = set(connection.execute(select(BLOB.c.digest).where(BLOB.c.digest.in_(texts))).scalars())
    gone = [each for each in texts if each not in back]  # what was pushed anew since stays
    holdings.blobs.remove([Digest.parse(each) for each in gone])
    connection.execute(delete(DELETION).where(DELETION.c.digest.in_(gone)))


def referring(connection: Connection, repository: int, child: str) -> bool:
    """Whether a manifest of the repository names `child`."""
    query = select(exists().where(REFERENCE.c.repository_id == repository, REFERENCE.c.child == child))
    return bool(connection.execute(query).scalar())
