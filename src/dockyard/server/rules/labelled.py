"""Which artifact has which label. Whoever may push to a repository puts labels on what is there and takes them off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, delete, exists, insert, select

from dockyard.registry.interface import WireError
from dockyard.registry.protocol import codes
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.rules.labels import LabelInvalidError, LabelUnknownError
from dockyard.server.schema.content import MANIFEST, TAG
from dockyard.server.schema.labels import ARTIFACT_LABEL, LABEL
from dockyard.server.schema.projects import REPOSITORY

_MOST = 50


@dataclass(frozen=True)
class Worn:
    """A label that an artifact has; `everywhere` says that it is one of all projects."""

    number: int
    name: str
    color: str
    everywhere: bool


def put(database: Database, repository: str, reference: str, number: int) -> list[Worn]:
    """Put a label on an artifact, by its tag or digest; returns those that it has now.

    Raises:
        WireError: NAME_UNKNOWN, MANIFEST_UNKNOWN.
        LabelUnknownError: neither the repository's project nor all projects have that label.
        LabelInvalidError: it has too many already.
    """

    def work(connection: Connection) -> list[Worn]:
        place, project, digest = _found(connection, repository, reference)
        mine = (LABEL.c.id == number, LABEL.c.project_id.is_(None) | (LABEL.c.project_id == project))
        name = connection.execute(select(LABEL.c.name).where(*mine).with_for_update()).scalar()
        if name is None:
            raise LabelUnknownError(f"the project has no label {number}")
        worn = _of(connection, place, digest)
        if any(each.number == number for each in worn):
            return worn
        if len(worn) >= _MOST:
            raise LabelInvalidError(f"it has {_MOST} labels already", hint="Take one off that no longer holds.")
        connection.execute(insert(ARTIFACT_LABEL).values(repository_id=place, digest=digest, label_id=number))
        record(connection, "artifact.label", repository=repository, digest=digest, detail={"label": name})
        return _of(connection, place, digest)

    return database.write(work)


def take(database: Database, repository: str, reference: str, number: int) -> None:
    """Take a label off an artifact, by its tag or digest.

    Raises:
        WireError: NAME_UNKNOWN, MANIFEST_UNKNOWN.
        LabelUnknownError: it has no such label.
    """

    def work(connection: Connection) -> None:
        place, _, digest = _found(connection, repository, reference)
        name = next((each.name for each in _of(connection, place, digest) if each.number == number), None)
        if name is None:
            raise LabelUnknownError(f"{repository}@{digest} has no label {number}")
        mine = (ARTIFACT_LABEL.c.repository_id == place, ARTIFACT_LABEL.c.digest == digest)
        connection.execute(delete(ARTIFACT_LABEL).where(*mine, ARTIFACT_LABEL.c.label_id == number))
        record(connection, "artifact.unlabel", repository=repository, digest=digest, detail={"label": name})

    database.write(work)


def worn(connection: Connection, repository: int, digests: Sequence[str] | None = None) -> Mapping[str, list[Worn]]:
    """The labels of a repository's artifacts, or of some of them, by digest; what has none is not in it."""
    query = (
        select(ARTIFACT_LABEL.c.digest, LABEL.c.id, LABEL.c.name, LABEL.c.color, LABEL.c.project_id)
        .join_from(ARTIFACT_LABEL, LABEL, LABEL.c.id == ARTIFACT_LABEL.c.label_id)
        .where(ARTIFACT_LABEL.c.repository_id == repository)
        .order_by(LABEL.c.name, LABEL.c.id)
    )
    if digests is not None:
        query = query.where(ARTIFACT_LABEL.c.digest.in_(digests))
    found: dict[str, list[Worn]] = {}
    for digest, number, name, color, project in connection.execute(query):
        found.setdefault(str(digest), []).append(Worn(int(number), name, color, project is None))
    return found


def has(repository: ColumnElement[int], digest: ColumnElement[str], label: int) -> ColumnElement[bool]:
    """That an artifact has a label, in a query."""
    mine = (ARTIFACT_LABEL.c.repository_id == repository, ARTIFACT_LABEL.c.digest == digest)
    return exists().where(*mine, ARTIFACT_LABEL.c.label_id == label)


def _of(connection: Connection, repository: int, digest: str) -> list[Worn]:
    return worn(connection, repository, [digest]).get(digest, [])


def _found(connection: Connection, name: str, reference: str) -> tuple[int, int, str]:
    """The numbers of a repository and its project, and the digest of an artifact that stays until the end."""
    query = select(REPOSITORY.c.id, REPOSITORY.c.project_id).where(REPOSITORY.c.name == name)
    place = connection.execute(query).first()
    if place is None:
        raise WireError(codes.NAME_UNKNOWN, name)
    digest: str | None = reference
    if ":" not in reference:
        mine = (TAG.c.repository_id == place.id, TAG.c.name == reference)
        digest = connection.execute(select(TAG.c.digest).where(*mine)).scalar()
    here = (MANIFEST.c.repository_id == place.id, MANIFEST.c.digest == digest)
    found = connection.execute(select(MANIFEST.c.digest).where(*here).with_for_update()).scalar()
    if found is None:
        raise WireError(codes.MANIFEST_UNKNOWN, reference[:140])
    return int(place.id), int(place.project_id), str(found)
