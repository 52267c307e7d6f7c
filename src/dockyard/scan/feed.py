"""The feed: all advisories compiled into one small SQLite file, looked up by package.

It is made beside its place and renamed, so a scan sees the old feed or the new. Its snapshot is the digest of its
content: the same advisories give the same snapshot.
"""

import hashlib
import json
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import msgspec

from dockyard.errors import UsageError
from dockyard.packages.package import normalized
from dockyard.scan.advisory import Advisory

_FORMAT = 1
STALE_SECONDS = 24 * 3600
_SCHEMA = """
CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE advisories (scope TEXT, package TEXT, number INTEGER, body BLOB NOT NULL,
    PRIMARY KEY (scope, package, number)) WITHOUT ROWID;
"""


class FeedMissingError(UsageError):
    """There is no feed of advisories yet, so nothing can be said about vulnerabilities."""

    reference = "feed-missing"
    hint = "Make one: dockyard feed update --osv FOLDER, or --debian-archive bookworm --for IMAGE"


class FeedInvalidError(UsageError):
    """The feed is not one that this version of Dockyard made."""

    reference = "feed-invalid"
    hint = "Make it anew: dockyard feed update …"


def compile_feed(path: Path, advisories: Iterable[Advisory], *, clock: float | None = None) -> dict[str, Any]:
    """Write the feed `path` from `advisories` and return what `Feed.about` will say.

    Args:
        path: replaced when the new feed is complete.
        advisories: in any order; the same one twice counts once.
        clock: the time of making in seconds since 1970; now by default.
    """
    bodies = sorted({(a.scope, normalized(a.scope, a.package), msgspec.json.encode(a)) for a in advisories})
    counts: dict[str, int] = {}
    digest = hashlib.sha256()
    rows = []
    for number, (scope, package, body) in enumerate(bodies):
        digest.update(body)
        rows.append((scope, package, number, body))
        source = str(msgspec.json.decode(body)["source"])
        counts[source] = counts.get(source, 0) + 1
    about = {
        "format": _FORMAT,
        "snapshot": f"sha256:{digest.hexdigest()}",
        "made": int(time.time() if clock is None else clock),
        "advisories": len(rows),
        "sources": counts,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.tmp")
    beside.unlink(missing_ok=True)
    database = sqlite3.connect(beside)
    try:
        database.executescript(_SCHEMA)
        database.executemany("INSERT INTO advisories VALUES (?, ?, ?, ?)", rows)
        database.executemany("INSERT INTO about VALUES (?, ?)", [(k, json.dumps(v)) for k, v in about.items()])
        database.commit()
        database.execute("VACUUM")
    finally:
        database.close()
    beside.replace(path)
    return about


class Feed:
    """A compiled feed, opened for reading; a context manager."""

    def __init__(self, path: Path) -> None:
        """Open the feed.

        Raises:
            FeedMissingError: there is none.
            FeedInvalidError: it is damaged or of another version.
        """
        if not path.exists():
            raise FeedMissingError(f"there is no feed at {path}", context={"path": path})
        try:
            self._database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            rows = self._database.execute("SELECT key, value FROM about").fetchall()
            self.about: dict[str, Any] = {key: json.loads(value) for key, value in rows}
        except (sqlite3.Error, ValueError) as error:
            raise FeedInvalidError(f"{path} is no feed: {error}", context={"path": path}) from error
        if self.about.get("format") != _FORMAT:
            raise FeedInvalidError(f"{path} is a feed of another version", context={"path": path})

    def age(self, now: float) -> float:
        """Its age in seconds."""
        return now - float(self.about["made"])

    def advisories(self, scope: str, package: str) -> Sequence[Advisory]:
        """What is known about a package, in a fixed order."""
        rows = self._database.execute(
            "SELECT body FROM advisories WHERE scope = ? AND package = ? ORDER BY number",
            (scope, normalized(scope, package)),
        )
        return [msgspec.json.decode(body, type=Advisory) for (body,) in rows]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
