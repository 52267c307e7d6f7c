"""Lockout after failed logins, by account and by address: after some there is a wait, which doubles up to a bound.

Counted in the database, so that all processes and replicas count together. Unknown accounts are counted like known
ones: a lock does not tell whether there is an account.
"""

import ipaddress

from sqlalchemy import Connection, delete, select

from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.schema.accounts import FAILURE

_WINDOW_MS = 15 * 60_000
_LONGEST_MS = 15 * 60_000
# Many people may share one address.
_ADDRESS_FACTOR = 4


def keys(account: str, address: str) -> dict[str, int]:
    """What is counted for a try, with the factor by which more tries are borne."""
    found = {f"account:{account.lower()[:255]}": 1} if account else {}
    return found | ({f"address:{_network(address)}": _ADDRESS_FACTOR} if address else {})


def wait(connection: Connection, account: str, address: str) -> int:
    """Seconds until somebody may try to log in as `account` from `address`; 0 for now."""
    query = select(FAILURE.c.until).where(FAILURE.c.key.in_(keys(account, address)))
    until = max((int(each) for each in connection.execute(query).scalars()), default=0)
    return max(0, -(-(until - now()) // 1000))


def failed(database: Database, account: str, address: str, *, most: int, lock: int) -> None:
    """Note a failed login.

    Args:
        database: to note it in.
        account: the name that was given; empty where none was.
        address: where it came from.
        most: tries before the account has to wait; an address has four times as many.
        lock: seconds of the first wait.
    """

    def work(connection: Connection) -> None:
        at = now()
        connection.execute(delete(FAILURE).where(FAILURE.c.at < at - _WINDOW_MS, FAILURE.c.until < at))
        for key, factor in keys(account, address).items():
            database.lock(connection, f"failure {key}")
            count = 1 + int(connection.execute(select(FAILURE.c.failures).where(FAILURE.c.key == key)).scalar() or 0)
            over = count - most * factor
            until = at + min(_LONGEST_MS, lock * 1000 << min(over, 20)) if over >= 0 else 0
            values = {"failures": count, "at": at, "until": until}
            statement = database.insert(FAILURE).values({"key": key, **values})
            connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=values))

    database.write(work)


def forget(connection: Connection, account: str) -> None:
    """Let the account try again: it logged in, or an admin unlocked it."""
    connection.execute(delete(FAILURE).where(FAILURE.c.key == f"account:{account.lower()[:255]}"))


def _network(address: str) -> str:
    """The address itself, or of IPv6 the network of one customer."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if parsed.version == 4:
        return str(parsed)
    mapped = getattr(parsed, "ipv4_mapped", None)
    return str(mapped or ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
