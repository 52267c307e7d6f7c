"""The labels of a project and those of all projects: made, changed, removed; who may do that is asked before."""

import re
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from dockyard.errors import UsageError
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.rules.project import project_number
from dockyard.server.schema.labels import ARTIFACT_LABEL, LABEL
from dockyard.server.schema.projects import PROJECT

NAME = r"^[A-Za-z0-9]([A-Za-z0-9 ._:@+-]{0,62}[A-Za-z0-9._:@+-])?$"
COLOR = "^#[0-9A-Fa-f]{6}$"
PLAIN = "#5c6873"
"""The colour of a label that was given none."""
_MOST = 500


class LabelInvalidError(UsageError):
    """A label cannot be called so or have that colour, or there are too many."""

    reference = "label-invalid"
    hint = "A name has letters, digits, blanks and . _ : @ + -, at most 64; a colour is like #0b6470."


class LabelUnknownError(UsageError):
    """There is no such label, or not on this artifact."""

    reference = "label-unknown"
    hint = "`dockyard registry label list` shows those of all projects, with --project those of one."


class LabelTakenError(UsageError):
    """There is a label of that name already."""

    reference = "label-taken"
    hint = "Choose another name, or change the one that is there."


class Label(msgspec.Struct, frozen=True):
    """A label; no project means all of them. `artifacts` have it."""

    number: int
    name: str
    project: str
    description: str
    color: str
    created_at: int
    artifacts: int = 0


def listing(database: Database, project: str = "", *, usable: bool = False) -> list[Label]:
    """The labels of a project by name, or of all projects where none is named.

    Args:
        database: has them.
        project: its name.
        usable: with the project's own those of all projects, which its artifacts may have, too.

    Raises:
        ProjectUnknownError: there is none.
    """
    with database.read() as connection:
        _, mine = _of(connection, project)
        query = _query().where(or_(mine, LABEL.c.project_id.is_(None)) if usable else mine)
        return [_label(row) for row in connection.execute(query.order_by(LABEL.c.name, LABEL.c.id))]


def get(database: Database, number: int) -> Label:
    """One label.

    Raises:
        LabelUnknownError: there is none of that number.
    """
    with database.read() as connection:
        return _got(connection, number)


def named(database: Database, project: str, name: str, *, usable: bool = False) -> Label:
    """The project's label of that name, or the one of all projects where none is named. With `usable` that of all
    projects where the project itself has none.

    Raises:
        ProjectUnknownError, LabelUnknownError: there is none.
    """
    found = [each for each in listing(database, project, usable=usable) if each.name == name]
    if not found:
        raise LabelUnknownError(f"there is no label {name[:64]!r}")
    return max(found, key=lambda each: each.project)


def add(database: Database, project: str, name: str, *, description: str = "", color: str = "") -> Label:
    """Make a label of a project; of all projects where none is named.

    Raises:
        ProjectUnknownError, LabelInvalidError, LabelTakenError: it cannot be made so.
    """
    values = _checked({"name": name, "description": description, "color": color or PLAIN})

    def work(connection: Connection) -> Label:
        number, mine = _of(connection, project)
        if int(connection.execute(select(func.count()).where(mine)).scalar_one()) >= _MOST:
            raise LabelInvalidError(f"there are {_MOST} labels already", hint="Remove one that is no longer needed.")
        row = {**values, "project_id": number, "created_at": now()}
        try:
            with connection.begin_nested():
                made = int(connection.execute(insert(LABEL).values(row).returning(LABEL.c.id)).scalar_one())
        except IntegrityError:
            raise LabelTakenError(f"there is a label {name!r} already") from None
        record(connection, "label.create", project=project, reference=name, detail=values)
        return _got(connection, made)

    return database.write(work)


def change(
    database: Database,
    number: int,
    *,
    name: str | None = None,
    description: str | None = None,
    color: str | None = None,
) -> Label:
    """Change what is not None. Rules that name the label by its old name no longer speak of it.

    Raises:
        LabelUnknownError, LabelInvalidError, LabelTakenError: it cannot be changed so.
    """
    given = {"name": name, "description": description, "color": color}
    values = _checked({key: value for key, value in given.items() if value is not None})

    def work(connection: Connection) -> Label:
        before = _got(connection, number)
        if values:
            try:
                with connection.begin_nested():
                    connection.execute(update(LABEL).where(LABEL.c.id == number).values(values))
            except IntegrityError:
                raise LabelTakenError(f"there is a label {name!r} already") from None
            detail = {"changed": sorted(values), **({"name": name} if name else {})}
            record(connection, "label.update", project=before.project, reference=before.name, detail=detail)
        return _got(connection, number)

    return database.write(work)


def remove(database: Database, number: int) -> None:
    """Remove a label, and take it off every artifact.

    Raises:
        LabelUnknownError: there is none of that number.
    """

    def work(connection: Connection) -> None:
        before = _got(connection, number)
        connection.execute(delete(LABEL).where(LABEL.c.id == number))
        detail = {"artifacts": before.artifacts}
        record(connection, "label.delete", project=before.project, reference=before.name, detail=detail)

    database.write(work)


def _of(connection: Connection, project: str) -> tuple[int | None, ColumnElement[bool]]:
    """The number of a project, None for all of them, and that a label is its."""
    number = project_number(connection, project) if project else None
    return number, LABEL.c.project_id.is_(None) if number is None else LABEL.c.project_id == number


def _query() -> Select[Any]:
    count = select(func.count()).where(ARTIFACT_LABEL.c.label_id == LABEL.c.id).scalar_subquery()
    return select(LABEL, PROJECT.c.name.label("project"), count.label("artifacts")).outerjoin_from(
        LABEL, PROJECT, PROJECT.c.id == LABEL.c.project_id
    )


def _got(connection: Connection, number: int) -> Label:
    row = connection.execute(_query().where(LABEL.c.id == number)).first()
    if row is None:
        raise LabelUnknownError(f"there is no label {number}")
    return _label(row)


def _label(row: Row[Any]) -> Label:
    return Label(
        int(row.id), row.name, row.project or "", row.description, row.color, int(row.created_at), int(row.artifacts)
    )


def _checked(values: dict[str, str]) -> dict[str, str]:
    if "name" in values and re.fullmatch(NAME, values["name"]) is None:
        raise LabelInvalidError(f"not a label's name: {values['name'][:80]!r}")
    if "color" in values:
        if re.fullmatch(COLOR, values["color"]) is None:
            raise LabelInvalidError(f"not a colour: {values['color'][:40]!r}")
        values["color"] = values["color"].lower()
    text = values.get("description", "")
    if len(text) > 1000 or "\0" in text:
        raise LabelInvalidError("the description is longer than 1000 characters or cannot be shown")
    return values
