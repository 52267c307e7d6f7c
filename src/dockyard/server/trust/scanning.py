"""The packages of pushed images, and the findings about them.

An inventory is made once for each image; a new feed asks only which images have the packages that its changed
advisories speak of.
"""

import logging
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from dockyard.images.image import Image
from dockyard.oci.digest import Digest
from dockyard.oci.manifest import Manifest, parse
from dockyard.oci.mediatype import traits
from dockyard.packages.inventory import Inventory, inventory
from dockyard.packages.package import Package, normalized
from dockyard.registry.interface import Registry, StoredManifest
from dockyard.scan.feed import Feed
from dockyard.scan.match import Finding, match
from dockyard.server.clock import now
from dockyard.server.database import Database, DatabaseError
from dockyard.server.events import record
from dockyard.server.schema.trust import FINDING, INVENTORY, INVENTORY_PACKAGE
from dockyard.server.trust.inside import Inside

_MOST_IMAGES = 64
_LOG = logging.getLogger("dockyard.trust")


def images(registry: Registry, name: str, stored: StoredManifest) -> list[Image]:
    """The images that a manifest or index stands for; artifacts, and attestations in an index, are none."""
    inside = Inside(registry, name)
    found = parse(stored.raw, stored.media_type)
    if isinstance(found, Manifest):
        return [Image(found.descriptor, inside)] if is_image(found) else []
    made: list[Image] = []
    for child in found.manifests[:_MOST_IMAGES]:
        attested = child.platform is not None and child.platform.architecture == "unknown"
        if not attested and traits(child.media_type).role in ("manifest", "index"):
            made += images(registry, name, registry.manifest(name, str(child.digest)))
    return made


def is_image(found: Manifest) -> bool:
    """Whether a manifest is an image's: it has an image's configuration, and no statements in the place of layers, as
    BuildKit's attestations have.
    """
    if traits(found.config.media_type).role != "config":
        return False
    return not found.layers or any(traits(each.media_type).role == "layer" for each in found.layers)


def scan(
    database: Database,
    image: Image,
    *,
    cache: Path,
    feed: Feed | None,
    afresh: bool = False,
    rematch: bool = False,
) -> Inventory:
    """Make the inventory of an image, if there is none yet, and match it, if it was not matched with this feed yet.

    Args:
        database: has inventories and findings.
        image: the image.
        cache: a folder that keeps what layers hold.
        feed: what it is matched with; None for nothing.
        afresh: do both in any case.
        rematch: match it in any case.
    """
    digest = str(image.descriptor.digest)
    with database.read() as connection:
        row = connection.execute(
            select(INVENTORY.c.body, INVENTORY.c.snapshot).where(INVENTORY.c.digest == digest)
        ).first()
    known = None if row is None or afresh else _read(digest, row[0])
    held = known or inventory(image.layers, cache=cache)
    if known is None:
        database.write(lambda connection: _keep(database, connection, digest, held))
    if feed is not None and (known is None or row is None or rematch or row[1] != feed.about["snapshot"]):
        found = match(held, feed)
        snapshot = str(feed.about["snapshot"])
        database.write(lambda connection: _replace(connection, digest, held, found, snapshot, None))
    return held


def packages_of(database: Database, digest: str) -> Inventory | None:
    """The packages of an image; None if nobody has looked yet, or what was found cannot be read."""
    with database.read() as connection:
        body = connection.execute(select(INVENTORY.c.body).where(INVENTORY.c.digest == digest)).scalar()
    return None if body is None else _read(digest, body)


def findings(database: Database, digest: str) -> list[Finding] | None:
    """The findings about an image, the worst first as `match` orders them; None if it was never matched."""
    with database.read() as connection:
        known = connection.execute(select(INVENTORY.c.snapshot).where(INVENTORY.c.digest == digest)).scalar()
        if not known:
            return None
        rows = connection.execute(select(FINDING.c.body).where(FINDING.c.digest == digest)).scalars().all()
    return [msgspec.json.decode(row, type=Finding) for row in rows]


def changed(old: Path, new: Path) -> list[tuple[str, str]]:
    """The scopes and packages about which the feed `new` says something else than the feed `old`."""
    database = sqlite3.connect(f"file:{new}?mode=ro", uri=True)
    try:
        database.execute("ATTACH DATABASE ? AS old", (f"file:{old}?mode=ro",))
        columns = "scope, package, body FROM"
        query = " UNION ".join(
            f"SELECT scope, package FROM (SELECT {columns} {one} EXCEPT SELECT {columns} {other})"  # noqa: S608
            for one, other in (("main.advisories", "old.advisories"), ("old.advisories", "main.advisories"))
        )
        return [(str(scope), str(package)) for scope, package in database.execute(query)]
    finally:
        database.close()


