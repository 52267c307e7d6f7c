"""Web sessions: what a browser has after a login. Command lines have tokens of their own that outlive them."""

from sqlalchemy import Connection, delete, select

from dockyard.server.access import reading, secret
from dockyard.server.access.principal import Principal, Proof
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schema.accounts import SESSION

COOKIE = "dockyard-session"
LIFETIME_S = 12 * 3600


def begin(database: Database, proof: Proof, name: str, address: str, lifetime: int = LIFETIME_S) -> str:
    """A session of an account that has just logged in; returns the text for its cookie.

    Args:
        database: of the registry.
        proof: of the account.
        name: the account's, for the event.
        address: of the browser.
        lifetime: in seconds.
    """
    value, kept = secret.made("dys_")
    at = now()
    row = {
        "hash": kept,
        "account_id": proof.id,
        "stamp": proof.stamp,
        "address": address[:64],
        "created_at": at,
        "expires_at": at + lifetime * 1000,
    }

    def work(connection: Connection) -> None:
        connection.execute(delete(SESSION).where(SESSION.c.expires_at <= at))
        connection.execute(SESSION.insert().values(row))
        record(connection, "session.create", reference=name, detail={"from": address})

    database.write(work)
    return value


def find(database: Database, value: str) -> Principal | None:
    """Who has the session, with the rights of this moment; None if it is over or its account is no longer there."""
    if not value.startswith("dys_"):
        return None
    query = select(SESSION).where(SESSION.c.hash == secret.hashed(value), SESSION.c.expires_at > now())
    with database.read() as connection:
        row = connection.execute(query).first()
        return None if row is None else reading.principal(connection, Proof("account", row.account_id, row.stamp))


def csrf(value: str) -> str:
    """What a page sends beside the cookie with everything that changes something: another site's page knows neither."""
    return secret.stamp("csrf", value)


def end(database: Database, value: str) -> None:
    """End a session; nothing happens if it is none."""
    kept = secret.hashed(value)
    database.write(lambda connection: connection.execute(delete(SESSION).where(SESSION.c.hash == kept)))
