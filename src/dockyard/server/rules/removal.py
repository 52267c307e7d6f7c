"""Removing chosen tags and images of a repository: first a plan for people, then what holds of it at that moment.

An image goes with its last tag, if that is wanted, and takes with it what is of no use without it: the images that an
index alone names, and signatures and SBOMs that have no tags of their own.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, select

from dockyard.errors import UsageError
from dockyard.registry.interface import WireError
from dockyard.registry.protocol import codes
from dockyard.registry.protocol.request import tag_valid
from dockyard.server.events import record
from dockyard.server.rules.tag_rules import COMPANION
from dockyard.server.schema.content import MANIFEST, REFERENCE, TAG
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.stored import deleting
from dockyard.server.stored.freed import freed
from dockyard.server.stored.holdings import Holdings
from dockyard.server.stored.manifests import digest as digest_of

MOST = 100
_CHUNK = 500
_BESIDE = ("", ".sig", ".att", ".sbom")


class RemovalInvalidError(UsageError):
    """What is to be removed is not said as it should be: nothing, too much, or an image where only tags may go."""

    reference = "removal-invalid"
    hint = f"Name 1 to {MOST} tags or digests, such as 1.0 or sha256:…, or 1.0@sha256:… to remove it only from there."


class Stays(NamedTuple):
    """What was chosen and stays, or a tag whose image stays, and why."""

    name: str
    reason: str


@dataclass
class Removal:
    """What goes, and the bytes that this really frees: those of blobs that no other manifest of any project names.

    Attributes:
        tags: with their digests; of images that stay, and of those that go.
        images: the manifests that go, by digest, with the tags that each has.
        chosen: those of them that were asked for; the others are parts of them or refer to them.
        stays: what does not go though it was asked for.
        bytes: freed once they are collected.
    """

    tags: dict[str, str] = field(default_factory=dict)
    images: dict[str, list[str]] = field(default_factory=dict)
    chosen: set[str] = field(default_factory=set)
    stays: list[Stays] = field(default_factory=list)
    bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        """As --json and the API show it."""
        images = [
            {"digest": digest, "tags": tags, "chosen": digest in self.chosen} for digest, tags in self.images.items()
        ]
        stays = [each._asdict() for each in self.stays]
        return {"tags": sorted(self.tags), "images": images, "stays": stays, "bytes": self.bytes}


def plan(holdings: Holdings, name: str, references: Sequence[str], *, images: bool = True) -> Removal:
    """What `remove` would do now; nothing is changed.

    Args:
        holdings: where the repository is.
        name: the repository.
        references: tags, digests, or tags with the digests that they are expected at: `1.0@sha256:…`.
        images: let images go with their last tags; else only tags go.

    Raises:
        WireError: NAME_UNKNOWN, DIGEST_INVALID.
        RemovalInvalidError: as it says.
    """
    wanted = _wanted(references, images=images)
    with holdings.database.read() as connection:
        return _planned(holdings, connection, name, wanted, images=images)


def remove(holdings: Holdings, name: str, references: Sequence[str], *, images: bool = True) -> Removal:
    """Remove it, all at once, and say what went. Each tag and image is an event of its own.

    Raises:
        WireError, RemovalInvalidError: as `plan`.
    """
    wanted = _wanted(references, images=images)

    def work(connection: Connection) -> Removal:
        locked: set[str] = set()
        while True:
            found = _planned(holdings, connection, name, wanted, images=images)
            more = sorted({*found.images, *found.tags.values()} - locked)
            if not more:
                break
            # Nobody changes them or names them in an index until the transaction ends; what was done before shows now.
            repository = _repository(connection, name)[0]
            for some in _chunks(more):
                mine = (MANIFEST.c.repository_id == repository, MANIFEST.c.digest.in_(some))
                connection.execute(select(MANIFEST.c.digest).where(*mine).order_by(MANIFEST.c.digest).with_for_update())
            locked.update(more)
        _carry_out(holdings, connection, name, found)
        return found

    return holdings.database.write(work)


def _carry_out(holdings: Holdings, connection: Connection, name: str, found: Removal) -> None:
    repository = _repository(connection, name)[0]
    gone = {tag for tags in found.images.values() for tag in tags}
    for tag in sorted(found.tags.keys() - gone):
        connection.execute(delete(TAG).where(TAG.c.repository_id == repository, TAG.c.name == tag))
        record(connection, "tag.delete", repository=name, reference=tag)
    for digest, tags in found.images.items():
        deleting.drop(holdings, connection, repository, digest)
        record(connection, "delete", repository=name, digest=digest, detail={"by": "selection", "tags": tags})


def _wanted(references: Sequence[str], *, images: bool) -> dict[str, str]:
    """What was chosen, tags and digests, with the digest that each is expected at; empty for any."""
    if not 0 < len(references) <= MOST:
        raise RemovalInvalidError(f"{len(references)} tags and images to remove")
    found = {}
    for each in references:
        name, at, expected = each.partition("@")
        if ":" in name:
            name = str(digest_of(name))
            if not images:
                raise RemovalInvalidError(f"{name} is no tag, and only tags are to go")
        elif not tag_valid(name):
            raise RemovalInvalidError(f"not a tag: {name[:140]!r}")
        found[name] = str(digest_of(expected)) if at else ""
    return found


def _repository(connection: Connection, name: str) -> tuple[int, int]:
    query = select(REPOSITORY.c.id, REPOSITORY.c.project_id).where(REPOSITORY.c.name == name)
    found = connection.execute(query).first()
    if found is None:
        raise WireError(codes.NAME_UNKNOWN, name)
    return int(found[0]), int(found[1])


def _planned(
    holdings: Holdings, connection: Connection, name: str, wanted: Mapping[str, str], *, images: bool
) -> Removal:
    repository, project = _repository(connection, name)
    found = Removal()

    def held(tags: Sequence[str]) -> str:
        """The rule that keeps one of the tags; empty for none."""
        try:
            holdings.rules.forgetting(connection, project, name, tags)
        except WireError as error:
            return error.detail
        return ""

    roots: set[str] = set()
    there = _digests(connection, repository, wanted)
    for reference, expected in wanted.items():
        at = there.get(reference)
        if at is None:
            found.stays.append(Stays(reference, "it is not there"))
        elif expected not in ("", at):
            found.stays.append(Stays(reference, "it leads to another image by now"))
        elif reason := held([reference] if ":" not in reference else _tags(connection, repository, [at])[at]):
            found.stays.append(Stays(reference, reason))
        else:
            roots.add(at)
            if ":" not in reference:
                found.tags[reference] = at
    if images:
        going = _roots(connection, repository, found, roots, wanted)
        _follow(connection, repository, going, held)
        tags = _tags(connection, repository, going)
        found.images = {digest: tags[digest] for digest in going}
        found.chosen = roots & going.keys()
        found.tags |= {tag: digest for digest, some in found.images.items() for tag in some}
        found.bytes = freed(connection, _named(connection, repository, going))
    return found


def _roots(
    connection: Connection, repository: int, found: Removal, roots: set[str], wanted: Mapping[str, str]
) -> dict[str, None]:
    """Those of the chosen images that nothing holds; of the others it is said what does, and their tags go alone."""
    tags = _tags(connection, repository, roots)
    reasons: dict[str, str] = {}
    for digest in roots:
        others = [each for each in tags[digest] if found.tags.get(each) != digest] if digest not in wanted else []
        if others:
            more = f" and {len(others) - 3} more" if len(others) > 3 else ""
            reasons[digest] = f"its image stays: it is {', '.join(others[:3])}{more}, too"
    while True:
        going = [digest for digest in sorted(roots) if digest not in reasons]
        by = _naming(connection, repository, going)
        held = {digest: outside for digest in going if (outside := sorted(by[digest] - set(going)))}
        if not held:
            break
        reasons |= {
            digest: f"its image stays: the index {outside[0][:19]} names it" for digest, outside in held.items()
        }
    for digest, reason in sorted(reasons.items()):
        names = [tag for tag, at in found.tags.items() if at == digest]
        found.stays += [Stays(each, reason) for each in names or [digest]]
    return dict.fromkeys(going)


def _follow(
    connection: Connection, repository: int, going: dict[str, None], held: Callable[[Sequence[str]], str]
) -> None:
    """Let go, too, what only they name and what refers to them, as far as it has no tags but those kept beside them."""
    newest = list(going)
    while newest:
        near = _near(connection, repository, newest) - going.keys()
        tags, by = _tags(connection, repository, near), _naming(connection, repository, near)
        newest = []
        for digest in sorted(near):
            beside = all(_beside(tag) in going for tag in tags[digest])
            if beside and by[digest] <= going.keys() and not held(tags[digest]):
                going[digest] = None
                newest.append(digest)


def _beside(tag: str) -> str:
    """The digest of the image that a tag is kept beside; empty where it is none of these."""
    match = COMPANION.fullmatch(tag)
    return f"{match[1]}:{match[2]}" if match is not None else ""


def _near(connection: Connection, repository: int, digests: Sequence[str]) -> set[str]:
    """The manifests that these name, that refer to them, and that are tagged as kept beside them."""
    found: set[str] = set()
    for some in _chunks(digests):
        child = (MANIFEST.c.repository_id == REFERENCE.c.repository_id) & (MANIFEST.c.digest == REFERENCE.c.child)
        names = [each.replace(":", "-") + ending for each in some for ending in _BESIDE]
        for query in (
            select(MANIFEST.c.digest)
            .join_from(REFERENCE, MANIFEST, child)
            .where(REFERENCE.c.repository_id == repository, REFERENCE.c.manifest.in_(some)),
            select(MANIFEST.c.digest).where(MANIFEST.c.repository_id == repository, MANIFEST.c.subject.in_(some)),
            select(TAG.c.digest).where(TAG.c.repository_id == repository, TAG.c.name.in_(names)),
        ):
            found.update(str(each) for each in connection.execute(query).scalars())
    return found


def _digests(connection: Connection, repository: int, wanted: Iterable[str]) -> dict[str, str]:
    """Where tags lead, and which of the digests are there."""
    tags, digests = [each for each in wanted if ":" not in each], [each for each in wanted if ":" in each]
    query = select(TAG.c.name, TAG.c.digest).where(TAG.c.repository_id == repository, TAG.c.name.in_(tags))
    found = {str(row[0]): str(row[1]) for row in connection.execute(query).all()}
    there = select(MANIFEST.c.digest).where(MANIFEST.c.repository_id == repository, MANIFEST.c.digest.in_(digests))
    return found | {str(each): str(each) for each in connection.execute(there).scalars()}


def _tags(connection: Connection, repository: int, digests: Iterable[str]) -> defaultdict[str, list[str]]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for some in _chunks(digests):
        query = select(TAG.c.digest, TAG.c.name).where(TAG.c.repository_id == repository, TAG.c.digest.in_(some))
        for digest, tag in connection.execute(query.order_by(TAG.c.name)).all():
            found[str(digest)].append(str(tag))
    return found


def _naming(connection: Connection, repository: int, digests: Iterable[str]) -> defaultdict[str, set[str]]:
    """The manifests that name each."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for some in _chunks(digests):
        mine = (REFERENCE.c.repository_id == repository, REFERENCE.c.child.in_(some))
        for child, manifest in connection.execute(select(REFERENCE.c.child, REFERENCE.c.manifest).where(*mine)).all():
            found[str(child)].add(str(manifest))
    return found


def _named(connection: Connection, repository: int, digests: Iterable[str]) -> Counter[str]:
    """How many of the manifests name each blob."""
    found: Counter[str] = Counter()
    for some in _chunks(digests):
        mine = (REFERENCE.c.repository_id == repository, REFERENCE.c.manifest.in_(some))
        found.update(str(each) for each in connection.execute(select(REFERENCE.c.child).where(*mine)).scalars())
    return found


def _chunks(items: Iterable[str]) -> list[list[str]]:
    listed = sorted(items)
    return [listed[at : at + _CHUNK] for at in range(0, len(listed), _CHUNK)]
