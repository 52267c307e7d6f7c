"""Accounts of people: made, changed, removed, listed."""

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, func, select, update

from dockyard.errors import UsageError
from dockyard.server.access import tries
from dockyard.server.access.naming import UnknownNameError, found, free, name
from dockyard.server.access.principal import Principal, allowed, require
from dockyard.server.access.secret import password_hash
from dockyard.server.access.state import changed
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schema.accounts import ACCOUNT, REFRESH, SESSION

Source = Literal["local", "oidc", "ldap"]
_LONGEST_EMAIL = 320


class LastAdminError(UsageError):
    """That would leave no system admin who can log in."""

    reference = "last-admin"
    hint = "Make somebody else a system admin first: dockyard registry user set NAME --admin"


@dataclass(frozen=True)
class User:
    """An account as it is listed. Times are milliseconds since 1970."""

    name: str
    email: str
    admin: bool
    source: Source
    disabled: bool
    created_at: int
    seen_at: int | None


def add(
    database: Database,
    by: Principal,
    called: str,
    *,
    password: str | None = None,
    email: str = "",
    admin: bool = False,
    source: Source = "local",
    external_id: str | None = None,
) -> User:
    """Make an account. The very first must be a system admin: from then on every caller needs one.

    Args:
        database: of the registry.
        by: who does it.
        called: the name.
        password: needed for a local account.
        email: an address, or empty.
        admin: whether it is a system admin's.
        source: who checks its password: this registry, a directory or an identity provider.
        external_id: how that source names the person.

    Raises:
        AccessDeniedError: `by` may not.
        NameNotAllowedError, NameTakenError, PasswordWeakError, UsageError: it cannot be made so.
    """
    require(by, "", "user", "create")
    name(called, "an account")
    if source == "local" and password is None:
        raise UsageError("no password", hint="A local account needs one.")
    row = {
        "name": called,
        "email": _email(email),
        "password": None if password is None else password_hash(password),
        "admin": admin,
        "source": source,
        "external_id": external_id,
        "disabled": False,
        "created_at": now(),
    }

    def work(connection: Connection) -> User:
        database.lock(connection, "accounts")
        free(connection, ACCOUNT, called, "account")
        if not admin and not connection.execute(select(func.count()).select_from(ACCOUNT)).scalar():
            raise UsageError("the first account must be a system admin's", hint="Add --admin.")
        connection.execute(ACCOUNT.insert().values(row))
        changed(database, connection)
        record(connection, "user.create", reference=called, detail={"admin": admin, "source": source, "by": by.name})
        return _user(found(connection, ACCOUNT, called, "account"))

    return database.write(work)


def change(
    database: Database,
    by: Principal,
    called: str,
    *,
    password: str | None = None,
    email: str | None = None,
    admin: bool | None = None,
    disabled: bool | None = None,
    unlock: bool = False,
) -> User:
    """Change what is not None. People may change their own password and address; the rest is for system admins.

    Another password ends the account's web sessions and refresh tokens; personal tokens stay.

    Raises:
        AccessDeniedError: `by` may not.
        UnknownNameError, PasswordWeakError, LastAdminError, UsageError: it cannot be changed so.
    """
    values: dict[str, Any] = {}
    if password is not None:
        values["password"] = password_hash(password)
    if email is not None:
        values["email"] = _email(email)
    if admin is not None:
        values["admin"] = admin
    if disabled is not None:
        values["disabled"] = disabled

    def work(connection: Connection) -> User:
        row = _reachable(connection, by, called, "update", mine=admin is None and disabled is None and not unlock)
        if password is not None and row.source != "local":
            raise UsageError(f"{called} logs in through {row.source}", hint="Its password is changed there.")
        database.lock(connection, "accounts")
        if (admin is False or disabled) and row.admin:
            _another_admin(connection, row)
        if values:
            connection.execute(update(ACCOUNT).where(ACCOUNT.c.id == row.id).values(values))
        if password is not None or disabled:
            _end(connection, row.id)
        if unlock:
            tries.forget(connection, called)
        changed(database, connection)
        what = sorted(values) + (["unlock"] if unlock else [])
        record(connection, "user.update", reference=called, detail={"changed": what, "by": by.name})
        return _user(found(connection, ACCOUNT, called, "account"))

    return database.write(work)


def remove(database: Database, by: Principal, called: str) -> None:
    """Remove an account with its memberships, tokens and sessions. What it pushed stays.

    Raises:
        AccessDeniedError: `by` may not.
        UnknownNameError, LastAdminError: it is not there, or must stay.
    """
    require(by, "", "user", "delete")

    def work(connection: Connection) -> None:
        database.lock(connection, "accounts")
        row = found(connection, ACCOUNT, called, "account")
        if row.admin:
            _another_admin(connection, row)
        _end(connection, row.id)
        connection.execute(delete(ACCOUNT).where(ACCOUNT.c.id == row.id))
        changed(database, connection)
        record(connection, "user.delete", reference=called, detail={"by": by.name})

    database.write(work)


def get(database: Database, by: Principal, called: str) -> User:
    """One account.

    Raises:
        AccessDeniedError: `by` may not.
        UnknownNameError: there is none.
    """
    with database.read() as connection:
        return _user(_reachable(connection, by, called, "read", mine=True))


def listing(database: Database, by: Principal, *, last: str = "", count: int = 100) -> list[User]:
    """At most `count` accounts after `last`, by name.

    Raises:
        AccessDeniedError: `by` may not.
    """
    require(by, "", "user", "list")
    query = select(ACCOUNT).where(ACCOUNT.c.name > last).order_by(ACCOUNT.c.name).limit(count)
    with database.read() as connection:
        return [_user(row) for row in connection.execute(query)]


def _reachable(connection: Connection, by: Principal, called: str, action: str, *, mine: bool) -> Row[Any]:
    row = connection.execute(select(ACCOUNT).where(ACCOUNT.c.name == called)).first()
    own = mine and row is not None and row.id == by.account and by.proof.kind == "account"
    if not own and not allowed(by, "", "user", action):
        require(by, "", "user", action)
    if row is None:
        raise UnknownNameError(f"there is no account {called[:128]!r}")
    return row


def _another_admin(connection: Connection, row: Row[Any]) -> None:
    others = select(ACCOUNT.c.id).where(ACCOUNT.c.admin, ~ACCOUNT.c.disabled, ACCOUNT.c.id != row.id)
    if connection.execute(others.limit(1)).first() is None:
        raise LastAdminError(f"{row.name} is the last system admin")


def _end(connection: Connection, number: int) -> None:
    connection.execute(delete(SESSION).where(SESSION.c.account_id == number))
    connection.execute(delete(REFRESH).where(REFRESH.c.kind == "account", REFRESH.c.subject_id == number))


def _email(text: str) -> str:
    if len(text) > _LONGEST_EMAIL or not text.isprintable() or (text and "@" not in text):
        raise UsageError(f"not an e-mail address: {text[:60]!r}", hint="Write it like name@example.org.")
    return text


def _user(row: Row[Any]) -> User:
    return User(row.name, row.email, row.admin, row.source, row.disabled, row.created_at, row.seen_at)
