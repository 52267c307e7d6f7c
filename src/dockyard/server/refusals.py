"""Noting what was refused: by a project's rules, its quota or its policy. Refused is what is not done, so its event
stands in a transaction of its own.
"""

import logging
import time
from collections import OrderedDict
from threading import Lock

from dockyard.errors import Error
from dockyard.registry.caller import CALLER
from dockyard.server.database import Database
from dockyard.server.events import record

_LOG = logging.getLogger("dockyard.registry")
_AGAIN_S = 60.0
_MOST = 4096
_LONGEST = 2000


class Refusals:
    """Notes each refusal once a minute: clients that are refused try again, some of them without a pause."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: OrderedDict[tuple[str, ...], float] = OrderedDict()
        self._lock = Lock()

    def note(self, kind: str, repository: str, reason: str, *, reference: str = "", digest: str = "") -> None:
        """Note that `push.refused`, `pull.refused` or `delete.refused` happened to the caller under way, and why.
        Never fails: the refusal is the answer, whether it can be noted or not.
        """
        key, at = (kind, CALLER.get().name, repository, reference, digest, reason), time.monotonic()
        with self._lock:
            if at - self._noted.get(key, float("-inf")) < _AGAIN_S:
                return
            self._noted[key] = at
            self._noted.move_to_end(key)
            while len(self._noted) > _MOST:
                self._noted.popitem(last=False)
        detail = {"reason": reason[:_LONGEST]}
        tag = reference[:140]
        try:
            self._database.write(
                lambda connection: record(
                    connection, kind, repository=repository, reference=tag, digest=digest, detail=detail
                )
            )
        except Error as error:
            _LOG.warning("%s of %s could not be noted: %s", kind, repository, error.message)
