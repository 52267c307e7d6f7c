"""`/health`, `/me`, `/system`, `/storage` and `/mirrors`: the server itself, and who asks."""

from typing import Any

import msgspec
from litestar.params import JSONBody
from sqlalchemy import text

import dockyard
from dockyard.server.access import sessions
from dockyard.server.access.principal import Kind
from dockyard.server.api.retention import Deferred
from dockyard.server.api.route import Guest, route
from dockyard.server.browse.amounts import Amounts, amounts


class Health(msgspec.Struct, frozen=True):
    """That the server and its database answer; else the answer is 503."""

    status: str


class Me(msgspec.Struct, frozen=True):
    """Who asks, and its roles by project; `csrf` is to be sent as X-CSRF-Token with the session's cookie."""

    name: str
    kind: Kind
    admin: bool
    roles: dict[str, list[str]]
    actions: list[str]
    csrf: str


class System(msgspec.Struct, frozen=True):
    """The server. `accounts` says whether callers must log in."""

    version: str
    accounts: bool
    database: str
    storage: str
    workers: int
    grace: int
    makers: str
    login: list[str]


class Upstream(msgspec.Struct, frozen=True):
    """An upstream of which this registry is a mirror. How it logs in there is not told."""

    upstream: str
    prefix: str
    mirrors: list[str]
    ttl: int
    login: bool


class Check(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Whether to read every blob and compare its digest, too; otherwise its size is looked at."""

    deep: bool = False


@route("GET", "/health", "system", open=True)
def health_read(visit: Guest) -> Health:
    """Whether the server can serve."""
    with visit.database.read() as connection:
        connection.execute(text("SELECT 1"))
    return Health("ok")


@route("GET", "/me", "system", open=True)
def me_read(visit: Guest) -> Me:
    """Who the server takes the caller for, and what it may do."""
    by = visit.by
    roles = {project: sorted({each.role for each in held}) for project, held in sorted(by.memberships.items())}
    csrf = sessions.csrf(visit.session) if visit.session else ""
    return Me(by.name, by.proof.kind, by.admin, roles, sorted(by.actions), csrf)


@route("GET", "/system", "system")
def system_read(visit: Guest) -> System:
    """How the server is set up. For system admins."""
    visit.demand("", "system", "read")
    settings = visit.parts.settings
    ways: list[Any] = ["local", *(["oidc"] if settings.oidc.issuer else []), *(["ldap"] if settings.ldap.url else [])]
    return System(
        dockyard.__version__,
        visit.parts.keeper.state().accounts,
        "postgresql" if visit.database.postgresql else "sqlite",
        settings.storage,
        settings.workers,
        settings.grace,
        settings.access.makers,
        ways,
    )


@route("GET", "/storage", "system")
def storage_read(visit: Guest) -> Amounts:
    """How much the registry holds. For system admins."""
    visit.demand("", "system", "read")
    return amounts(visit.database, visit.parts.settings.home)


@route("POST", "/storage/verify", "system", status=202)
def storage_verify(visit: Guest, data: JSONBody[Check]) -> Deferred:
    """Have it proven that every image is whole. The job's result has the flaws. For system admins."""
    visit.demand("", "job", "create")
    return Deferred(visit.parts.jobs.defer("verify", {"deep": data.deep}, key="asked verify"))


@route("GET", "/mirrors", "system")
def mirrors_list(visit: Guest) -> list[Upstream]:
    """The upstreams that this registry mirrors, as its settings have them. For system admins."""
    visit.demand("", "mirror", "list")
    return [
        Upstream(each.upstream, each.prefix, each.mirrors, each.ttl, bool(each.username))
        for each in visit.parts.settings.mirrors
    ]
