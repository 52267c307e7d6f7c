"""`dockyard registry lockout`: who has to wait after wrong passwords, in the database or through a server's API."""

from typing import Literal

import msgspec

from dockyard.cli import report
from dockyard.cli.registry.source import HERE, At
from dockyard.cli.registry.words import moment, needed

_MOST = 100_000


def lockout(
    verb: Literal["list", "lift"] = "list",
    subject: str = "",
    /,
    *,
    account: bool = False,
    at: At = HERE,
    json: bool = False,
) -> None:
    """List the addresses and accounts that have to wait after too many wrong passwords, or let one try again (lift).

    Args:
        verb: list or lift.
        subject: an address; of an IPv6 network any.
        account: it is the name of an account instead.
        at: which registry.
        json: print one JSON document.
    """
    from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM

    lockouts = at.verbs("access.lockouts", "lockouts")
    with at.database() as database:
        if verb == "lift":
            kind = "account" if account else "address"
            lockouts.lift(database, SYSTEM, kind, needed(subject, "address"))
            report.told({"lifted": subject, "kind": kind}, f"{kind} {subject} may try again", json=json)
            return
        found = lockouts.listing(database, SYSTEM, count=_MOST)
        if json:
            report.result({"lockouts": msgspec.to_builtins(found)})
            return
        rows = [[each.kind, each.subject, str(each.failures), moment(each.until, "")] for each in found]
        report.table(["KIND", "SUBJECT", "WRONG PASSWORDS", "UNTIL"], rows)
