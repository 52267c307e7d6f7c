"""The body of a request as it comes, without the event loop: taken a batch at a time by threads that may wait.

While one batch is taken the next is received. Where that has come, too, its client waits, so that a body never needs
more memory than two batches, and a thread is busy with it only while there is something to take.
"""

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, Literal, Protocol

from dockyard.registry.app.call import LINGER_BYTES, MOST_PIECES, Message, Scope

Ended = Literal["whole", "gone", "slow"]
"""How a body ended: as it should, because its client went away, or because that took too long."""
Ending = Ended | None
"""The same, or nothing where more follows. A name of its own, as Python evaluates the hints of a function within a
function with every call.
"""
Came = Callable[[bytes, Ending], bool]
"""Gets the next bytes of a body, and how it ended with them; returns whether to go on receiving. Must not wait."""
Then = Callable[[Sequence[bytes], Ended, Exception | None], None]
"""Gets the rest of a body, how it ended, and why it could not be taken; gives the answer."""


class Exchange(Protocol):
    """A request, and the way back, for whoever is not on the event loop's thread."""

    scope: Scope

    def put(self, message: Message) -> None:
        """Send a part of the answer. Does not wait."""

    def receive(self, came: Came) -> None:
        """Begin to receive the body. Where `came` returns false, nothing is asked for until `go_on`. Once only."""

    def go_on(self) -> None:
        """Receive more. From any thread."""

    def end(self) -> None:
        """The answer is sent; what has not come of the body is not received any more."""


class Body:
    """The body of the request of `exchange`.

    Args:
        exchange: gives the pieces.
        start: runs a function on a thread that may wait.
        batch: as many bytes are worth taking before all have come.
        take: takes a batch; what it raises ends the taking.
        then: gets the rest, how the body ended, and what `take` has raised. Called once.
        over: called at the end. Where `take` has raised, that is once the rest of the body has come, or much of it: a
            client whose connection ends while it sends learns of that, and not of its answer.
    """

    def __init__(
        self,
        exchange: Exchange,
        start: Callable[[Callable[[], None]], Any],
        batch: int,
        take: Callable[[Sequence[bytes]], None],
        then: Then,
        over: Callable[[], None],
    ) -> None:
        self._exchange, self._start, self._batch, self._take = exchange, start, batch, take
        self._then, self._over = then, over
        self._lock = Lock()
        self._held: list[bytes] = []
        self._size = 0
        self._ended: Ending = None
        self._taking = self._waiting = self._failed = self._answered = False

    def receive(self) -> None:
        """Begin."""
        self._exchange.receive(self._came)

    @property
    def _full(self) -> bool:
        return self._size >= self._batch or len(self._held) >= MOST_PIECES

    def _came(self, data: bytes, ended: Ending) -> bool:
        with self._lock:
            if self._ended is not None:
                return False
            if self._failed:
                return self._passed_over(len(data), ended)
            if data:
                self._held.append(data)
                self._size += len(data)
            self._ended = ended
            if self._taking:
                self._waiting = ended is None and self._full
                return not self._waiting
            if ended is None and not self._full:
                return True
            self._taking = True
        self._start(self._work)
        return True

    def _passed_over(self, size: int, ended: Ending) -> bool:
        self._size += size
        if ended is None and self._size < LINGER_BYTES:
            return True
        self._ended = ended or "slow"
        if self._answered:
            self._over()
        return False

    def _work(self) -> None:
        while True:
            with self._lock:
                ended, batch = self._ended, self._held
                if ended is None and not self._full:
                    self._taking = False
                    return
                self._held, self._size = [], 0
                waiting, self._waiting = self._waiting, False
            if ended is not None:
                try:
                    self._then(batch, ended, None)
                finally:
                    self._over()
                return
            if waiting:
                self._exchange.go_on()
            try:
                self._take(batch)
            except Exception as error:  # noqa: BLE001 (handed on)
                self._fail(error)
                return

    def _fail(self, error: Exception) -> None:
        with self._lock:
            self._failed = True
            self._held, self._size = [], 0
        try:
            self._then([], "gone", error)
        finally:
            with self._lock:
                self._answered = True
                ended, waiting = self._ended is not None, self._waiting
            if ended:
                self._over()
            elif waiting:
                self._exchange.go_on()
