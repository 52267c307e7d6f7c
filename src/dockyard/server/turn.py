"""A fair, advisory lock among the processes that write to one SQLite database.

SQLite lets whoever waits sleep longer and longer, up to a tenth of a second, however short the others' transactions
are. So processes take turns before they begin one. That is a courtesy: who waits too long goes on without.
"""

import contextlib
import fcntl
import os
import time
from pathlib import Path

_NAPS = (0.0002, 0.0005, 0.001)
_LONGEST_S = 5.0


class Turn:
    """A context in which no other process is that has one for the same file. For one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = -1

    def __enter__(self) -> None:
        """Wait for the turn."""
        with contextlib.suppress(OSError):  # where files cannot be locked, SQLite's own way has to do
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            deadline, tries = time.monotonic() + _LONGEST_S, 0
            while True:
                try:
                    fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        return
                time.sleep(_NAPS[min(tries // 4, len(_NAPS) - 1)])
                tries += 1

    def __exit__(self, *values: object) -> None:
        """Let the next one have it."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
