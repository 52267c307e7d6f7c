"""Keyless robots: rules by which a CI job's identity token becomes a short-lived token here.

The job shows what its platform signed (GitHub, GitLab and others speak OpenID Connect); no secret is kept anywhere.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from dockyard.errors import Error, UsageError
from dockyard.server.access.issuers import IdTokenInvalidError, Issuers, audience_of, issuer_of, issuer_url
from dockyard.server.access.naming import found, free, name, permission_rows, project_number
from dockyard.server.access.principal import Permission, Principal, Proof, require
from dockyard.server.access.reading import permissions as parsed
from dockyard.server.access.reading import rule_stamp
from dockyard.server.access.state import changed
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.globs import LONGEST, checked, matches
from dockyard.server.schema.accounts import KEYLESS
from dockyard.server.schema.projects import PROJECT

_LIFETIME = range(60, 6 * 3600 + 1)


@dataclass(frozen=True)
class Rule:
    """A rule as it is listed: a token of `issuer` for `audience` whose claims all fit may do `permissions`."""

    name: str
    project: str
    issuer: str
    audience: str
    claims: Mapping[str, str]
    permissions: tuple[Permission, ...]
    lifetime: int
    disabled: bool
    created_at: int
    created_by: str


def add(
    database: Database,
    by: Principal,
    project: str,
    called: str,
    *,
    issuer: str,
    audience: str,
    claims: Mapping[str, str],
    permissions: Sequence[Permission],
    lifetime: int = 900,
) -> Rule:
    """Make a rule.

    Args:
        database: where.
        by: a project admin, or for the whole system a system admin.
        project: the only one in which the permissions hold; empty for the whole system.
        called: its name.
        issuer: exactly as the tokens have it.
        audience: what the tokens must be for, so that a token for another service is of no use here.
        claims: globs by claim, of which there must be one at least; all must fit.
        permissions: as robots have them.
        lifetime: seconds for which the tokens made here hold, at most six hours.

    Raises:
        AccessDeniedError, NameNotAllowedError, NameTakenError, UnknownNameError, GlobInvalidError, IssuerInvalidError,
            UsageError: it cannot be made so.
    """
    require(by, project, "keyless", "create")
    name(called, "a rule")
    issuer_url(issuer)
    if not audience or not claims:
        raise UsageError("a rule needs an audience and a claim", hint="Such as --claim repository=acme/web.")
    if lifetime not in _LIFETIME:
        raise UsageError(f"not a lifetime: {lifetime}", hint="Take 60 to 21600 seconds.")
    rows = permission_rows(permissions, project)
    patterns = {key: checked(pattern) for key, pattern in claims.items()}

    def work(connection: Connection) -> Rule:
        free(connection, KEYLESS, called, "rule")
        row = {
            "name": called,
            "project_id": project_number(connection, project),
            "issuer": issuer,
            "audience": audience,
            "claims": json.dumps(patterns, sort_keys=True),
            "permissions": json.dumps(rows),
            "lifetime": lifetime,
            "disabled": False,
            "created_at": now(),
            "created_by": by.name,
        }
        connection.execute(KEYLESS.insert().values(row))
        detail = {"issuer": issuer, "claims": patterns, "permissions": rows, "by": by.name}
        record(connection, "keyless.create", project=project, reference=called, detail=detail)
        return _rule(connection.execute(_query().where(KEYLESS.c.name == called)).one())

    return database.write(work)


def change(database: Database, by: Principal, called: str, *, disabled: bool) -> Rule:
    """Switch a rule off or on; tokens made by it end with it.

    Raises:
        AccessDeniedError, UnknownNameError: it cannot be done.
    """

    def work(connection: Connection) -> Rule:
        row = _own(connection, by, called, "update")
        connection.execute(update(KEYLESS).where(KEYLESS.c.id == row.id).values(disabled=disabled))
        changed(database, connection)
        detail = {"disabled": disabled, "by": by.name}
        record(connection, "keyless.update", project=row.project or "", reference=called, detail=detail)
        return _rule(connection.execute(_query().where(KEYLESS.c.name == called)).one())

    return database.write(work)


def remove(database: Database, by: Principal, called: str) -> None:
    """Remove a rule; tokens made by it end.

    Raises:
        AccessDeniedError, UnknownNameError: it cannot be removed.
    """

    def work(connection: Connection) -> None:
        row = _own(connection, by, called, "delete")
        connection.execute(delete(KEYLESS).where(KEYLESS.c.id == row.id))
        changed(database, connection)
        record(connection, "keyless.delete", project=row.project or "", reference=called, detail={"by": by.name})

    database.write(work)


def listing(database: Database, by: Principal, project: str) -> list[Rule]:
    """All rules of a project, by name; of the whole system where `project` is empty.

    Raises:
        AccessDeniedError, UnknownNameError: `by` may not, or there is no such project.
    """
    require(by, project, "keyless", "list")
    with database.read() as connection:
        number = project_number(connection, project)
        query = _query().order_by(KEYLESS.c.name)
        query = query.where(KEYLESS.c.project_id.is_(None) if number is None else KEYLESS.c.project_id == number)
        return [_rule(row) for row in connection.execute(query)]


def exchange(database: Database, issuers: Issuers, token: str, address: str) -> tuple[Proof, int]:
    """What an identity token becomes: the proof of the first rule that fits, by name; the seconds for which a token
    made from it holds.

    Only issuers of rules are ever asked for keys.

    Raises:
        IdTokenInvalidError: no rule fits, or the token is not genuine.
        IssuerUnreachableError: the issuer's keys cannot be had.
    """
    issuer = issuer_of(token)
    query = _query().where(KEYLESS.c.issuer == issuer, ~KEYLESS.c.disabled).order_by(KEYLESS.c.name)
    with database.read() as connection:
        rows = connection.execute(query).all()
    if not rows:
        raise IdTokenInvalidError("there is no rule for the token's issuer")
    try:
        claims = issuers.claims(issuer, token)
    except Error as error:
        if error.exit_code == 3:
            raise
        raise IdTokenInvalidError(error.message) from error
    audience = audience_of(claims)
    rows = [row for row in rows if row.audience in audience]
    if not rows:
        raise IdTokenInvalidError("no rule for the token's issuer has its audience")
    row = next((row for row in rows if _fits(json.loads(row.claims), claims)), None)
    if row is None:
        raise IdTokenInvalidError("no rule for the token's issuer and audience fits its claims")
    detail = {"issuer": issuer, "subject": str(claims.get("sub", ""))[:LONGEST], "from": address}
    project = row.project or ""
    database.write(
        lambda connection: record(connection, "keyless.use", project=project, reference=row.name, detail=detail)
    )
    return Proof("keyless", int(row.id), rule_stamp(row)), int(row.lifetime)


def _fits(patterns: Mapping[str, str], claims: Mapping[str, Any]) -> bool:
    return all(_fit(pattern, claims.get(key)) for key, pattern in patterns.items())


def _fit(pattern: str, value: Any) -> bool:
    if isinstance(value, bool):
        value = "true" if value else "false"
    if isinstance(value, int):
        value = str(value)
    return isinstance(value, str) and len(value) <= LONGEST and matches(pattern, value)


def _query() -> Any:
    return select(KEYLESS, PROJECT.c.name.label("project")).join_from(
        KEYLESS, PROJECT, KEYLESS.c.project_id == PROJECT.c.id, isouter=True
    )


def _own(connection: Connection, by: Principal, called: str, action: str) -> Row[Any]:
    row: Row[Any] | None = connection.execute(_query().where(KEYLESS.c.name == called)).first()
    require(by, (row.project or "") if row is not None else "", "keyless", action)
    return row if row is not None else found(connection, KEYLESS, called, "rule")


def _rule(row: Row[Any]) -> Rule:
    return Rule(
        row.name,
        row.project or "",
        row.issuer,
        row.audience,
        json.loads(row.claims),
        parsed(row.permissions),
        row.lifetime,
        row.disabled,
        row.created_at,
        row.created_by,
    )
