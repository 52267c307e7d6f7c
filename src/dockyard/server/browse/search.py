"""Finding projects, repositories, tags and digests by a part of their names."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import Connection, select, tuple_

from dockyard.server.access import projects
from dockyard.server.access.principal import Principal
from dockyard.server.database import Database
from dockyard.server.schema.content import MANIFEST, TAG
from dockyard.server.schema.projects import REPOSITORY

_TOGETHER = 500
_PAGES = 40
_SHORTEST = 6


@dataclass(frozen=True)
class Tagged:
    """A tag, or a manifest that was looked for by its digest, whose tag is empty."""

    repository: str
    tag: str
    digest: str


@dataclass(frozen=True)
class Found:
    """What has the text in its name, each kind by name and bounded; `more` says whether something was left off."""

    projects: list[str]
    repositories: list[str]
    tags: list[Tagged]
    more: bool


def search(database: Database, by: Principal, sees: Callable[[str], bool], text: str, *, count: int = 20) -> Found:
    """What `by` may know of and whose name has `text` in it.

    `web:1.2` looks for tags with 1.2 in repositories with web. What looks like a digest, or the beginning of one with
    at least six digits, is looked for as one, too.

    Args:
        database: has the names.
        by: whose projects are listed.
        sees: whether it may pull from a repository.
        text: a part of a name, in any case.
        count: at most so many of each kind.
    """
    wanted = text.strip().lower()
    if not wanted:
        return Found([], [], [], False)
    before, colon, after = wanted.rpartition(":")
    digest = wanted if wanted.startswith(("sha256:", "sha512:")) else ""
    most = count + 1
    named = list(islice(_projects(database, by, wanted), most))
    with database.read() as connection:
        held = [] if digest else list(islice(_repositories(connection, sees, wanted), most))
        tags: list[Tagged] = []
        if digest and len(digest) >= len("sha256:") + _SHORTEST:
            tags = list(islice(_digests(connection, sees, digest), most))
        elif not digest:
            tags = list(islice(_tags(connection, sees, before if colon else "", after if colon else wanted), most))
    more = any(len(each) > count for each in (named, held, tags))
    return Found(named[:count], held[:count], tags[:count], more)


def _projects(database: Database, by: Principal, wanted: str) -> Iterator[str]:
    last = ""
    for _ in range(_PAGES):
        page = projects.listing(database, by, last=last, count=_TOGETHER)
        yield from (each.name for each in page if wanted in each.name)
        if len(page) < _TOGETHER:
            return
        last = page[-1].name


def _repositories(connection: Connection, sees: Callable[[str], bool], wanted: str) -> Iterator[str]:
    query = select(REPOSITORY.c.name).where(REPOSITORY.c.name.contains(wanted, autoescape=True))
    last = ""
    for _ in range(_PAGES):
        page = list(
            connection.execute(
                query.where(REPOSITORY.c.name > last).order_by(REPOSITORY.c.name).limit(_TOGETHER)
            ).scalars()
        )
        yield from (each for each in page if sees(each))
        if len(page) < _TOGETHER:
            return
        last = page[-1]


def _tags(connection: Connection, sees: Callable[[str], bool], repository: str, wanted: str) -> Iterator[Tagged]:
    """In the order of their key, so that no page has to be sorted."""
    query = (
        select(TAG.c.repository_id, REPOSITORY.c.name.label("repository"), TAG.c.name, TAG.c.digest)
        .join_from(TAG, REPOSITORY, REPOSITORY.c.id == TAG.c.repository_id)
        .where(TAG.c.name.icontains(wanted, autoescape=True))
        .order_by(TAG.c.repository_id, TAG.c.name)
        .limit(_TOGETHER)
    )
    if repository:
        query = query.where(REPOSITORY.c.name.contains(repository, autoescape=True))
    if not wanted.startswith("sha"):
        # What tools keep beside an image is found with the image.
        query = query.where(~TAG.c.name.startswith("sha256-"), ~TAG.c.name.startswith("sha512-"))
    last: tuple[int, str] = (0, "")
    for _ in range(_PAGES):
        page = connection.execute(query.where(tuple_(TAG.c.repository_id, TAG.c.name) > last)).all()
        yield from (Tagged(row.repository, row.name, row.digest) for row in page if sees(row.repository))
        if len(page) < _TOGETHER:
            return
        last = (page[-1].repository_id, page[-1].name)


def _digests(connection: Connection, sees: Callable[[str], bool], wanted: str) -> Iterator[Tagged]:
    query = (
        select(REPOSITORY.c.name, MANIFEST.c.digest)
        .join_from(MANIFEST, REPOSITORY, REPOSITORY.c.id == MANIFEST.c.repository_id)
        .where(MANIFEST.c.digest >= wanted, MANIFEST.c.digest < wanted + "g")
        .order_by(MANIFEST.c.digest, REPOSITORY.c.name)
        .limit(_TOGETHER)
    )
    for row in connection.execute(query).all():
        if sees(row.name):
            yield Tagged(row.name, "", row.digest)
