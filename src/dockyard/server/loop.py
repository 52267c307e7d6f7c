"""An event loop that other threads wake only while it sleeps.

The web server's threads hand over every request and every piece of a body with `call_soon_threadsafe`, which writes to
a socket so that the loop wakes up. A loop that is at work looks for what was handed over anyway before it sleeps.
"""

import asyncio
import selectors
from collections import deque
from typing import Any


class _Selector(selectors.DefaultSelector):
    """Knows whether it sleeps, and does not where something is ready for its loop."""

    asleep = False
    ready: deque[Any] | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        # In this order: whoever hands something over looks at `asleep` after it has put it among what is ready.
        self.asleep = True
        if self.ready:
            timeout = 0
        try:
            return super().select(timeout)
        finally:
            self.asleep = False


class WakefulLoop(asyncio.SelectorEventLoop):
    """The loop."""

    def __init__(self) -> None:
        self._waker = _Selector()
        super().__init__(self._waker)
        self._waker.ready = self._ready  # type: ignore[attr-defined]

    def _write_to_self(self) -> None:
        if self._waker.asleep:
            self._waker.asleep = False  # one call is enough
            super()._write_to_self()  # type: ignore[misc]


def wakeful_loop() -> asyncio.AbstractEventLoop:
    """A new loop, which is this thread's from now on."""
    loop = WakefulLoop()
    asyncio.set_event_loop(loop)
    return loop
