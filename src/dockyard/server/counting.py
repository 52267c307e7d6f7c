"""Counting pulls: in memory while they happen, written down every few seconds, so that no pull waits for the disk."""

from collections import Counter
from functools import partial
from threading import Lock

from sqlalchemy import Connection, case, select, update

from dockyard.oci.digest import Digest
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.schema.content import MANIFEST, TAG
from dockyard.server.schema.projects import REPOSITORY

_MOST = 50_000
_TOGETHER = 200


class Pulls:
    """The pulls that this process has served and not yet written down. `Ways.pulled` takes `counted`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = Lock()
        self._counts: Counter[str] = Counter()
        self._seen: dict[tuple[str, str, str], int] = {}

    def counted(self, name: str, reference: str, digest: Digest) -> None:
        """A manifest was given out. Never waits."""
        at = now()
        with self._lock:
            self._counts[name] += 1
            key = (name, "" if ":" in reference else reference, str(digest))
            # Where more is pulled between two flushes than fits, the times of some are lost, never their number.
            if key in self._seen or len(self._seen) < _MOST:
                self._seen[key] = at

    def flush(self) -> int:
        """Write down what was counted; returns how many pulls. What cannot be written is kept for the next time.

        Raises:
            DatabaseError: the database cannot be reached.
        """
        with self._lock:
            counts, seen = self._counts, self._seen
            self._counts, self._seen = Counter(), {}
        total = counts.total()
        latest: dict[str, int] = {}
        for (name, _, _), at in seen.items():
            latest[name] = max(at, latest.get(name, 0))
        try:
            # The times first: should the process end in between, pulls are lost and none is counted twice.
            while seen:
                some = dict(list(seen.items())[:_TOGETHER])
                self._database.write(partial(_times, seen=some))
                seen = {key: at for key, at in seen.items() if key not in some}
            while counts:
                some_counts = dict(list(counts.items())[:_TOGETHER])
                self._database.write(partial(_numbers, counts=some_counts, latest=latest))
                for name in some_counts:
                    del counts[name]
        except BaseException:
            with self._lock:
                self._counts.update(counts)
                self._seen = {**seen, **self._seen}
            raise
        return total


def _numbers(connection: Connection, counts: dict[str, int], latest: dict[str, int]) -> None:
    for name, count in counts.items():
        at = latest.get(name, now())
        newer = case((REPOSITORY.c.pulled_at > at, REPOSITORY.c.pulled_at), else_=at)
        statement = update(REPOSITORY).where(REPOSITORY.c.name == name)
        connection.execute(statement.values(pulls=REPOSITORY.c.pulls + count, pulled_at=newer))


def _times(connection: Connection, seen: dict[tuple[str, str, str], int]) -> None:
    for (name, tag, digest), at in seen.items():
        repository = select(REPOSITORY.c.id).where(REPOSITORY.c.name == name).scalar_subquery()
        for table, mine in (
            (MANIFEST, MANIFEST.c.digest == digest),
            *(((TAG, TAG.c.name == tag),) if tag else ()),
        ):
            older = table.c.pulled_at.is_(None) | (table.c.pulled_at < at)
            connection.execute(
                update(table).where(table.c.repository_id == repository, mine, older).values(pulled_at=at)
            )
