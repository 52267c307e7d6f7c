"""Which repository has which blob, and how many bytes that makes a project."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, exists, select, update

from dockyard.oci.digest import Digest
from dockyard.registry.caller import CALLER
from dockyard.registry.interface import WireError
from dockyard.registry.protocol import codes
from dockyard.server.clock import now
from dockyard.server.database import Database, inserting
from dockyard.server.events import record
from dockyard.server.names import project_of
from dockyard.server.prepared import Prepared
from dockyard.server.schema.content import BLOB, DELETION, PROJECT_BLOB, REFERENCE, REPOSITORY_BLOB
from dockyard.server.schema.projects import PROJECT, REPOSITORY, USAGE
from dockyard.server.stored.holdings import Holdings


def size(holdings: Holdings, name: str, digest: Digest) -> tuple[int, bool]:
    """The size of a blob that the repository has, and whether one of its manifests names it, so that it stays.

    A blob that no manifest names lives on for a while: whoever asked may be about to push one. What was prolonged in
    the last quarter of the grace period is not prolonged again, so that asking seldom writes.

    Raises:
        WireError: BLOB_UNKNOWN.
    """
    named = exists().where(REFERENCE.c.repository_id == REPOSITORY.c.id, REFERENCE.c.child == str(digest))
    query = (
        select(BLOB.c.size, REPOSITORY.c.id, named, REPOSITORY_BLOB.c.added_at)
        .join_from(REPOSITORY, REPOSITORY_BLOB, REPOSITORY_BLOB.c.repository_id == REPOSITORY.c.id)
        .join(BLOB, BLOB.c.digest == REPOSITORY_BLOB.c.digest)
        .where(REPOSITORY.c.name == name, BLOB.c.digest == str(digest))
    )
    with holdings.database.glance() as connection:
        found = connection.execute(query).first()
    # Between looking and prolonging the blob may have been removed: then it must not be said to be there.
    if found is None or (
        not found[2]
        and found[3] < now() - holdings.grace // 4
        and not holdings.database.write(lambda connection: _touch(connection, found[1], digest))
    ):
        raise WireError(codes.BLOB_UNKNOWN, str(digest))
    return int(found[0]), bool(found[2])


def publish(holdings: Holdings, name: str, digest: Digest, length: int, sure: Callable[[], None]) -> None:
    """Let what is on the disk become a blob of the repository. `sure` makes sure that the bytes are in their place;
    called while nobody removes them.
    """

    def work(connection: Connection) -> None:
        holdings.database.lock(connection, f"blob {digest}")
        repository, project = repository_id(holdings, connection, name)
        blob = statements(holdings.database.postgresql).blob
        blob(connection, digest=str(digest), size=length, created_at=now())
        link(holdings, connection, repository, project, digest, length)
        sure()

    holdings.database.write(work)


def reject(holdings: Holdings, digest: Digest) -> None:
    """Let go of bytes that were refused: they may be in their place already, where collecting finds them if nobody else
    has them.
    """
    holdings.database.write(lambda connection: watch(holdings.database, connection, [str(digest)], now()))


def mount(holdings: Holdings, name: str, digest: Digest, source: str) -> bool:
    """Let the repository have a blob that `source` has."""

    def work(connection: Connection) -> bool:
        holdings.database.lock(connection, f"blob {digest}")
        found = connection.execute(
            select(BLOB.c.size)
            .join_from(REPOSITORY, REPOSITORY_BLOB, REPOSITORY_BLOB.c.repository_id == REPOSITORY.c.id)
            .join(BLOB, BLOB.c.digest == REPOSITORY_BLOB.c.digest)
            .where(REPOSITORY.c.name == source, BLOB.c.digest == str(digest))
        ).first()
        if found is None or not holdings.blobs.exists(digest, int(found[0])):
            return False
        repository, project = repository_id(holdings, connection, name)
        link(holdings, connection, repository, project, digest, int(found[0]))
        return True

    return holdings.database.write(work)


def holders(database: Database, digest: Digest, most: int) -> Sequence[str]:
    """Some repositories that have the blob."""
    query = (
        select(REPOSITORY.c.name)
        .join_from(REPOSITORY_BLOB, REPOSITORY, REPOSITORY_BLOB.c.repository_id == REPOSITORY.c.id)
        .where(REPOSITORY_BLOB.c.digest == str(digest))
        .limit(most)
    )
    with database.read() as connection:
        return list(connection.execute(query).scalars())


def repository_id(holdings: Holdings, connection: Connection, name: str) -> tuple[int, int]:
    """The numbers of a repository and its project; both are made where they are not there yet.

    Raises:
        WireError: NAME_UNKNOWN: there is no such project, and a push may not make one.
    """
    query = statements(holdings.database.postgresql).repository
    found = query(connection, name=name).first()
    if found is not None:
        return int(found[0]), int(found[1])
    project = project_of(name)
    insert, at = holdings.database.insert, now()
    if holdings.projects:
        values = {"name": project, "public": False, "settings": "{}", "created_at": at, "quota": holdings.quota}
        if connection.execute(insert(PROJECT).values(values).on_conflict_do_nothing()).rowcount == 1:
            detail = {"public": False, "by": CALLER.get().name}
            record(connection, "project.create", project=project, reference=project, detail=detail)
    number = connection.execute(select(PROJECT.c.id).where(PROJECT.c.name == project)).scalar()
    if number is None:
        raise WireError(codes.NAME_UNKNOWN, f"there is no project {project}")
    values = {"project_id": number, "name": name, "description": "", "created_at": at, "pulls": 0}
    connection.execute(insert(REPOSITORY).values(values).on_conflict_do_nothing())
    found = query(connection, name=name).one()
    return int(found[0]), int(found[1])


def link(
    holdings: Holdings, connection: Connection, repository: int, project: int, digest: Digest, length: int
) -> None:
    """Let a repository have a blob, count it for the project, and look later whether something refers to it.

    Raises:
        WireError: what the rules say.
    """
    made, at, text = statements(holdings.database.postgresql), now(), str(digest)
    made.link(connection, repository_id=repository, digest=text, added_at=at)
    if made.project(connection, project_id=project, digest=text, size=length).first() is not None:
        count(holdings.database, connection, project, digest, length)
        holdings.rules.linking(connection, project, length)
    watch(holdings.database, connection, [text], at + holdings.grace)


def count(database: Database, connection: Connection, project: int, digest: Digest, change: int) -> None:
    """Add `change` bytes to what the project uses."""
    usage = statements(database.postgresql).usage
    usage(connection, project_id=project, shard=int(digest.hex[0], 16), bytes=change)


def watch(database: Database, connection: Connection, digests: Iterable[str], due: int) -> None:
    """Look at `due` whether something still needs these blobs."""
    deletion = statements(database.postgresql).deletion
    for each in sorted(digests):  # in one order, so that two transactions never wait for each other
        deletion(connection, digest=each, due_at=due)


class _Statements(NamedTuple):
    repository: Prepared
    blob: Prepared
    link: Prepared
    project: Prepared
    usage: Prepared
    deletion: Prepared


@cache
def statements(postgresql: bool) -> _Statements:
    """What every push does."""
    insert = inserting(postgresql)
    link, usage, deletion = insert(REPOSITORY_BLOB), insert(USAGE), insert(DELETION)
    total = {"bytes": USAGE.c.bytes + usage.excluded.bytes}
    link = link.on_conflict_do_update(
        index_elements=["repository_id", "digest"], set_={"added_at": link.excluded.added_at}
    )
    usage = usage.on_conflict_do_update(index_elements=["project_id", "shard"], set_=total)
    deletion = deletion.on_conflict_do_update(index_elements=["digest"], set_={"due_at": deletion.excluded.due_at})
    # How many rows an INSERT made is not told by every driver; what it returns is.
    project = insert(PROJECT_BLOB).on_conflict_do_nothing().returning(PROJECT_BLOB.c.digest)
    repository = select(REPOSITORY.c.id, REPOSITORY.c.project_id).where(REPOSITORY.c.name == bindparam("name"))
    return _Statements(
        Prepared(postgresql, repository),
        Prepared(postgresql, insert(BLOB).on_conflict_do_nothing(), ("digest", "size", "created_at")),
        Prepared(postgresql, link, ("repository_id", "digest", "added_at")),
        Prepared(postgresql, project, ("project_id", "digest", "size")),
        Prepared(postgresql, usage, ("project_id", "shard", "bytes")),
        Prepared(postgresql, deletion, ("digest", "due_at")),
    )


def unlink(database: Database, connection: Connection, repository: int, project: int, digest: Digest) -> None:
    """Let a repository no longer have a blob; the project no longer counts it if no other repository has it.

    To be called under the lock of the blob: two repositories that let go of it side by side would each rely on the
    other.
    """
    connection.execute(
        delete(REPOSITORY_BLOB).where(
            REPOSITORY_BLOB.c.repository_id == repository, REPOSITORY_BLOB.c.digest == str(digest)
        )
    )
    other = exists().where(
        REPOSITORY_BLOB.c.digest == str(digest),
        REPOSITORY_BLOB.c.repository_id == REPOSITORY.c.id,
        REPOSITORY.c.project_id == project,
    )
    if connection.execute(select(other)).scalar():
        return
    mine = (PROJECT_BLOB.c.project_id == project, PROJECT_BLOB.c.digest == str(digest))
    length = connection.execute(select(PROJECT_BLOB.c.size).where(*mine)).scalar()
    if length is not None:
        connection.execute(delete(PROJECT_BLOB).where(*mine))
        count(database, connection, project, digest, -int(length))


def _touch(connection: Connection, repository: int, digest: Digest) -> bool:
    done = connection.execute(
        update(REPOSITORY_BLOB)
        .where(REPOSITORY_BLOB.c.repository_id == repository, REPOSITORY_BLOB.c.digest == str(digest))
        .values(added_at=now())
    )
    return done.rowcount > 0
