"""Applying a project's retention rules: first a plan, then removing what it says as far as that still holds."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection, insert, select

from dockyard.registry.interface import WireError
from dockyard.server.clock import now
from dockyard.server.events import record
from dockyard.server.rules import retention_rules, tag_rules
from dockyard.server.rules.choice import Choice, Held, choose, companion_of
from dockyard.server.rules.labelled import Worn, worn
from dockyard.server.rules.project import project_number, within
from dockyard.server.schema.content import MANIFEST, REFERENCE, TAG
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.schema.rules import RETENTION_RUN
from dockyard.server.stored import deleting
from dockyard.server.stored.freed import freed
from dockyard.server.stored.holdings import Holdings

_TOGETHER = 50
_DETAIL = 1000
_RUNS = 100


class Part(NamedTuple):
    """One repository of a plan."""

    number: int
    name: str
    held: dict[str, Held]
    choice: Choice


@dataclass(frozen=True)
class Plan:
    """What the rules of a project keep and remove, and the bytes that this really frees: those of blobs that no kept
    manifest of any project needs, each counted once.
    """

    project: str
    parts: Sequence[Part]
    bytes: int

    def removed(self) -> Iterator[tuple[str, Held]]:
        """Every manifest that goes, with its repository."""
        for part in self.parts:
            for digest in part.choice.removed:
                yield part.name, part.held[digest]

    def to_json(self) -> dict[str, Any]:
        """As --json and the API show it."""
        return {
            "project": self.project,
            "bytes": self.bytes,
            "kept": sum(len(part.choice.kept) for part in self.parts),
            "removed": [_row(name, held) for name, held in self.removed()],
            "reasons": {part.name: dict(part.choice.kept) for part in self.parts},
        }


class Outcome(NamedTuple):
    """What a run did: manifests kept and removed, bytes that this frees once they are collected."""

    kept: int
    removed: int
    bytes: int


def plan(holdings: Holdings, project: str) -> Plan:
    """What the rules say now; nothing is changed.

    Raises:
        ProjectUnknownError: there is none of that name.
    """
    with holdings.database.read() as connection:
        number = project_number(connection, project)
        rules = retention_rules.rules_of(connection, number)
        immutable = [each for each in tag_rules.rules_of(connection, number) if each.kind == "immutable"]
        query = select(REPOSITORY.c.id, REPOSITORY.c.name).where(REPOSITORY.c.project_id == number)
        parts = []
        for repository, name in connection.execute(query.order_by(REPOSITORY.c.name)).all() if rules else ():
            held = _held(connection, repository)
            choice = choose(within(name), list(held.values()), rules, immutable, now(), holdings.grace)
            parts.append(Part(repository, name, held, choice))
        return Plan(project, parts, _freed(connection, parts))


def run(
    holdings: Holdings,
    project: str,
    *,
    dry: bool = False,
    changed: Callable[[str], None] = lambda name: None,
    progress: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Apply the rules, and keep a record of that. What was pushed, tagged, labelled or pulled since the plan
    was made stays.

    Args:
        holdings: where the project is.
        project: its name.
        dry: only plan.
        changed: told of every repository from which something was removed.
        progress: told how far it is; what it raises ends the run, after which it can be started again.

    Raises:
        ProjectUnknownError: there is none of that name.
    """
    found = plan(holdings, project)
    removed = 0
    for part in () if dry else found.parts:
        digests = list(part.choice.removed)
        for at in range(0, len(digests), _TOGETHER):
            progress(f"{part.name}: {at} of {len(digests)} removed")
            done = holdings.database.write(partial(_remove, holdings, part=part, digests=digests[at : at + _TOGETHER]))
            removed += done
            if done:
                changed(part.name)
    kept = sum(len(part.choice.kept) for part in found.parts)
    planned = sum(len(part.choice.removed) for part in found.parts)
    outcome = Outcome(kept + (0 if dry else planned - removed), planned if dry else removed, found.bytes)
    detail = [_row(name, held) for name, held in found.removed()][:_DETAIL]
    holdings.database.write(partial(_note, project=project, dry=dry, outcome=outcome, detail=detail))
    return outcome


def _row(name: str, held: Held) -> dict[str, Any]:
    return {"repository": name, "digest": held.digest, "tags": list(held.tags), "pushed": held.pushed}


