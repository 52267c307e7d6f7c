"""Removing whole repositories and projects.

What people see goes in one transaction; blobs are let go of in small ones after it, so that no push waits long. If that
is cut off, collecting finds the rest when its time has come.
"""

from functools import partial

from sqlalchemy import Connection, delete, exists, select, update

from dockyard.oci.digest import Digest
from dockyard.registry.interface import WireError
from dockyard.registry.protocol import codes
from dockyard.server.clock import now
from dockyard.server.events import record
from dockyard.server.schema.content import MANIFEST, REFERENCE, REPOSITORY_BLOB, TAG
from dockyard.server.schema.projects import PROJECT, REPOSITORY
from dockyard.server.stored import linking
from dockyard.server.stored.holdings import Holdings

_TOGETHER = 100


def repository(holdings: Holdings, name: str) -> None:
    """Remove a repository with everything in it. A push into it at the same time may make it anew.

    Raises:
        WireError: NAME_UNKNOWN, or what the rules say of its tags.
    """
    number, project = holdings.database.write(partial(_empty, holdings, name=name))
    _let_go(holdings, number, project)
    holdings.database.write(partial(_drop_empty, number=number))


def project(holdings: Holdings, name: str, *, force: bool = False) -> list[str]:
    """Remove a project; returns the repositories that went with it.

    Args:
        holdings: where it is.
        name: the project.
        force: with its repositories; otherwise one that has any is refused.

    Raises:
        WireError: NAME_UNKNOWN; DENIED where there are repositories; what the rules say of a tag.
    """
    with holdings.database.read() as connection:
        query = select(PROJECT.c.id).where(PROJECT.c.name == name)
        number = connection.execute(query).scalar()
        if number is None:
            raise WireError(codes.NAME_UNKNOWN, f"there is no project {name}")
    of_project = select(REPOSITORY.c.name).where(REPOSITORY.c.project_id == number).order_by(REPOSITORY.c.name)
    with holdings.database.read() as connection:
        names = [str(each) for each in connection.execute(of_project).scalars()]
    if names and not force:
        raise WireError(codes.DENIED, f"project {name} has {len(names)} repositories")
    for each in names:
        repository(holdings, each)

    def work(connection: Connection) -> None:
        there = connection.execute(of_project).scalars().first()
        if there is not None:
            raise WireError(codes.DENIED, f"somebody has just pushed to {there}")
        connection.execute(delete(PROJECT).where(PROJECT.c.id == number))
        record(connection, "project.delete", project=name, reference=name)

    holdings.database.write(work)
    return names


def _empty(holdings: Holdings, connection: Connection, name: str) -> tuple[int, int]:
    query = select(REPOSITORY.c.id, REPOSITORY.c.project_id).where(REPOSITORY.c.name == name).with_for_update()
    found = connection.execute(query).first()
    if found is None:
        raise WireError(codes.NAME_UNKNOWN, name)
    number, of_project = int(found[0]), int(found[1])
    tags = list(connection.execute(select(TAG.c.name).where(TAG.c.repository_id == number)).scalars())
    holdings.rules.forgetting(connection, of_project, name, tags)
    for table in (TAG, REFERENCE, MANIFEST):
        connection.execute(delete(table).where(table.c.repository_id == number))
    # If this process ends here, collecting finds every blob old enough and due.
    mine = REPOSITORY_BLOB.c.repository_id == number
    connection.execute(update(REPOSITORY_BLOB).where(mine).values(added_at=0))
    blobs = connection.execute(select(REPOSITORY_BLOB.c.digest).where(mine)).scalars()
    linking.watch(holdings.database, connection, blobs, now() + holdings.grace)
    record(connection, "repository.delete", repository=name, detail={"tags": len(tags)})
    return number, of_project


def _let_go(holdings: Holdings, number: int, of_project: int) -> None:
    # Only what was there when the repository was emptied; a push since then has its own time.
    mine = (REPOSITORY_BLOB.c.repository_id == number, REPOSITORY_BLOB.c.added_at == 0)
    query = select(REPOSITORY_BLOB.c.digest).where(*mine).order_by(REPOSITORY_BLOB.c.digest).limit(_TOGETHER)

    def work(connection: Connection) -> int:
        digests = [Digest.parse(each) for each in connection.execute(query).scalars()]
        for each in digests:
            holdings.database.lock(connection, f"blob {each}")
        for each in digests:
            here = (*mine, REPOSITORY_BLOB.c.digest == str(each))
            if connection.execute(select(exists().where(*here))).scalar():
                linking.unlink(holdings.database, connection, number, of_project, each)
        return len(digests)

    while holdings.database.write(work):
        pass


def _drop_empty(connection: Connection, number: int) -> None:
    for table in (MANIFEST, REPOSITORY_BLOB):
        if connection.execute(select(exists().where(table.c.repository_id == number))).scalar():
            return
    connection.execute(delete(REPOSITORY).where(REPOSITORY.c.id == number))
