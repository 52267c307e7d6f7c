"""Refresh tokens: what a client keeps in place of a password to ask for tokens again."""

from sqlalchemy import Connection, delete, select, update

from dockyard.server.access import secret
from dockyard.server.access.principal import Proof
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schema.accounts import REFRESH

_LONGEST_CLIENT = 100


def make(database: Database, proof: Proof, name: str, client: str, lifetime: int) -> str:
    """A refresh token for whoever `proof` is; it ends with what the proof rests on, or `lifetime` seconds after its
    last use.
    """
    value, kept = secret.made(secret.REFRESH)
    at = now()
    row = {
        "hash": kept,
        "kind": proof.kind,
        "subject_id": proof.id,
        "stamp": proof.stamp,
        "client": client[:_LONGEST_CLIENT],
        "created_at": at,
        "expires_at": at + lifetime * 1000,
    }

    def work(connection: Connection) -> None:
        connection.execute(delete(REFRESH).where(REFRESH.c.expires_at <= at))
        connection.execute(REFRESH.insert().values(row))
        record(connection, "refresh.create", reference=name, detail={"client": row["client"]})

    database.write(work)
    return value


def use(database: Database, value: str, lifetime: int) -> Proof | None:
    """Whose token that is; None if it is nobody's or over. Its time begins anew."""
    at, kept = now(), secret.hashed(value)
    with database.read() as connection:
        row = connection.execute(select(REFRESH).where(REFRESH.c.hash == kept, REFRESH.c.expires_at > at)).first()
    if row is None:
        return None
    if row.used_at is None or at - row.used_at > 60_000:
        values = {"used_at": at, "expires_at": at + lifetime * 1000}
        database.write(
            lambda connection: connection.execute(update(REFRESH).where(REFRESH.c.hash == kept).values(values))
        )
    return Proof(row.kind, int(row.subject_id), row.stamp)
