"""Pulls as events, gathered: one event for each caller and image every few seconds, with their number.

Events are written only where somebody reads them: a webhook that wants pulls, or the setting `audit-pulls`.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from threading import Lock

from sqlalchemy import Connection

from dockyard.oci.digest import Digest
from dockyard.registry.caller import CALLER, Caller
from dockyard.server.database import Database
from dockyard.server.events import record
from dockyard.server.webhooks.kept import webhooks

_MOST = 10_000
_TOGETHER = 200

_Key = tuple[str, str, str, Caller]


class PullEvents:
    """The pulls that this process has served since it last wrote them down."""

    def __init__(self, database: Database, *, always: bool) -> None:
        self._database, self._always = database, always
        self._lock = Lock()
        self._counts: Counter[_Key] = Counter()
        self._wanted = always

    def pulled(self, name: str, reference: str, digest: Digest) -> None:
        """A manifest was given out. Never waits."""
        if not self._wanted:
            return
        key = (name, "" if ":" in reference else reference, str(digest), CALLER.get())
        with self._lock:
            # Where there are more callers than that within seconds, the others are not told apart.
            if key not in self._counts and len(self._counts) >= _MOST:
                key = (name, "", "", Caller("many", "system"))
            self._counts[key] += 1

    def flush(self) -> int:
        """Write down what was gathered, and look whether somebody wants it; returns how many events.

        Raises:
            DatabaseError: the database cannot be reached; what was gathered is kept for the next time.
        """
        with self._lock:
            counts, self._counts = self._counts, Counter()
        items = list(counts.items())
        done = 0
        try:
            while done < len(items):
                self._database.write(partial(_write, items=items[done : done + _TOGETHER]))
                done += _TOGETHER
            if not self._always:
                with self._database.read() as connection:
                    known = webhooks(connection)
                self._wanted = any(each.hears("pull") for each in known)
        except BaseException:
            with self._lock:
                self._counts.update(dict(items[done:]))
            raise
        return len(items)


def _write(connection: Connection, items: list[tuple[_Key, int]]) -> None:
    for (name, reference, digest, caller), count in items:
        token = CALLER.set(caller)
        try:
            record(connection, "pull", repository=name, reference=reference, digest=digest, detail={"count": count})
        finally:
            CALLER.reset(token)


def both(
    one: Callable[[str, str, Digest], None], other: Callable[[str, str, Digest], None]
) -> Callable[[str, str, Digest], None]:
    """A listener that tells two."""

    def pulled(name: str, reference: str, digest: Digest) -> None:
        one(name, reference, digest)
        other(name, reference, digest)

    return pulled
