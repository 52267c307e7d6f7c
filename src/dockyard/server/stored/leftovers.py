"""What a process that was killed leaves behind: bytes in their place that no row speaks of, as it ended between putting
them there and committing, and blobs that nothing needs and nobody looks at. They cost room; no image misses anything.

They are given to collecting (`deleting.py`), which takes the lock that publishing takes, so an upload in flight, of
this process or of another replica, is as safe as from any other collection: whoever publishes a blob looks, under that
lock, whether its bytes are still there.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select

from dockyard.oci.digest import Digest
from dockyard.server.clock import now
from dockyard.server.schema.accounts import STATE
from dockyard.server.schema.content import BLOB, DELETION, REFERENCE, REPOSITORY_BLOB
from dockyard.server.stored import linking
from dockyard.server.stored.holdings import Holdings

TOGETHER = 500
_MOST = 100_000
_NAME = "sweep"
_ALGORITHMS = ("sha256", "sha384", "sha512")
_DIGITS = 12


class Swept(NamedTuple):
    """How many leftovers collecting now looks at, and their bytes."""

    blobs: int
    bytes: int


def sweep(holdings: Holdings, *, most: int = _MOST, progress: Callable[[str], None] = lambda text: None) -> Swept:
    """Have leftovers collected that are older than the grace period.

    Looks at `most` files and remembers where it ended; the next one goes on there, and begins anew after the last. It
    may be cut off anywhere.
    """
    seen = count = total = 0
    at = _position(holdings)
    files = holdings.blobs.walk(after=_text(at))
    while sizes := dict(islice(files, TOGETHER)):
        found = {each: sizes[each] for each in unknown(holdings, list(sizes))}
        found |= _idle(holdings, sizes)
        if found:
            # At once, as collecting looks again whether it is needed or young.
            holdings.database.write(partial(_watch, holdings, names=[str(each) for each in found]))
        count, total, seen = count + len(found), total + sum(found.values()), seen + len(sizes)
        progress(f"{seen} files looked at")
        if seen >= most:
            _remember(holdings, _number(list(sizes)[-1]))
            return Swept(count, total)
    if at:
        _remember(holdings, 0)
    return Swept(count, total)


def unknown(holdings: Holdings, digests: Sequence[Digest]) -> list[Digest]:
    """The files among these that no row speaks of, and that are older than the grace period."""
    texts = [str(each) for each in digests]
    with holdings.database.read() as connection:
        known = set(connection.execute(select(BLOB.c.digest).where(BLOB.c.digest.in_(texts))).scalars())
        # What is on its way out is collecting's to remove.
        known.update(connection.execute(select(DELETION.c.digest).where(DELETION.c.digest.in_(texts))).scalars())
    return [each for each in digests if str(each) not in known and _old(holdings, each)]


def orphan(holdings: Holdings, connection: Connection, digest: Digest) -> bool:
    """Whether no row speaks of a file even now that nobody can be publishing or removing it."""
    holdings.database.lock(connection, f"blob {digest}")
    spoken = or_(exists().where(BLOB.c.digest == str(digest)), exists().where(DELETION.c.digest == str(digest)))
    return not connection.execute(select(spoken)).scalar() and _old(holdings, digest)


def nobodys() -> ColumnElement[bool]:
    """That a blob belongs to no repository, and nothing is to look at it again."""
    return ~exists().where(REPOSITORY_BLOB.c.digest == BLOB.c.digest) & ~_waiting(BLOB.c.digest)


def unneeded() -> ColumnElement[bool]:
    """That a repository has a blob which none of its manifests names, and nothing is to look at it again."""
    needed = exists().where(
        REFERENCE.c.repository_id == REPOSITORY_BLOB.c.repository_id, REFERENCE.c.child == REPOSITORY_BLOB.c.digest
    )
    return ~needed & ~_waiting(REPOSITORY_BLOB.c.digest)


def _waiting(digest: ColumnElement[Any]) -> ColumnElement[bool]:
    return exists().where(DELETION.c.digest == digest)


def _old(holdings: Holdings, digest: Digest) -> bool:
    age = holdings.blobs.age(digest)
    return age is not None and age * 1000 >= holdings.grace  # a younger one's upload may be about to end


def _idle(holdings: Holdings, sizes: Mapping[Digest, int]) -> dict[Digest, int]:
    texts = [str(each) for each in sizes]
    loose = select(BLOB.c.digest).where(BLOB.c.digest.in_(texts), nobodys())
    idle = select(REPOSITORY_BLOB.c.digest).where(and_(REPOSITORY_BLOB.c.digest.in_(texts), unneeded()))
    with holdings.database.read() as connection:
        found = {*connection.execute(loose).scalars(), *connection.execute(idle).scalars()}
    return {each: size for each, size in sizes.items() if str(each) in found}


def _watch(holdings: Holdings, connection: Connection, names: Sequence[str]) -> None:
    linking.watch(holdings.database, connection, names, now())


def _position(holdings: Holdings) -> int:
    with holdings.database.read() as connection:
        return int(connection.execute(select(STATE.c.number).where(STATE.c.name == _NAME)).scalar() or 0)


def _remember(holdings: Holdings, number: int) -> None:
    statement = holdings.database.insert(STATE).values({"name": _NAME, "number": number})
    statement = statement.on_conflict_do_update(index_elements=["name"], set_={"number": number})
    holdings.database.write(lambda connection: connection.execute(statement).rowcount)


def _number(digest: Digest) -> int:
    """Where a digest is in the order of all, as a number that a database can hold: by its first digits."""
    return (_ALGORITHMS.index(digest.algorithm) << 4 * _DIGITS) + int(digest.hex[:_DIGITS], 16)


def _text(number: int) -> str:
    """The beginning of the digests from `number` on; empty for all of them."""
    if not number:
        return ""
    return f"{_ALGORITHMS[number >> 4 * _DIGITS]}:{number & (1 << 4 * _DIGITS) - 1:0{_DIGITS}x}"
