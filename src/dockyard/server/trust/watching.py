"""What goes on by itself: pushed images are looked at, and a new feed is matched with the images that it concerns."""

import logging
import os
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping, func, literal, select

from dockyard.errors import Error
from dockyard.registry.interface import Registry, WireError
from dockyard.scan.feed import Feed
from dockyard.server.database import Database, DatabaseError
from dockyard.server.events import record
from dockyard.server.following import follow
from dockyard.server.jobs.interface import Jobs
from dockyard.server.schema.content import MANIFEST
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.schema.trust import FINDING, INVENTORY, INVENTORY_PACKAGE
from dockyard.server.trust.gate import opener
from dockyard.server.trust.scanning import changed, images, rematch, scan
from dockyard.server.webhooks.kept import webhooks

_LOG = logging.getLogger("dockyard.trust")
_FOLLOWER = "scan"
_LONGEST = 500


def key_of(name: str, digest: str) -> str:
    """The key of the job that looks at an artifact anew."""
    return f"asked scan {name}@{digest}"


def ask(jobs: Jobs, name: str, digest: str) -> int | None:
    """Have an artifact looked at anew; returns the job's number, None where one waits already."""
    return jobs.defer("scan", {"repository": name, "digest": digest}, key=key_of(name, digest))


@dataclass(frozen=True)
class Watch:
    """The registry's own eye on what it holds. Each method may be called again and again, and be cut off anywhere.

    Attributes:
        registry: has the images.
        database: has inventories and findings.
        feed: the file of compiled advisories, which need not exist.
        cache: a folder that keeps what layers hold.
    """

    registry: Registry
    database: Database
    feed: Path
    cache: Path

    def pushes(self) -> int:
        """Look at the images that were pushed since the last call; returns how many events there were."""
        return follow(self.database, _FOLLOWER, self._look)

    def again(self, name: str, reference: str) -> int:
        """Look at an artifact's images as if they had just been pushed; returns how many there were.

        Raises:
            WireError, Error: it is not here, or cannot be read.
        """
        feed = opener(self.feed)()
        try:
            found = images(self.registry, name, self.registry.manifest(name, reference))
            for image in found:
                scan(self.database, image, cache=self.cache, feed=feed, afresh=True)
            return len(found)
        finally:
            if feed is not None:
                feed.close()

    def advisories(self) -> tuple[int, int]:
        """Match the feed, if it is another than last time, where it says something new.

        Returns:
            how many images that concerned; and how many of them could not be matched, not even after another look.
        """
        feed = opener(self.feed)()
        if feed is None:
            return 0, 0
        with feed:
            before = self.feed.with_name("feed.matched.sqlite")
            old = opener(before)()
            if old is not None:
                with old:
                    if old.about["snapshot"] == feed.about["snapshot"]:
                        return 0, 0
                count, failed = rematch(self.database, feed, changed(before, self.feed))
            else:  # the first feed: every image is matched with it
                _, failed = rematch(self.database, feed, self._packages(feed))
                with self.database.read() as connection:
                    count = connection.execute(select(func.count()).select_from(INVENTORY)).scalar_one()
        lost = sum(not self._mended(digest) for digest in failed)
        beside = before.with_name(f".{before.name}.{os.getpid()}.tmp")
        shutil.copyfile(self.feed, beside)
        beside.replace(before)
        return count, lost

    def _mended(self, digest: str) -> bool:
        """Look at an image anew whose packages could not be matched; whether that went well."""
        query = (
            select(REPOSITORY.c.name.label("repository"), literal("").label("reference"), MANIFEST.c.digest)
            .join_from(MANIFEST, REPOSITORY, MANIFEST.c.repository_id == REPOSITORY.c.id)
            .where(MANIFEST.c.digest == digest)
        )
        with self.database.read() as connection:
            row = connection.execute(query.limit(1)).mappings().first()
        if row is None:
            return True  # gone
        try:
            self.again(str(row["repository"]), digest)
        except DatabaseError:
            raise
        except WireError:  # gone, just now
            return True
        except Exception as error:  # noqa: BLE001 (as in `_look`)
            self.failed(row, error)
            return False
        return True

    def _packages(self, feed: Feed) -> list[tuple[str, str]]:
        with self.database.read() as connection:
            rows = connection.execute(select(INVENTORY_PACKAGE.c.scope, INVENTORY_PACKAGE.c.package).distinct()).all()
        return [(scope, package) for scope, package in rows if feed.advisories(scope, package)]

    def _look(self, event: RowMapping) -> None:
        if event["kind"] not in ("push", "mirror"):
            return
        feed = opener(self.feed)()
        try:
            stored = self.registry.manifest(str(event["repository"]), str(event["digest"]))
            found = images(self.registry, str(event["repository"]), stored)
            held = [scan(self.database, image, cache=self.cache, feed=feed) for image in found]
            if held:
                self._done(event, [str(each.descriptor.digest) for each in found], sum(len(e.packages) for e in held))
        except DatabaseError:
            raise  # the event is seen again
        except WireError as error:  # gone again
            _LOG.info("%s@%s was not looked at: %s", event["repository"], event["digest"], error)
        except Exception as error:  # noqa: BLE001 (one image that cannot be read must not hold up all others)
            # Damaged, or its layers cannot be fetched. What cannot be looked at is judged when it is pulled.
            self.failed(event, error)
        finally:
            if feed is not None:
                feed.close()

    def failed(self, event: RowMapping, error: Exception) -> None:
        """Tell, from where it was caught, that an image could not be looked at."""
        if not isinstance(error, Error):
            _LOG.exception("%s@%s could not be looked at", event["repository"], event["digest"])
        said = error.message if isinstance(error, Error) else type(error).__name__
        self.database.write(partial(_tell, event=event, kind="scan.failed", detail={"reason": said[:_LONGEST]}))

    def _done(self, event: RowMapping, digests: list[str], packages: int) -> None:
        """Tell that an image was looked at, if a webhook asks for that: there are as many such events as pushes."""
        with self.database.read() as connection:
            if not any(each.hears("scan.done") for each in webhooks(connection)):
                return
            query = select(FINDING.c.severity, func.count()).where(FINDING.c.digest.in_(digests))
            rows = connection.execute(query.group_by(FINDING.c.severity)).all()
        severities = {str(severity): int(count) for severity, count in rows}
        detail = {"packages": packages, "severities": severities}
        self.database.write(partial(_tell, event=event, kind="scan.done", detail=detail))


def _tell(connection: Connection, event: RowMapping, kind: str, detail: dict[str, Any]) -> None:
    about = {name: str(event[name]) for name in ("repository", "reference", "digest")}
    record(connection, kind, **about, detail=detail)
