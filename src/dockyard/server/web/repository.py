"""A repository: its tags, found by name or by time, and its images without one, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Subquery, and_, func, or_, select

from dockyard.server.access.principal import AccessDeniedError
from dockyard.server.browse import repositories
from dockyard.server.names import project_of
from dockyard.server.rules import labels as kept
from dockyard.server.rules.labelled import Worn, has, worn
from dockyard.server.schema.content import MANIFEST, REFERENCE, TAG
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.stored import removing
from dockyard.server.web import chosen, looking
from dockyard.server.web.answer import Answer, Moved, Page, View
from dockyard.server.web.looking import Scan
from dockyard.server.web.trouble import PageUnknownError
from dockyard.server.web.visit import FieldInvalidError, Visit
from dockyard.server.web.words import short

_COUNT = 50


@dataclass(frozen=True)
class Row:
    """A tag and what it leads to; an image without a tag is called by its digest."""

    name: str
    digest: str
    kind: str
    size: int
    platforms: list[str]
    updated_at: int
    updated_by: str
    pulled_at: int | None
    scan: Scan
    signed: bool
    labels: Sequence[Worn]


def _show(visit: Visit) -> Answer:
    name = visit.places[0]
    visit.demand_repository(name)
    wanted, order = visit.query("q", 128), visit.query("order", 10)
    untagged = visit.query("show", 10) == "untagged"
    order = "name" if order == "name" and not untagged else "newest"
    with visit.desk.database.read() as connection:
        about = connection.execute(select(REPOSITORY).where(REPOSITORY.c.name == name)).first()
        if about is None:
            raise PageUnknownError(f"there is no repository {name!r}")
        number = int(about.id)
        query = _untagged(number, wanted, visit) if untagged else _tags(number, wanted, order, visit)
        rows = connection.execute(query).all()
        some = rows[:_COUNT]
        digests = sorted({str(row.digest) for row in some})
        below = looking.children(connection, int(about.id), digests)
        parts = {each: below.get(each) or [each] for each in digests}
        scans = looking.scans(connection, parts)
        signed = looking.signed(connection, int(about.id), digests)
        labels = worn(connection, number, digests)
        inner = sorted({each for several in below.values() for each in several})
        sizes = _sizes(connection, int(about.id), inner)
        counts = [
            int(connection.execute(select(func.count()).select_from(table).where(mine)).scalar_one())
            for table, mine in (
                (TAG, TAG.c.repository_id == about.id),
                (MANIFEST, MANIFEST.c.repository_id == about.id),
            )
        ]
    found = []
    for row in some:
        digest, raw = str(row.digest), bytes(row.raw or b"")
        kind = looking.kind(raw, str(row.media_type))
        size = sum(sizes.get(each, 0) for each in below.get(digest, ())) if kind == "index" else int(row.size or 0)
        found.append(
            Row(
                str(row.name),
                digest,
                kind,
                size,
                looking.platforms(visit.desk.registry, name, raw, str(row.media_type)),
                int(row.updated_at),
                str(row.updated_by),
                row.pulled_at,
                scans[digest],
                digest in signed,
                labels.get(digest, ()),
            )
        )
    last = some[-1] if len(rows) > _COUNT else None
    words = {
        "name": name,
        "project_name": project_of(name),
        "about": about,
        "rows": found,
        "tags": counts[0],
        "manifests": counts[1],
        "q": wanted,
        "order": order,
        "labels": kept.listing(visit.desk.database, project_of(name), usable=True),
        "label": _label(visit),
        "untagged": untagged,
        "after": "" if last is None else str(last.name),
        "at": 0 if last is None or order == "name" else int(last.updated_at),
    }
    return Page("repository.html", words)


def _tags(repository: int, wanted: str, order: str, visit: Visit) -> Select[Any]:
    """One page of tags, with what they lead to; it begins after the last tag of the page before."""
    columns = (TAG.c.name, TAG.c.digest, TAG.c.updated_at, TAG.c.updated_by, TAG.c.pulled_at)
    # The tags are put in order before anything large is read beside them.
    query = select(*columns).where(TAG.c.repository_id == repository).limit(_COUNT + 1)
    if wanted:
        query = query.where(TAG.c.name.contains(wanted, autoescape=True))
    if _label(visit):
        query = query.where(has(TAG.c.repository_id, TAG.c.digest, _label(visit)))
    if not wanted.startswith("sha"):
        # What tools keep beside an image is shown with the image.
        query = query.where(~TAG.c.name.startswith("sha256-"), ~TAG.c.name.startswith("sha512-"))
    after, at = visit.query("after", 128), visit.query("at", 17)
    if order == "name":
        some = query.where(TAG.c.name > after).order_by(TAG.c.name).subquery()
        return _leading(repository, some).order_by(some.c.name)
    if at.isascii() and at.isdigit():
        earlier = TAG.c.updated_at < int(at)
        query = query.where(or_(earlier, and_(TAG.c.updated_at == int(at), TAG.c.name > after)))
    some = query.order_by(TAG.c.updated_at.desc(), TAG.c.name).subquery()
    return _leading(repository, some).order_by(some.c.updated_at.desc(), some.c.name)


def _untagged(repository: int, wanted: str, visit: Visit) -> Select[Any]:
    """One page of what has no tag, belongs to no index and refers to nothing, newest first."""
    mine = MANIFEST.c.repository_id == repository
    tagged = select(TAG.c.name).where(TAG.c.repository_id == repository, TAG.c.digest == MANIFEST.c.digest)
    named = select(REFERENCE.c.manifest).where(
        REFERENCE.c.repository_id == repository, REFERENCE.c.child == MANIFEST.c.digest
    )
    query = select(
        MANIFEST.c.digest.label("name"),
        MANIFEST.c.digest,
        MANIFEST.c.pushed_at.label("updated_at"),
        MANIFEST.c.pushed_by.label("updated_by"),
        MANIFEST.c.pulled_at,
        MANIFEST.c.raw,
        MANIFEST.c.media_type,
        MANIFEST.c.size,
    ).where(mine, MANIFEST.c.subject.is_(None), ~tagged.exists(), ~named.exists())
    if wanted:
        query = query.where(MANIFEST.c.digest.contains(wanted, autoescape=True))
    if _label(visit):
        query = query.where(has(MANIFEST.c.repository_id, MANIFEST.c.digest, _label(visit)))
    after, at = visit.query("after", 140), visit.query("at", 17)
    if at.isascii() and at.isdigit():
        same = and_(MANIFEST.c.pushed_at == int(at), MANIFEST.c.digest > after)
        query = query.where(or_(MANIFEST.c.pushed_at < int(at), same))
    return query.order_by(MANIFEST.c.pushed_at.desc(), MANIFEST.c.digest).limit(_COUNT + 1)


def _label(visit: Visit) -> int:
    """The number of the label that is asked for; 0 for whatever has any or none."""
    found = visit.query("label", 15)
    return int(found) if found.isascii() and found.isdigit() else 0


def _leading(repository: int, some: Subquery) -> Select[Any]:
    there = (MANIFEST.c.repository_id == repository) & (MANIFEST.c.digest == some.c.digest)
    return select(some, MANIFEST.c.raw, MANIFEST.c.media_type, MANIFEST.c.size).join_from(some, MANIFEST, there)


def _sizes(connection: Any, repository: int, digests: list[str]) -> dict[str, int]:
    query = select(MANIFEST.c.digest, MANIFEST.c.size).where(
        MANIFEST.c.repository_id == repository, MANIFEST.c.digest.in_(digests)
    )
    return {str(row[0]): int(row[1]) for row in connection.execute(query).all()}


def _delete_tag(visit: Visit) -> Answer:
    name, tag = visit.places[0], visit.text("tag", 128)
    visit.demand_repository(name, "delete")
    if not tag or ":" in tag:
        raise FieldInvalidError("that is no tag")
    visit.desk.registry.delete_manifest(name, tag)
    return Moved(
        f"/repository/{name}", f"Tag {tag} is removed. Its image stays until retention or somebody removes it."
    )


def _delete_untagged(visit: Visit) -> Answer:
    name, digest = visit.places[0], visit.text("digest", 140)
    visit.demand_repository(name, "delete")
    if ":" not in digest:
        raise FieldInvalidError("that is no digest")
    visit.desk.registry.delete_manifest(name, digest)
    return Moved(f"/repository/{name}?show=untagged", f"{short(digest)} is removed.")


def _remove(visit: Visit) -> Answer:
    name = visit.places[0]
    visit.demand_repository(name, "delete")
    if not visit.can(project_of(name), "repository", "delete"):
        raise AccessDeniedError(f"{visit.who.name} may not delete repository {name}")
    if visit.text("sure") != name:
        raise FieldInvalidError("the name that was typed is not the repository's")
    removing.repository(visit.desk.registry.holdings, name)
    visit.desk.registry.changed(name)
    return Moved(f"/projects/{project_of(name)}", f"Repository {name} is removed.")


def _describe(visit: Visit) -> Answer:
    name = visit.places[0]
    visit.demand(project_of(name), "repository", "update")
    repositories.describe(visit.desk.database, name, visit.text("description", 10_000).replace("\r\n", "\n"))
    return Moved(f"/repository/{name}", "The description is changed.")


VIEW = View(
    _show,
    {
        "describe": _describe,
        "delete-tag": _delete_tag,
        "delete-untagged": _delete_untagged,
        "choose": chosen.ask,
        "remove-chosen": chosen.remove,
        "remove": _remove,
    },
)
