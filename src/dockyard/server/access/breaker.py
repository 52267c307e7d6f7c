"""A circuit breaker before another system that logins wait for: while it does not answer, few threads find that out.

Threads are what everything else waits with, too; without a bound, a directory or an issuer that hangs would soon hold
all of them.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from dockyard.errors import TransientError

PLACES = 12
"""How many threads may be with others' systems, or wait for their turn there, of the 40 of a process (`instance`)."""
_WAIT_S = 1.0
_PAUSE_S = 5.0
_SLOW_S = 1.0


class Breaker:
    """Before one system. May be used from several threads.

    Args:
        failure: what its silence is called.
        called: the system, for people.
        places: shared with the breakers before other systems.
        together: how many may ask it at once; others wait for them.
    """

    def __init__(
        self, failure: type[TransientError], called: str, places: threading.Semaphore, together: int = PLACES
    ) -> None:
        self._failure, self._called, self._places = failure, called, places
        self._turns = threading.Semaphore(together)
        self._until = 0.0

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Ask it within. A failure that took long keeps everybody from asking for a while; one that comes at once
        holds nobody up, and may be about the question.

        Raises:
            TransientError: one of `failure`: it did not answer a moment ago, or too many are asking.
        """
        self._look()
        if not self._places.acquire(timeout=_WAIT_S):
            raise self._failure(f"too many wait for {self._called}")
        try:
            with self._turns:
                self._look()
                begun = time.monotonic()
                try:
                    yield
                except self._failure:
                    if time.monotonic() - begun > _SLOW_S:
                        self._until = time.monotonic() + _PAUSE_S
                    raise
        finally:
            self._places.release()

    def _look(self) -> None:
        if time.monotonic() < self._until:
            raise self._failure(f"{self._called} did not answer a moment ago")
