"""How accounts, groups, projects, robots and their like may be named, and finding them by name."""

import re
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, select

from dockyard.errors import Error, UsageError
from dockyard.oci.reference import REPOSITORY
from dockyard.server.access.principal import ACTIONS, Permission
from dockyard.server.globs import of_repositories
from dockyard.server.schema.projects import PROJECT

# No colon (Basic ends the name there), no plus (robots have it), no dollar (shells), nothing unprintable.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,127}")
_MOST_GLOBS = 100
MOST_RIGHTS = 500
"""How many permissions a robot or a keyless rule may have."""


class NameNotAllowedError(UsageError):
    """An account, group, robot or project cannot have that name."""

    reference = "account-name"
    hint = "Use letters, digits, dots, dashes, underscores and @, at most 128 of them; projects in lower case."


class NameTakenError(UsageError):
    """There is one of that name already."""

    reference = "name-taken"
    hint = "Choose another name, or change the one that is there with `set`."


class UnknownNameError(Error):
    """There is no account, group, project, robot, token or rule of that name."""

    reference = "name-unknown"
    hint = "`list` shows those that are there."


def name(text: str, what: str) -> str:
    """The name itself.

    Raises:
        NameNotAllowedError: `what` cannot be called that.
    """
    if _NAME.fullmatch(text) is None:
        raise NameNotAllowedError(f"not a name for {what}: {text[:60]!r}")
    return text


def project_name(text: str) -> str:
    """The name of a project: the first part of its repositories' names.

    Raises:
        NameNotAllowedError: a repository's name cannot begin so.
    """
    if "/" in text or len(text) > 128 or REPOSITORY.fullmatch(text) is None:
        raise NameNotAllowedError(f"not a name for a project: {text[:60]!r}")
    return text


def found(connection: Connection, table: Table, text: str, what: str) -> Row[Any]:
    """The row of `table` with that name.

    Raises:
        UnknownNameError: there is none.
    """
    row = connection.execute(select(table).where(table.c.name == text)).first()
    if row is None:
        raise UnknownNameError(f"there is no {what} {text[:128]!r}")
    return row


def free(connection: Connection, table: Table, text: str, what: str) -> None:
    """Pass if no row of `table` has that name.

    Raises:
        NameTakenError: one has.
    """
    if connection.execute(select(table.c.name).where(table.c.name == text)).first() is not None:
        raise NameTakenError(f"there is a {what} {text!r} already")


def project_number(connection: Connection, text: str) -> int | None:
    """The number of a project; None where `text` is empty, which means the whole system.

    Raises:
        UnknownNameError: there is none.
    """
    return int(found(connection, PROJECT, text, "project").id) if text else None


def globs(patterns: Sequence[str]) -> list[str]:
    """The patterns, each checked.

    Raises:
        GlobInvalidError: one cannot be used.
        UsageError: there are too many.
    """
    if len(patterns) > _MOST_GLOBS:
        raise UsageError(f"{len(patterns)} patterns", hint=f"At most {_MOST_GLOBS} can be given.")
    return [of_repositories(each) for each in patterns]


def permission_rows(permissions: Sequence[Permission], project: str) -> list[dict[str, Any]]:
    """Permissions as the database has them.

    Raises:
        GlobInvalidError, UsageError: a pattern or an action is none, or there are no permissions or too many.
    """
    if not permissions:
        raise UsageError("no permissions", hint="Give repositories and actions, such as team/web and pull,push.")
    if len(permissions) > MOST_RIGHTS:
        hint = f"At most {MOST_RIGHTS} can be given; one with globs, such as team/web-*, may stand for many."
        raise UsageError(f"{len(permissions)} permissions", hint=hint)
    rows = []
    for each in permissions:
        odd = sorted(each.actions - set(ACTIONS))
        if odd or not each.actions:
            raise UsageError(f"not an action: {odd}", hint=f"There are {', '.join(ACTIONS)}.")
        patterns = each.repositories or ((f"{project}/**",) if project else ("**",))
        rows.append({"repositories": globs(patterns), "actions": sorted(each.actions)})
    return rows
