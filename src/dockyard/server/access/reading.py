"""Authorisation: from what a caller proved to be (a password, a token) to the rights it has at this moment."""

import json
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from dockyard.server.access.principal import (
    ANONYMOUS_PRINCIPAL,
    Membership,
    Permission,
    Principal,
    Proof,
)
from dockyard.server.access.secret import stamp
from dockyard.server.clock import now
from dockyard.server.schema.accounts import ACCOUNT, GROUP_ACCOUNT, KEYLESS, MEMBER, PERSONAL, ROBOT
from dockyard.server.schema.projects import PROJECT

SCOPES = {
    "read-only": frozenset({"pull"}),
    "read-write": frozenset({"pull", "push"}),
    "full": frozenset({"pull", "push", "delete"}),
}
"""What a personal token of each scope lets through."""


def principal(connection: Connection, proof: Proof) -> Principal | None:
    """Who that is; None if it is nobody any longer: removed, disabled, expired, or with a new secret since."""
    if proof.kind == "anonymous":
        return ANONYMOUS_PRINCIPAL
    read = {"account": _account, "personal": _personal, "robot": _robot, "keyless": _keyless}.get(proof.kind)
    return read(connection, proof) if read is not None else None


def account_stamp(row: Row[Any]) -> str:
    """The stamp of an account's row: another password is another stamp."""
    return stamp("account", row.id, row.created_at, row.password)


def secret_stamp(kind: str, row: Row[Any]) -> str:
    """The stamp of a row with a `hash`."""
    return stamp(kind, row.id, row.created_at, row.hash)


def rule_stamp(row: Row[Any]) -> str:
    """The stamp of a keyless rule: another issuer or other claims are another stamp."""
    return stamp("keyless", row.id, row.created_at, row.issuer, row.audience, row.claims)


def permissions(text: str) -> tuple[Permission, ...]:
    """Permissions from their JSON."""
    return tuple(Permission(tuple(each["repositories"]), frozenset(each["actions"])) for each in json.loads(text))


def _account(connection: Connection, proof: Proof) -> Principal | None:
    row = connection.execute(select(ACCOUNT).where(ACCOUNT.c.id == proof.id)).first()
    if row is None or row.disabled or account_stamp(row) != proof.stamp:
        return None
    return Principal(proof, row.name, row.id, row.admin, _memberships(connection, row.id))


def _personal(connection: Connection, proof: Proof) -> Principal | None:
    query = (
        select(PERSONAL, ACCOUNT.c.name.label("owner"), ACCOUNT.c.admin, ACCOUNT.c.disabled)
        .join_from(PERSONAL, ACCOUNT, PERSONAL.c.account_id == ACCOUNT.c.id)
        .where(PERSONAL.c.id == proof.id)
    )
    row = connection.execute(query).first()
    if row is None or row.disabled or _over(row) or secret_stamp("personal", row) != proof.stamp:
        return None
    number, actions = int(row.account_id), SCOPES.get(row.scope, frozenset())
    rights = _memberships(connection, number)
    return Principal(proof, row.owner, number, row.admin, rights, actions=actions, expires=row.expires_at or 0)


def _robot(connection: Connection, proof: Proof) -> Principal | None:
    query = (
        select(ROBOT, PROJECT.c.name.label("project"))
        .join_from(ROBOT, PROJECT, ROBOT.c.project_id == PROJECT.c.id, isouter=True)
        .where(ROBOT.c.id == proof.id)
    )
    row = connection.execute(query).first()
    if row is None or row.disabled or _over(row) or secret_stamp("robot", row) != proof.stamp:
        return None
    rights = permissions(row.permissions)
    return Principal(proof, row.name, permissions=rights, project=row.project or "", expires=row.expires_at or 0)


def _keyless(connection: Connection, proof: Proof) -> Principal | None:
    query = (
        select(KEYLESS, PROJECT.c.name.label("project"))
        .join_from(KEYLESS, PROJECT, KEYLESS.c.project_id == PROJECT.c.id, isouter=True)
        .where(KEYLESS.c.id == proof.id)
    )
    row = connection.execute(query).first()
    if row is None or row.disabled or rule_stamp(row) != proof.stamp:
        return None
    rights = permissions(row.permissions)
    return Principal(proof, f"keyless+{row.name}", permissions=rights, project=row.project or "")


def _over(row: Row[Any]) -> bool:
    return row.expires_at is not None and row.expires_at <= now()


def _memberships(connection: Connection, account: int) -> dict[str, list[Membership]]:
    groups = select(GROUP_ACCOUNT.c.group_id).where(GROUP_ACCOUNT.c.account_id == account)
    query = (
        select(PROJECT.c.name, MEMBER.c.role, MEMBER.c.repositories)
        .join_from(MEMBER, PROJECT, MEMBER.c.project_id == PROJECT.c.id)
        .where(or_(MEMBER.c.account_id == account, MEMBER.c.group_id.in_(groups)))
    )
    found: dict[str, list[Membership]] = {}
    for project, role, repositories in connection.execute(query):
        found.setdefault(project, []).append(Membership(role, tuple(json.loads(repositories))))
    return found
