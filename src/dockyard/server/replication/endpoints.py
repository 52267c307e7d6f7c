"""Endpoints of replication: other registries by name, with how to log in there, for any number of rules."""

import re
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, Row, delete, select, update
from sqlalchemy.exc import IntegrityError

from dockyard.errors import UsageError
from dockyard.server.access.naming import NameTakenError
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.schema.replication import REPLICATION_ENDPOINT, REPLICATION_RULE
from dockyard.server.sealing import Seal

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_HOST = re.compile(r"(?:[a-zA-Z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d{1,5})?")
_PURPOSE = "endpoint"
_TEXT = 500


class EndpointInvalidError(UsageError):
    """A part of an endpoint of replication is not right."""

    reference = "replication-endpoint-invalid"
    hint = "`dockyard registry endpoint --help` shows what each part looks like."


class EndpointUnknownError(UsageError):
    """There is no endpoint of replication of that name."""

    reference = "replication-endpoint-unknown"
    hint = "`dockyard registry endpoint list` shows them."


class EndpointUsedError(UsageError):
    """An endpoint cannot be removed as long as rules of replication use it."""

    reference = "replication-endpoint-used"
    hint = "Remove the rules first, or let them use another endpoint: `dockyard registry replication set`."


@dataclass(frozen=True)
class Endpoint:
    """An endpoint without its secret.

    Attributes:
        registry: host, with port where it has one.
        insecure: plain HTTP, or TLS that is not checked.
        ca: a file of authorities for its certificate.
        checked_at: when it was last asked whether it answers, in milliseconds since 1970; None for never.
        trouble: what was wrong then; empty for nothing.
        rules: the names of the rules that use it.
    """

    number: int
    name: str
    registry: str
    description: str = ""
    username: str = ""
    insecure: bool = False
    ca: str = ""
    checked_at: int | None = None
    trouble: str = ""
    rules: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As --json and the API show it."""
        return {**asdict(self), "rules": list(self.rules)}


def host_valid(registry: str) -> bool:
    """Whether this names a registry: a host, with port where it has one."""
    try:
        return _HOST.fullmatch(registry) is not None and bool(urlsplit(f"//{registry}").hostname)
    except ValueError:
        return False


def add(database: Database, seal: Seal, endpoint: Endpoint, secret: str = "") -> Endpoint:
    """Keep an endpoint; its number is given by the database.

    Raises:
        EndpointInvalidError, NameTakenError: something is not right.
    """
    _check(endpoint)
    values = {name: getattr(endpoint, name) for name in ("name", *_CHANGEABLE)}
    values |= {"secret": seal.seal(secret, _PURPOSE), "created_at": now()}

    def work(connection: Connection) -> Endpoint:
        try:
            with connection.begin_nested():
                connection.execute(REPLICATION_ENDPOINT.insert().values(values))
        except IntegrityError:
            raise NameTakenError(f"there is an endpoint {endpoint.name} already") from None
        record(connection, "endpoint.create", reference=endpoint.name, detail={"registry": endpoint.registry})
        return found(connection, endpoint.name)

    return database.write(work)


def change(database: Database, seal: Seal, name: str, secret: str | None = None, **changes: Any) -> Endpoint:
    """Change parts of an endpoint, and its password where one is given. Rules go on with what it says then.

    Raises:
        EndpointUnknownError, EndpointInvalidError: something is not right.
    """

    def work(connection: Connection) -> Endpoint:
        before = found(connection, name, locked=True)
        _check(replace(before, **changes))
        values = {key: value for key, value in changes.items() if getattr(before, key) != value}
        if secret is not None:
            values["secret"] = seal.seal(secret, _PURPOSE)
        if not values:
            return before
        told = sorted(values)
        if set(values) - {"description"}:  # what was found of the former one says nothing of this one
            values |= {"checked_at": None, "trouble": ""}
        connection.execute(update(REPLICATION_ENDPOINT).where(REPLICATION_ENDPOINT.c.name == name).values(values))
        record(connection, "endpoint.update", reference=name, detail={"changed": told})
        return found(connection, name)

    return database.write(work)


def remove(database: Database, name: str) -> None:
    """Forget an endpoint.

    Raises:
        EndpointUnknownError: there is none of that name.
        EndpointUsedError: rules use it.
    """

    def work(connection: Connection) -> None:
        known = found(connection, name, locked=True)
        if known.rules:
            told = ", ".join(known.rules[:5]) + (" and others" if len(known.rules) > 5 else "")
            raise EndpointUsedError(f"endpoint {name} is used by {told}")
        connection.execute(delete(REPLICATION_ENDPOINT).where(REPLICATION_ENDPOINT.c.id == known.number))
        record(connection, "endpoint.delete", reference=name)

    database.write(work)


def listing(database: Database) -> list[Endpoint]:
    """All endpoints by name."""
    with database.read() as connection:
        users = _users(connection)
        query = select(REPLICATION_ENDPOINT).order_by(REPLICATION_ENDPOINT.c.name)
        return [_endpoint(row, users) for row in connection.execute(query).all()]


def named(database: Database, name: str) -> Endpoint:
    """The endpoint of that name.

    Raises:
        EndpointUnknownError: there is none.
    """
    with database.read() as connection:
        return found(connection, name)


def found(connection: Connection, name: str, *, locked: bool = False) -> Endpoint:
    """The endpoint of that name; `locked`: nobody else changes or removes it before this transaction ends.

    Raises:
        EndpointUnknownError: there is none.
    """
    query = select(REPLICATION_ENDPOINT).where(REPLICATION_ENDPOINT.c.name == name)
    row = connection.execute(query.with_for_update() if locked else query).first()
    if row is None:
        raise EndpointUnknownError(f"there is no endpoint {name[:100]!r}")
    return _endpoint(row, _users(connection))


def checked(database: Database, name: str, trouble: str) -> None:
    """Keep how it went when an endpoint was asked whether it answers."""
    values = {"checked_at": now(), "trouble": trouble[:_TEXT]}
    mine = REPLICATION_ENDPOINT.c.name == name
    database.write(lambda connection: connection.execute(update(REPLICATION_ENDPOINT).where(mine).values(values)))


def secret_of(connection: Connection, seal: Seal, name: str) -> str:
    """The password for the endpoint's registry.

    Raises:
        SealBrokenError: it cannot be read.
    """
    query = select(REPLICATION_ENDPOINT.c.secret).where(REPLICATION_ENDPOINT.c.name == name)
    return seal.open(connection.execute(query).scalar() or "", _PURPOSE)


_CHANGEABLE = ("registry", "description", "username", "insecure", "ca")


def _check(endpoint: Endpoint) -> None:
    if _NAME.fullmatch(endpoint.name) is None:
        raise EndpointInvalidError(f"not an endpoint's name: {endpoint.name[:100]!r}")
    if not host_valid(endpoint.registry):
        hint = "A host, with port where it has one, such as registry.example:5000: no scheme and no path."
        raise EndpointInvalidError(f"not a registry's host: {endpoint.registry[:100]!r}", hint=hint)


def _users(connection: Connection) -> dict[int, list[str]]:
    query = select(REPLICATION_RULE.c.endpoint_id, REPLICATION_RULE.c.name)
    users: dict[int, list[str]] = {}
    wanted = query.where(REPLICATION_RULE.c.endpoint_id.is_not(None)).order_by(REPLICATION_RULE.c.name)
    for number, name in connection.execute(wanted).all():
        users.setdefault(int(number), []).append(name)
    return users


def _endpoint(row: Row[Any], users: dict[int, list[str]]) -> Endpoint:
    values = {name: row._mapping[name] for name in ("name", *_CHANGEABLE, "checked_at", "trouble")}
    return Endpoint(int(row.id), **values, rules=tuple(users.get(int(row.id), ())))
