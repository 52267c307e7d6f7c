"""How many bytes the removal of manifests frees."""

from collections.abc import Mapping

from sqlalchemy import Connection, func, select

from dockyard.server.schema.content import BLOB, REFERENCE, REPOSITORY_BLOB

_CHUNK = 500


def freed(connection: Connection, named: Mapping[str, int]) -> int:
    """The bytes of the blobs that no manifest of any project still names, each counted once.

    Args:
        connection: to the database, in which the manifests still are.
        named: how many of the manifests that go name each blob.
    """
    total, blobs = 0, sorted(named)
    for at in range(0, len(blobs), _CHUNK):
        # References are found through the repositories that have the blob: both steps have an index.
        query = (
            select(BLOB.c.digest, BLOB.c.size, func.count())
            .join_from(BLOB, REPOSITORY_BLOB, REPOSITORY_BLOB.c.digest == BLOB.c.digest)
            .join(
                REFERENCE,
                (REFERENCE.c.repository_id == REPOSITORY_BLOB.c.repository_id)
                & (REFERENCE.c.child == REPOSITORY_BLOB.c.digest),
            )
            .where(BLOB.c.digest.in_(blobs[at : at + _CHUNK]))
            .group_by(BLOB.c.digest, BLOB.c.size)
        )
        total += sum(int(row[1]) for row in connection.execute(query) if row[2] == named[row[0]])
    return total
