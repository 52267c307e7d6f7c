"""Answers that wait for nothing, given where granian hands a request over.

granian reads a request on a thread of its own, wakes the event loop for it, and lets a task answer: for what is in
memory already, that costs more than the answer, and for a small body, waking the loop for each of its pieces costs more
than the body. So granian's scheduler is replaced by one that asks for a prompt answer first, on granian's thread, and
goes on as before where there is none (docs/decisions/0014-answers-on-granians-thread.md).

granian has no place for that, so its inner parts are used: only those of the versions that are known, and only if they
look as they did there. With any other, requests are answered as granian does it.
"""

import logging
import sys
import threading
import time
from collections.abc import Callable
from contextvars import Context
from typing import Any

from dockyard.registry.app.body import Came, Ended
from dockyard.registry.app.body import Exchange as Shown
from dockyard.registry.app.call import LEAST_BYTES_A_SECOND, Message

Prompt = Callable[[Shown], bool]
"""Answers a request, now or later, if that takes no waiting; else false, and nothing was done. Called by one thread,
which is not the event loop's.
"""
_KNOWN = ("2.8.",)
_LOG = logging.getLogger("dockyard.registry")
_EMPTY = Context()
GONE = {"type": "http.disconnect"}
"""Told by a server (ASGI) where nothing more of a body will come."""


