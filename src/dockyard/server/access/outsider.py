"""People whom another system knows: what it says of them, and the account that they get here."""

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from dockyard.errors import Error
from dockyard.server.access import groups
from dockyard.server.access.principal import Proof
from dockyard.server.access.reading import account_stamp
from dockyard.server.access.state import changed
from dockyard.server.access.users import Source
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schema.accounts import ACCOUNT


class OnboardingRefusedError(Error):
    """Another system knows this person, who has no account here and may not get one of that name."""

    reference = "onboarding-refused"
    hint = "A system admin can make the account, or free its name."


@dataclass(frozen=True)
class Outsider:
    """Somebody whom another system vouches for.

    Attributes:
        source: the kind of system.
        id: who it is there, for ever.
        name: what the account should be called.
        email: where that is known.
        groups: None where the system says nothing of groups.
        admin: None where the system does not say who is a system admin here.
    """

    source: Source
    id: str
    name: str
    email: str = ""
    groups: tuple[str, ...] | None = None
    admin: bool | None = None


def welcome(database: Database, person: Outsider, *, onboard: bool = True) -> tuple[Proof, str]:
    """The account of somebody whom another system vouches for just now, as its proof and name: made at the first
    login, and brought up to date with groups and admin at each.

    Raises:
        OnboardingRefusedError: there is no account and none is made: onboarding is off, the name belongs to somebody
            else, the account is disabled, or there is no system admin yet.
    """

    def work(connection: Connection) -> tuple[Proof, str]:
        database.lock(connection, "accounts")
        row = _found(connection, person)
        rights = row is None
        if row is None:
            row = _made(connection, person, onboard)
        if row.disabled:
            raise OnboardingRefusedError(f"the account {row.name} is disabled")
        values: dict[str, Any] = {"seen_at": now()}
        if person.email:
            values["email"] = person.email[:320]
        if person.admin is not None and person.admin != row.admin:
            values["admin"], rights = person.admin, True
            detail = {"changed": ["admin"], "by": person.source}
            record(connection, "user.update", reference=row.name, detail=detail)
        connection.execute(update(ACCOUNT).where(ACCOUNT.c.id == row.id).values(values))
        if person.groups is not None:
            rights = groups.follow(database, connection, row.id, person.source, person.groups) or rights
        if rights:
            changed(database, connection)
        return Proof("account", int(row.id), account_stamp(row)), str(row.name)

    return database.write(work)


def _found(connection: Connection, person: Outsider) -> Row[Any] | None:
    query = select(ACCOUNT).where(ACCOUNT.c.source == person.source, ACCOUNT.c.external_id == key(person))
    return connection.execute(query).first()


def _made(connection: Connection, person: Outsider, onboard: bool) -> Row[Any]:
    called = readable(person.name)
    taken = connection.execute(select(ACCOUNT).where(ACCOUNT.c.name == called)).first()
    # An admin may have made the account before: it then waits for its owner without an identity.
    if taken is not None and taken.source == person.source and taken.external_id is None:
        connection.execute(update(ACCOUNT).where(ACCOUNT.c.id == taken.id).values(external_id=key(person)))
        return taken
    if not onboard or taken is not None or not called:
        why = "the name is somebody else's" if taken is not None else "accounts are made by admins only"
        raise OnboardingRefusedError(f"no account for {person.name[:100]!r}: {why}")
    if not connection.execute(select(func.count()).select_from(ACCOUNT)).scalar():
        raise OnboardingRefusedError("the registry has no system admin yet")
    row = {
        "name": called,
        "email": person.email[:320],
        "password": None,
        "admin": bool(person.admin),
        "source": person.source,
        "external_id": key(person),
        "disabled": False,
        "created_at": now(),
    }
    connection.execute(ACCOUNT.insert().values(row))
    record(connection, "user.create", reference=called, detail={"source": person.source})
    return connection.execute(select(ACCOUNT).where(ACCOUNT.c.name == called)).one()


def key(person: Outsider) -> str:
    """The identity as the table has it."""
    return f"{person.source}:{person.id}"[:512]


def readable(name: str) -> str:
    """A name that an account may have, as near to `name` as can be; empty if nothing of it can stay."""
    return re.sub(r"[^a-z0-9._@-]+", "-", name.lower()).lstrip("._@-")[:128]
