"""Who has to wait after too many wrong passwords, accounts and addresses, and letting them try again at once."""

from typing import Literal

import msgspec
from sqlalchemy import Connection, delete, select

from dockyard.server.access import tries
from dockyard.server.access.naming import UnknownNameError
from dockyard.server.access.principal import Principal, require
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schema.accounts import FAILURE

Kind = Literal["account", "address"]


class Lockout(msgspec.Struct, frozen=True):
    """An account, or an address (of IPv6 the network of one customer), from which nobody may log in until then.

    Attributes:
        kind: which of both.
        subject: its name; there need not be an account that is called so.
        failures: how many wrong passwords there were.
        at: when the last one came, in milliseconds since 1970.
        until: when the wait ends.
    """

    kind: Kind
    subject: str
    failures: int
    at: int
    until: int


def listing(database: Database, by: Principal, *, last: str = "", count: int = 100) -> list[Lockout]:
    """At most `count` of those who have to wait now; `last` is the kind and subject of the one before, as in
    `address:192.0.2.1`.

    Raises:
        AccessDeniedError: `by` may not.
    """
    require(by, "", "user", "list")
    query = select(FAILURE).where(FAILURE.c.until > now(), FAILURE.c.key > last).order_by(FAILURE.c.key).limit(count)
    with database.read() as connection:
        rows = connection.execute(query).all()
    found = [(*row.key.partition(":")[::2], row.failures, row.at, row.until) for row in rows]
    return [msgspec.convert(dict(zip(Lockout.__struct_fields__, each, strict=True)), Lockout) for each in found]


def lift(database: Database, by: Principal, kind: Kind, subject: str) -> None:
    """Let an account or an address try again at once, with as many tries as at first. Of an IPv6 network any address
    may be given.

    Raises:
        AccessDeniedError: `by` may not.
        UnknownNameError: there were no wrong passwords, or so long ago that they are forgotten.
    """
    require(by, "", "user", "update")
    (key,) = tries.keys(*((subject, "") if kind == "account" else ("", subject.partition("/")[0])))

    def work(connection: Connection) -> None:
        if connection.execute(delete(FAILURE).where(FAILURE.c.key == key)).rowcount == 0:
            raise UnknownNameError(f"nobody has to wait as {kind} {subject[:128]!r}")
        record(connection, "lockout.lift", reference=key.partition(":")[2], detail={"kind": kind, "by": by.name})

    database.write(work)