class Gathering:
    """The bodies that are being received, so that none of them takes for ever."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._all: set[Exchange] = set()

    def add(self, exchange: "Exchange") -> None:
        """A body begins to come."""
        with self._lock:
            self._all.add(exchange)

    def claim(self, exchange: "Exchange") -> bool:
        """End the receiving; false if that was done already."""
        with self._lock:
            known = exchange in self._all
            self._all.discard(exchange)
            return known

    def look(self, patience: float) -> None:
        """Give up those whose client was silent for so many seconds, or is too slow after them."""
        for each in self._now():
            if each.late(time.monotonic(), patience):
                each.over("slow")

    def cut_off(self) -> None:
        """Give them all up, as no connection is left."""
        for each in self._now():
            each.over("gone")

    def _now(self) -> "list[Exchange]":
        with self._lock:
            return list(self._all)


class _Asked:
    """A piece that was asked for. granian does not call back where a piece was there before it could be told whom to
    call, so who asks looks once more; whoever comes first takes it.
    """

    __slots__ = ("_exchange", "_known", "_lock", "asking")

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange, self._known, self._lock = exchange, False, threading.Lock()
        self.asking = threading.get_ident()

    def came(self, future: Any) -> None:
        """It is there."""
        # Whoever is asking will look: taken in here, each piece would be a call within a call.
        if self.asking != threading.get_ident():
            message = self.look(future)
            if message is not None and self._exchange.taken(message):
                self._exchange.go_on()

    def look(self, future: Any) -> Any:
        """The message, if it is there and nobody has it yet."""
        with self._lock:
            if self._known:
                return None
            try:
                next(future)
                return None
            except StopIteration as stop:
                message = stop.value
            except Exception:  # noqa: BLE001 (whatever it is, no more will come)
                message = GONE
            self._known = True
            return message


class Exchange:
    """A request that granian has handed over (`app.body.Exchange`)."""

    __slots__ = ("_asking", "_begun", "_came", "_gathering", "_last", "_size", "_watcher", "scope")

    def __init__(self, watcher: Any, gathering: Gathering) -> None:
        self._watcher, self._gathering, self.scope = watcher, gathering, watcher.scope

    def put(self, message: Message) -> None:
        """Send a part of the answer."""
        self._watcher.proto.send(message)

    def end(self) -> None:
        """The answer is sent."""
        self._gathering.claim(self)
        self._watcher.done()

    def receive(self, came: Came) -> None:
        """Begin to receive the body."""
        self._came, self._size = came, 0
        self._begun = time.monotonic()
        self._gathering.add(self)
        try:
            self._ask()
        except BaseException:
            self._gathering.claim(self)
            raise

    def go_on(self) -> None:
        """Receive more."""
        try:
            self._ask()
        except Exception:  # noqa: BLE001 (whatever it is, no more will come)
            self.over("gone")

    def _ask(self) -> None:
        """Ask for the next piece, and for those after it that are there already."""
        while True:
            self._last = time.monotonic()
            self._asking = True
            asked, future = _Asked(self), self._watcher.proto.receive()
            future.add_done_callback(asked.came, context=_EMPTY)
            asked.asking = 0
            message = asked.look(future)
            if message is None or not self.taken(message):
                return

    def taken(self, message: Any) -> bool:
        """Take a piece; returns whether to ask for another."""
        self._asking = False
        if message["type"] == "http.disconnect":
            self.over("gone")
            return False
        body = message.get("body", b"")
        self._size += len(body)
        if message.get("more_body", False):
            return self._came(body, None)
        self.over("whole", body)
        return False

    def late(self, at: float, patience: float) -> bool:
        """Whether the client takes too long. Where nothing is asked of it, it does not."""
        if not self._asking:
            return False
        since = at - self._begun - patience
        return at - self._last > patience or (since > 0 and self._size < since * LEAST_BYTES_A_SECOND)

    def over(self, how: Ended, body: bytes = b"") -> None:
        """Nothing more is waited for."""
        if self._gathering.claim(self):
            self._came(body, how)


def install(server: type, prompt: Prompt, gathering: Gathering) -> bool:
    """Let `prompt` be asked before the application, in this process; false if that granian is not known.

    Args:
        server: granian's class that serves.
        prompt: see there.
        gathering: gets the bodies that are being received.
    """
    module = sys.modules[server.__module__]
    made = _maker(prompt, gathering)
    if made is None or not callable(getattr(module, "_new_cbscheduler", None)):
        return False
    module._new_cbscheduler = made  # type: ignore[attr-defined]
    return True


def _maker(prompt: Prompt, gathering: Gathering) -> Callable[..., Any] | None:
    """What makes schedulers, in place of granian's own."""
    import granian
    from granian import _futures

    names = ("_BaseCBScheduler", "_new_cbscheduler", "_cbsched_aioschedule")
    if not granian.__version__.startswith(_KNOWN) or not all(hasattr(_futures, name) for name in names):
        return None
    base: Any
    base, usual, scheduled = (getattr(_futures, name) for name in names)

    class Scheduler(base):  # type: ignore[misc]
        """Asks first."""

        def __init__(self, loop: Any, callback: Any, *values: Any) -> None:
            super().__init__()
            loop.call_soon_threadsafe = _here(loop.call_soon_threadsafe)
            self._schedule_fn = asking(prompt, scheduled(loop, self._ctx, callback), gathering)

    def make(loop: Any, callback: Any, impl_asyncio: bool = False) -> Any:
        return Scheduler(loop, callback, None, None, None) if impl_asyncio else usual(loop, callback, impl_asyncio)

    return make


def _here(soon: Callable[..., Any]) -> Callable[..., Any]:
    """As the loop's `call_soon_threadsafe`, by which granian tells of pieces; those for an exchange are taken here."""

    def call(callback: Any, *values: Any, context: Any = None) -> Any:
        if type(getattr(callback, "__self__", None)) is _Asked:
            return callback(*values)
        return soon(callback, *values, context=context)

    return call


def asking(prompt: Prompt, later: Callable[[Any], None], gathering: Gathering) -> Callable[[Any], None]:
    """What takes a request from granian: asks `prompt`, and leaves to `later` what that does not answer."""

    def schedule(watcher: Any) -> None:
        try:
            if watcher.scope["type"] == "http" and prompt(Exchange(watcher, gathering)):
                return
        except Exception:  # noqa: BLE001 (no request, however odd, may end without an answer)
            _LOG.exception("a request could not be answered at once")
        later(watcher)

    return schedule
