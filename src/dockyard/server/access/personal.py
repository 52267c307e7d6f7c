"""Personal access tokens: what people give their command lines in place of a password.

They do not depend on the session in which they were made, nor on the system through which their owner logs in.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, select

from dockyard.errors import UsageError
from dockyard.server.access import secret
from dockyard.server.access.naming import NameTakenError, UnknownNameError, found, name
from dockyard.server.access.principal import AccessDeniedError, Principal
from dockyard.server.access.reading import SCOPES
from dockyard.server.access.state import changed
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schema.accounts import ACCOUNT, PERSONAL, REFRESH

_MOST = 100


@dataclass(frozen=True)
class Personal:
    """A token as it is listed; its secret is kept only as a hash."""

    name: str
    scope: str
    expires_at: int | None
    created_at: int
    used_at: int | None


def add(
    database: Database,
    by: Principal,
    owner: str,
    called: str,
    *,
    scope: str = "full",
    expires_at: int | None = None,
) -> tuple[Personal, str]:
    """Make a token for the account `owner`; the text returned beside it is the secret, shown this once.

    Args:
        database: where.
        by: the owner, with a login of its own rather than another token, or a system admin.
        owner: the account.
        called: what its owner calls it.
        scope: read-only, read-write, or full.
        expires_at: milliseconds since 1970; None for never.

    Raises:
        AccessDeniedError, UnknownNameError, NameNotAllowedError, NameTakenError, UsageError: it cannot be made.
    """
    name(called, "a token")
    if scope not in SCOPES:
        raise UsageError(f"not a scope: {scope!r}", hint=f"There are {', '.join(SCOPES)}.")
    value, kept = secret.made(secret.PERSONAL)

    def work(connection: Connection) -> Personal:
        account = _owner(connection, by, owner)
        database.lock(connection, f"personal {account}")
        mine = connection.execute(select(PERSONAL.c.name).where(PERSONAL.c.account_id == account)).scalars().all()
        if called in mine:
            raise NameTakenError(f"{owner} has a token {called!r} already")
        if len(mine) >= _MOST:
            raise UsageError(f"{owner} has {len(mine)} tokens", hint="Remove some that are no longer used.")
        row = {
            "account_id": account,
            "name": called,
            "hash": kept,
            "scope": scope,
            "expires_at": expires_at,
            "created_at": now(),
        }
        connection.execute(PERSONAL.insert().values(row))
        detail = {"token": called, "scope": scope, "by": by.name}
        record(connection, "token.create", reference=owner, detail=detail)
        return _personal(connection.execute(select(PERSONAL).where(PERSONAL.c.hash == kept)).one())

    return database.write(work), value


def remove(database: Database, by: Principal, owner: str, called: str) -> None:
    """End a token and what was made with it.

    Raises:
        AccessDeniedError, UnknownNameError: it cannot be removed.
    """

    def work(connection: Connection) -> None:
        account = _owner(connection, by, owner)
        query = select(PERSONAL.c.id).where(PERSONAL.c.account_id == account, PERSONAL.c.name == called)
        number = connection.execute(query).scalar()
        if number is None:
            raise UnknownNameError(f"{owner} has no token {called[:128]!r}")
        connection.execute(delete(REFRESH).where(REFRESH.c.kind == "personal", REFRESH.c.subject_id == number))
        connection.execute(delete(PERSONAL).where(PERSONAL.c.id == number))
        changed(database, connection)
        record(connection, "token.delete", reference=owner, detail={"token": called, "by": by.name})

    database.write(work)


def listing(database: Database, by: Principal, owner: str) -> list[Personal]:
    """All tokens of an account, by name.

    Raises:
        AccessDeniedError, UnknownNameError: `by` may not, or there is no such account.
    """
    with database.read() as connection:
        account = _owner(connection, by, owner)
        query = select(PERSONAL).where(PERSONAL.c.account_id == account).order_by(PERSONAL.c.name)
        return [_personal(row) for row in connection.execute(query)]


def _owner(connection: Connection, by: Principal, owner: str) -> int:
    admin = by.admin and by.proof.kind in ("account", "system")
    row = connection.execute(select(ACCOUNT.c.id).where(ACCOUNT.c.name == owner)).first()
    if not admin and not (row is not None and by.proof.kind == "account" and row.id == by.account):
        raise AccessDeniedError(f"{by.name} may not manage the tokens of {owner[:128]}")
    return int(row.id if row is not None else found(connection, ACCOUNT, owner, "account").id)


def _personal(row: Row[Any]) -> Personal:
    return Personal(row.name, row.scope, row.expires_at, row.created_at, row.used_at)