def rematch(database: Database, feed: Feed, packages: Iterable[tuple[str, str]]) -> tuple[int, list[str]]:
    """Match the images that have one of `packages` anew, for those packages alone.

    Returns:
        how many there were; and the digests of those that could not be matched, which count as not matched from now on.
    """
    wanted: dict[str, set[tuple[str, str]]] = {}
    with database.read() as connection:
        for scope, package in packages:
            query = select(INVENTORY_PACKAGE.c.digest).where(
                INVENTORY_PACKAGE.c.scope == scope, INVENTORY_PACKAGE.c.package == package
            )
            for digest in connection.execute(query).scalars():
                wanted.setdefault(digest, set()).add((scope, package))
    failed: list[str] = []
    for digest, names in sorted(wanted.items()):
        try:
            if not _rematched(database, feed, digest, names):
                failed.append(digest)
        except DatabaseError:
            raise
        except Exception:  # noqa: BLE001 (one image that cannot be matched must not hold up all others)
            _LOG.exception("the packages of %s could not be matched", digest)
            failed.append(digest)
    snapshot = str(feed.about["snapshot"])

    def noted(connection: Connection) -> None:
        # The others need no look: nothing that is said about their packages has changed.
        connection.execute(update(INVENTORY).values(snapshot=snapshot))
        for digest in failed:
            connection.execute(update(INVENTORY).where(INVENTORY.c.digest == digest).values(snapshot=""))

    database.write(noted)
    return len(wanted), failed


def _rematched(database: Database, feed: Feed, digest: str, names: set[tuple[str, str]]) -> bool:
    """Match an image for some packages; false if nobody can read what it has."""
    with database.read() as connection:
        body = connection.execute(select(INVENTORY.c.body).where(INVENTORY.c.digest == digest)).scalar()
    if body is None:
        return True  # removed in the meantime
    held = _read(digest, body)
    if held is None:
        return False
    part = Inventory([each for each in held.packages if _key(held, each) in names], held.distribution)
    found, snapshot = match(part, feed), str(feed.about["snapshot"])
    database.write(lambda connection: _replace(connection, digest, part, found, snapshot, names))
    return True


def _read(digest: str, body: bytes) -> Inventory | None:
    """A stored inventory; None, with a warning, if it is damaged, as it can be made anew."""
    try:
        return msgspec.msgpack.decode(body, type=Inventory)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        _LOG.warning("what is stored of the packages of %s cannot be read: %s", digest, error)
        return None


def forget(connection: Connection, digest: Digest) -> None:
    """Forget all that is known of an image that no repository has any longer."""
    for table in (FINDING, INVENTORY_PACKAGE, INVENTORY):
        connection.execute(delete(table).where(table.c.digest == str(digest)))


def _key(held: Inventory, package: Package) -> tuple[str, str]:
    """The scope and name under which advisories speak of a package (see `scan.match`)."""
    own = package.ecosystem in ("debian", "alpine")
    scope = held.distribution.key if own else package.ecosystem
    return scope, normalized(scope, (package.source or package.name) if own else package.name)


def _keep(database: Database, connection: Connection, digest: str, held: Inventory) -> None:
    row = {
        "digest": digest,
        "body": msgspec.msgpack.encode(held),
        "packages": len(held.packages),
        "made_at": now(),
        "snapshot": "",
    }
    statement = database.insert(INVENTORY).values(row)
    renewed = {name: row[name] for name in ("body", "packages", "made_at")}
    connection.execute(statement.on_conflict_do_update(index_elements=["digest"], set_=renewed))
    connection.execute(delete(INVENTORY_PACKAGE).where(INVENTORY_PACKAGE.c.digest == digest))
    names = sorted({_key(held, each) for each in held.packages})
    rows: list[dict[str, Any]] = [{"scope": scope, "package": name, "digest": digest} for scope, name in names]
    if rows:
        connection.execute(database.insert(INVENTORY_PACKAGE).on_conflict_do_nothing(), rows)


def _replace(
    connection: Connection,
    digest: str,
    held: Inventory,
    found: list[Finding],
    snapshot: str,
    names: set[tuple[str, str]] | None,
) -> None:
    """Put new findings in the place of the old ones, of some packages or of all; tell of those that are new."""
    mine = select(FINDING.c.advisory, FINDING.c.package, FINDING.c.scope, FINDING.c.name, FINDING.c.found_at)
    before = {
        (row.advisory, row.package): row
        for row in connection.execute(mine.where(FINDING.c.digest == digest)).all()
        if names is None or (row.scope, row.name) in names
    }
    keys = {(each.name, each.path): _key(held, each) for each in held.packages}
    for scope, name in {(row.scope, row.name) for row in before.values()}:
        connection.execute(
            delete(FINDING).where(FINDING.c.digest == digest, FINDING.c.scope == scope, FINDING.c.name == name)
        )
    rows = []
    for each in found:
        scope, name = keys[each.package, each.path]
        old = before.get((each.id, each.package))
        rows.append(
            {
                "digest": digest,
                "advisory": each.id,
                "package": each.package,
                "path": each.path[:1024],
                "scope": scope,
                "name": name,
                "severity": each.severity,
                "fixed_version": each.fixed_version,
                "body": msgspec.json.encode(each).decode(),
                "found_at": now() if old is None else old.found_at,
            }
        )
    if rows:
        connection.execute(insert(FINDING), rows)
    connection.execute(update(INVENTORY).where(INVENTORY.c.digest == digest).values(snapshot=snapshot))
    new = [row for row in rows if (row["advisory"], row["package"]) not in before]
    if new:
        worst: dict[str, int] = {}
        for row in new:
            worst[str(row["severity"])] = worst.get(str(row["severity"]), 0) + 1
        record(connection, "finding.new", digest=digest, detail={"severities": worst, "count": len(new)})