def _held(connection: Connection, repository: int) -> dict[str, Held]:
    """Every manifest of a repository."""
    tags: defaultdict[str, list[tuple[str, int, int]]] = defaultdict(list)
    query = select(TAG.c.digest, TAG.c.name, TAG.c.updated_at, TAG.c.pulled_at)
    for digest, name, updated, pulled in connection.execute(query.where(TAG.c.repository_id == repository)):
        tags[digest].append((name, updated, pulled or 0))
    children: defaultdict[str, list[str]] = defaultdict(list)
    query = select(REFERENCE.c.manifest, REFERENCE.c.child).where(REFERENCE.c.repository_id == repository)
    for row in connection.execute(query).all():
        children[str(row[0])].append(str(row[1]))
    query = select(MANIFEST.c.digest, MANIFEST.c.subject, MANIFEST.c.pushed_at, MANIFEST.c.pulled_at)
    rows = connection.execute(query.where(MANIFEST.c.repository_id == repository)).all()
    labels = {digest: _names(found) for digest, found in worn(connection, repository).items()}
    return {
        row[0]: _one(row[0], row[1], row[2], row[3], tags[row[0]], children[row[0]], labels.get(row[0], ()))
        for row in rows
    }


def _names(found: Sequence[Worn]) -> tuple[str, ...]:
    return tuple(each.name for each in found)


def _one(
    digest: str,
    subject: str | None,
    pushed: int,
    pulled: int | None,
    tags: list[tuple[str, int, int]],
    children: list[str],
    labels: Sequence[str] = (),
) -> Held:
    return Held(
        digest,
        tuple(sorted(each[0] for each in tags)),
        subject or "",
        tuple(children),
        max([pushed, *(each[1] for each in tags)]),
        max([pulled or 0, *(each[2] for each in tags)]),
        labels,
    )


def _freed(connection: Connection, parts: Sequence[Part]) -> int:
    inside: Counter[str] = Counter()
    for part in parts:
        for digest in part.choice.removed:
            inside.update(part.held[digest].children)
    return freed(connection, inside)


def _remove(holdings: Holdings, connection: Connection, part: Part, digests: Sequence[str]) -> int:
    return sum(_remove_one(holdings, connection, part, part.held[digest]) for digest in digests)


def _remove_one(holdings: Holdings, connection: Connection, part: Part, held: Held) -> bool:
    """Remove a manifest if all is as it was when the plan was made."""
    tags = deleting.tags_of(connection, part.number, held.digest)
    mine = (MANIFEST.c.repository_id == part.number, MANIFEST.c.digest == held.digest)
    row = connection.execute(select(MANIFEST.c.pushed_at, MANIFEST.c.pulled_at).where(*mine)).first()
    if row is None or tags != list(held.tags) or deleting.referring(connection, part.number, held.digest):
        return False
    times = select(TAG.c.name, TAG.c.updated_at, TAG.c.pulled_at)
    found = connection.execute(times.where(TAG.c.repository_id == part.number, TAG.c.digest == held.digest)).all()
    there = _one(held.digest, held.subject, row[0], row[1], [(each[0], each[1], each[2] or 0) for each in found], [])
    if (there.pushed, there.pulled) != (held.pushed, held.pulled):
        return False
    if _names(worn(connection, part.number, [held.digest]).get(held.digest, ())) != tuple(held.labels):
        return False
    image = held.subject or companion_of(held)
    if image in part.held and image != held.digest:
        above = (MANIFEST.c.repository_id == part.number, MANIFEST.c.digest == image)
        if connection.execute(select(MANIFEST.c.digest).where(*above)).first() is not None:
            return False
    try:
        holdings.rules.forgetting(connection, _project(connection, part.number), part.name, tags)
    except WireError:
        return False  # made immutable in the meantime
    deleting.drop(holdings, connection, part.number, held.digest)
    detail = {"by": "retention", "tags": tags}
    record(connection, "delete", repository=part.name, digest=held.digest, detail=detail)
    return True


def _project(connection: Connection, repository: int) -> int:
    return int(connection.execute(select(REPOSITORY.c.project_id).where(REPOSITORY.c.id == repository)).scalar_one())


def _note(connection: Connection, project: str, dry: bool, outcome: Outcome, detail: list[dict[str, Any]]) -> None:
    number = project_number(connection, project)
    values = {"project_id": number, "at": now(), "dry": dry, "detail": json.dumps(detail), **outcome._asdict()}
    connection.execute(insert(RETENTION_RUN).values(values))
    mine = RETENTION_RUN.c.project_id == number
    edge = select(RETENTION_RUN.c.id).where(mine).order_by(RETENTION_RUN.c.id.desc()).offset(_RUNS).limit(1)
    oldest = connection.execute(edge).scalar()
    if oldest is not None:
        connection.execute(RETENTION_RUN.delete().where(mine, RETENTION_RUN.c.id <= oldest))
    if not dry:
        record(connection, "retention.run", project=project, reference=project, detail=outcome._asdict())
