"""Proving that a registry is whole: every tag leads to a manifest, every manifest to everything it names, every blob to
its bytes. Works while the registry serves: what looks wrong is looked at again under the blob's lock before it counts.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select, text

from dockyard.errors import Error
from dockyard.oci.digest import Digest
from dockyard.oci.manifest import Index
from dockyard.oci.mediatype import traits
from dockyard.registry.interface import WireError
from dockyard.server.clock import now
from dockyard.server.schema.content import BLOB, MANIFEST, PROJECT_BLOB, REFERENCE, REPOSITORY_BLOB, TAG
from dockyard.server.schema.projects import PROJECT, REPOSITORY, USAGE
from dockyard.server.stored import leftovers, linking
from dockyard.server.stored.holdings import Holdings
from dockyard.server.stored.manifests import parsed

_PAGE = 500
_MOST = 10_000


class Flaw(NamedTuple):
    """Something wrong: its kind, what it is about, and whether `--repair` has put it right.

    `tag`, `manifest`, `blob-missing` and `blob-damaged` mean that an image cannot be had whole; `usage` that bytes are
    miscounted.
    """

    kind: str
    what: str
    repaired: bool = False


class Leftover(NamedTuple):
    """What costs room only, and goes by itself some time after the grace period: `orphan-file`, `orphan-blob` or
    `orphan-link`; the bytes that it takes; whether `--repair` has put it right already.
    """

    kind: str
    what: str
    bytes: int
    repaired: bool = False


@dataclass
class Report:
    """What was looked at, and what was found: flaws, and what is left over of pushes that were cut off."""

    tags: int = 0
    manifests: int = 0
    blobs: int = 0
    bytes: int = 0
    files: int = 0
    flaws: list[Flaw] = field(default_factory=list)
    more: int = 0
    leftovers: list[Leftover] = field(default_factory=list)
    left: int = 0
    left_bytes: int = 0

    @property
    def whole(self) -> bool:
        """Whether every image is there, and counted right."""
        return not self.flaws

    def add(self, kind: str, what: str, *, repaired: bool = False) -> None:
        """Note a flaw; beyond ten thousand they are only counted."""
        if len(self.flaws) < _MOST:
            self.flaws.append(Flaw(kind, what, repaired))
        else:
            self.more += 1

    def leave(self, kind: str, what: str, size: int, *, repaired: bool) -> None:
        """Note a leftover; beyond ten thousand they are only counted."""
        if len(self.leftovers) < _MOST:
            self.leftovers.append(Leftover(kind, what, size, repaired))
        self.left, self.left_bytes = self.left + 1, self.left_bytes + size

    def to_json(self) -> dict[str, Any]:
        """As --json and the API show it."""
        found = {name: [each._asdict() for each in getattr(self, name)] for name in ("flaws", "leftovers")}
        return {**asdict(self), **found, "whole": self.whole}


Progress = Callable[[str], None]


def verify(
    holdings: Holdings, *, deep: bool = False, repair: bool = False, progress: Progress = lambda text: None
) -> Report:
    """Look at everything.

    Args:
        holdings: the registry.
        deep: read every blob and compare its digest, too; otherwise its size.
        repair: remove what nobody knows of, have collected what nobody needs, count usage anew, and set damaged blobs
            aside, so that they can be pushed anew. Images that are not whole are else only told of: nothing of theirs
            is removed.
        progress: told how far it is.

    Raises:
        DatabaseError: the database cannot be reached.
    """
    report = Report()
    _manifests(holdings, report, progress)
    _tags(holdings, report)
    _blobs(holdings, report, progress, deep=deep, repair=repair)
    _files(holdings, report, progress, repair=repair)
    _links(holdings, report, repair=repair)
    _usage(holdings, report, repair=repair)
    return report


def _manifests(holdings: Holdings, report: Report, progress: Progress) -> None:
    last = (0, "")
    while True:
        table = MANIFEST.c
        # Row values are not for every SQLite; this is the same order.
        after = (table.repository_id > last[0]) | and_(table.repository_id == last[0], table.digest > last[1])
        query = (
            select(table.repository_id, table.digest, table.media_type, table.raw, table.partial, REPOSITORY.c.name)
            .join_from(MANIFEST, REPOSITORY, REPOSITORY.c.id == table.repository_id)
            .where(after)
            .order_by(table.repository_id, table.digest)
            .limit(_PAGE)
        )
        with holdings.database.read() as connection:
            rows = connection.execute(query).all()
            for repository, digest, media_type, raw, partly, name in rows:
                report.manifests += 1
                found = (int(repository), str(digest), str(media_type), bytes(raw))
                look = partial(_manifest, connection, *found, partly=bool(partly))
                # Where every statement sees its own moment (PostgreSQL), it may just have been deleted.
                if any(look()) and _there(connection, table.repository_id == repository, table.digest == digest):
                    for flaw in look():
                        report.add("manifest", f"{name}@{digest}: {flaw}")
        if not rows:
            return
        last = (int(rows[-1][0]), str(rows[-1][1]))
        progress(f"{report.manifests} manifests looked at")


def _manifest(
    connection: Connection, repository: int, digest: str, media_type: str, raw: bytes, *, partly: bool
) -> Iterator[str]:
    if str(Digest.of(raw, digest.partition(":")[0])) != digest:
        yield "its bytes have another digest"
        return
    try:
        found = parsed(raw, media_type)
    except WireError as error:
        yield error.detail
        return
    wanted = {str(each.digest): each for each in found.references}
    mine = (REFERENCE.c.repository_id == repository, REFERENCE.c.manifest == digest)
    known = set(connection.execute(select(REFERENCE.c.child).where(*mine)).scalars())
    for child in sorted(set(wanted) - known):
        yield f"{child} is not noted as a child"
    if partly:
        return  # mirrored: what it names comes when somebody asks for it
    for child, descriptor in sorted(wanted.items()):
        if not isinstance(found, Index) and not traits(descriptor.media_type).distributable:
            continue
        tables = (REPOSITORY_BLOB, MANIFEST) if isinstance(found, Index) else (REPOSITORY_BLOB,)
        if not any(
            _there(connection, table.c.repository_id == repository, table.c.digest == child) for table in tables
        ):
            yield f"{child} is not in the repository"


def _there(connection: Connection, *conditions: ColumnElement[bool]) -> bool:
    return bool(connection.execute(select(exists().where(*conditions))).scalar())


def _tags(holdings: Holdings, report: Report) -> None:
    here = exists().where(MANIFEST.c.repository_id == TAG.c.repository_id, MANIFEST.c.digest == TAG.c.digest)
    query = (
        select(REPOSITORY.c.name, TAG.c.name, TAG.c.digest)
        .join_from(TAG, REPOSITORY, REPOSITORY.c.id == TAG.c.repository_id)
        .where(~here)
    )
    with holdings.database.read() as connection:
        report.tags = int(connection.execute(select(func.count()).select_from(TAG)).scalar_one())
        for name, tag, digest in connection.execute(query).all():
            report.add("tag", f"{name}:{tag} leads to {digest}, which is not there")


def _blobs(holdings: Holdings, report: Report, progress: Progress, *, deep: bool, repair: bool) -> None:
    last = ""
    while True:
        query = select(BLOB.c.digest, BLOB.c.size).where(BLOB.c.digest > last).order_by(BLOB.c.digest).limit(_PAGE)
        with holdings.database.read() as connection:
            rows = [(str(row[0]), int(row[1])) for row in connection.execute(query)]
        for name, size in rows:
            report.blobs, report.bytes = report.blobs + 1, report.bytes + size
            flaw = _bytes(holdings, Digest.parse(name), size, deep=deep)
            if flaw is not None:
                still = partial(_still, holdings, flaw=flaw, name=name, size=size, repair=repair)
                if (flaw := holdings.database.write(still)) is not None:
                    report.add(flaw.kind, flaw.what)
            if deep:
                progress(f"{report.blobs} blobs read")
        if not rows:
            return
        last = rows[-1][0]
        progress(f"{report.blobs} blobs looked at")


def _still(
    holdings: Holdings, connection: Connection, flaw: Flaw, name: str, size: int, *, repair: bool
) -> Flaw | None:
    """What is wrong with a blob now that nobody can be removing it or publishing it anew."""
    holdings.database.lock(connection, f"blob {name}")
    if not _there(connection, BLOB.c.digest == name):
        return None
    digest = Digest.parse(name)
    if flaw.kind != "blob-damaged":
        return _bytes(holdings, digest, size, deep=False)
    if not repair:
        return flaw
    found = _bytes(holdings, digest, size, deep=True)
    if found is not None and found.kind == "blob-damaged":
        # From now on clients are told that it is not there, so whoever has it pushes it anew.
        holdings.blobs.set_aside(digest)
        return Flaw(found.kind, f"{found.what}; it was set aside, and the next push of it mends the images")
    return found


def _bytes(holdings: Holdings, digest: Digest, size: int, *, deep: bool) -> Flaw | None:
    place = holdings.blobs.place(digest, size)
    try:
        found = place.path.stat().st_size if place.path is not None else None
    except FileNotFoundError:
        return Flaw("blob-missing", str(digest))
    if found is None and not deep and not holdings.blobs.exists(digest):
        return Flaw("blob-missing", str(digest))
    if found is not None and found != size:
        return Flaw("blob-damaged", f"{digest} has {found} bytes, not {size}")
    if deep:
        hasher = hashlib.new(digest.algorithm)
        try:
            for piece in holdings.blobs.read(digest, 0, size + 1):
                hasher.update(piece)
        except (Error, OSError) as error:
            return Flaw("blob-missing", f"{digest} cannot be read: {error}")
        if hasher.hexdigest() != digest.hex:
            return Flaw("blob-damaged", f"{digest} has the content {digest.algorithm}:{hasher.hexdigest()}")
    return None


def _files(holdings: Holdings, report: Report, progress: Progress, *, repair: bool) -> None:
    files = holdings.blobs.walk()
    while sizes := dict(islice(files, _PAGE)):
        report.files += len(sizes)
        for each in leftovers.unknown(holdings, list(sizes)):
            if holdings.database.write(partial(_orphan, holdings, digest=each, repair=repair)):
                report.leave("orphan-file", str(each), sizes[each], repaired=repair)
        progress(f"{report.files} files looked at")


def _orphan(holdings: Holdings, connection: Connection, digest: Digest, *, repair: bool) -> bool:
    found = leftovers.orphan(holdings, connection, digest)
    if found and repair:
        holdings.blobs.remove([digest])
    return found


def _links(holdings: Holdings, report: Report, *, repair: bool) -> None:
    """Blobs that nobody has, and that a repository has without need, while nothing is to look at them again."""
    with holdings.database.read() as connection:
        loose = select(BLOB.c.digest, BLOB.c.size).where(leftovers.nobodys()).order_by(BLOB.c.digest)
        nobody = connection.execute(loose).all()
        query = (
            select(REPOSITORY.c.name, REPOSITORY_BLOB.c.digest, BLOB.c.size)
            .join_from(REPOSITORY_BLOB, REPOSITORY, REPOSITORY.c.id == REPOSITORY_BLOB.c.repository_id)
            .join(BLOB, BLOB.c.digest == REPOSITORY_BLOB.c.digest)
            .where(leftovers.unneeded())
            .order_by(REPOSITORY.c.name, REPOSITORY_BLOB.c.digest)
        )
        idle = connection.execute(query).all()
    if repair and (nobody or idle):
        found = sorted({*(str(row[0]) for row in nobody), *(str(row[1]) for row in idle)})
        due = now() + holdings.grace
        holdings.database.write(lambda connection: linking.watch(holdings.database, connection, found, due))
    for digest, size in nobody:
        report.leave("orphan-blob", f"{digest} belongs to no repository", int(size), repaired=repair)
    counted: set[str] = set()
    for name, digest, size in idle:
        what = f"{name} has {digest}, which no manifest names"
        report.leave("orphan-link", what, 0 if digest in counted else int(size), repaired=repair)
        counted.add(digest)


def _usage(holdings: Holdings, report: Report, *, repair: bool) -> None:
    with holdings.database.read() as connection:
        projects = connection.execute(select(PROJECT.c.id, PROJECT.c.name).order_by(PROJECT.c.id)).all()
    for number, name in projects:
        with holdings.database.read() as connection:
            wrong = _miscounted(connection, number)
        if wrong and repair:
            holdings.database.write(partial(_count_anew, holdings, project=int(number)))
        if wrong:
            report.add("usage", f"project {name}: {wrong}", repaired=repair)


def _distinct(project: int) -> Any:
    return (
        select(REPOSITORY_BLOB.c.digest, BLOB.c.size)
        .join_from(REPOSITORY_BLOB, REPOSITORY, REPOSITORY.c.id == REPOSITORY_BLOB.c.repository_id)
        .join(BLOB, BLOB.c.digest == REPOSITORY_BLOB.c.digest)
        .where(REPOSITORY.c.project_id == project)
        .distinct()
    )


def _miscounted(connection: Connection, project: int) -> str:
    inner = _distinct(project).subquery()
    true = connection.execute(select(func.count(), func.coalesce(func.sum(inner.c.size), 0)).select_from(inner)).one()
    mine = PROJECT_BLOB.c.project_id == project
    held = connection.execute(select(func.count(), func.coalesce(func.sum(PROJECT_BLOB.c.size), 0)).where(mine)).one()
    query = select(func.coalesce(func.sum(USAGE.c.bytes), 0)).where(USAGE.c.project_id == project)
    counted = connection.execute(query).scalar_one()
    if (true[0], true[1]) == (held[0], held[1]) and true[1] == counted:
        return ""
    return f"its repositories have {true[1]} bytes in {true[0]} blobs; {held[0]} blobs and {counted} bytes are counted"


def _count_anew(holdings: Holdings, connection: Connection, project: int) -> None:
    if holdings.database.postgresql:  # nobody may count beside this; SQLite has one writer anyway
        connection.execute(text("LOCK TABLE project_blob IN SHARE ROW EXCLUSIVE MODE"))
    connection.execute(PROJECT_BLOB.delete().where(PROJECT_BLOB.c.project_id == project))
    connection.execute(USAGE.delete().where(USAGE.c.project_id == project))
    for digest, size in connection.execute(_distinct(project)).all():
        connection.execute(PROJECT_BLOB.insert().values(project_id=project, digest=digest, size=size))
        linking.count(holdings.database, connection, project, Digest.parse(digest), int(size))
