"""The life of a worker: it sets its event loop up, counts requests under way, ends connections on which nothing moves,
and lets go of everything at its end.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Protocol

from dockyard.registry.app.body import Came, Exchange
from dockyard.registry.app.call import Message, Receive, Scope, Send
from dockyard.server.jobs.pulse import Pulse
from dockyard.server.prompt import GONE, Gathering
from dockyard.server.silent import Moved, end_silent


class Answering(Protocol):
    """An application that may also be asked for prompt answers (`prompt.Prompt`)."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""

    def prompt(self, exchange: Exchange) -> bool:
        """Answer if that takes no waiting."""


class Lifetime:
    """An ASGI application around `app` that knows the lifespan protocol.

    Args:
        app: answers.
        threads: do what waits.
        end: called when the worker ends.
        port: that it serves.
        patience: seconds for which a client may be silent; half as long again, and its connection is ended.
    """

    def __init__(
        self, app: Answering, threads: ThreadPoolExecutor, end: Callable[[], None], port: int, patience: float
    ) -> None:
        self._app, self._threads, self._end = app, threads, end
        self._lock = Lock()
        self.gathering = Gathering()
        self._waiting: set[asyncio.Task[None]] = set()  # for what their clients send
        self._over = False
        self._busy: Counter[int | str] = Counter()  # by the client's port
        self.under_way = 0
        moved: Moved = {}
        silent, slow = (
            lambda: end_silent(port, self._busy, patience * 1.5, moved),
            lambda: self.gathering.look(patience),
        )
        self._pulse = Pulse([silent, slow], max(0.5, patience / 4))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or live through the lifespan."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        self.begins(scope)
        try:
            await self._app(scope, partial(self._received, receive), send)
        finally:
            self.ends(scope)

    async def _received(self, receive: Receive) -> Message:
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            return GONE if self._over else await receive()
        except asyncio.CancelledError:
            if not self._over:
                raise
            task.uncancel()
            return GONE
        finally:
            self._waiting.discard(task)

    def _cut_off(self) -> None:
        """No connection is left: whoever waits for more of a body would wait in vain."""
        self._over = True
        self.gathering.cut_off()
        for task in tuple(self._waiting):
            task.cancel()

    def prompt(self, exchange: Exchange) -> bool:
        """Answer a request if that takes no waiting here (`prompt.Prompt`)."""
        return self._app.prompt(_UnderWay(self, exchange))

    def begins(self, scope: Scope) -> None:
        """A request is under way from now on."""
        client = (scope.get("client") or ("", 0))[1]
        with self._lock:
            self._busy[client] += 1
            self.under_way += 1

    def ends(self, scope: Scope) -> None:
        """A request that began is done."""
        client = (scope.get("client") or ("", 0))[1]
        with self._lock:
            self.under_way -= 1
            if self._busy[client] > 1:
                self._busy[client] -= 1
            else:
                del self._busy[client]

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                loop = asyncio.get_running_loop()
                loop.set_default_executor(self._threads)
                self._pulse.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                self._cut_off()
                while self.under_way:
                    await asyncio.sleep(0.02)
                await asyncio.to_thread(self._pulse.stop)
                await asyncio.to_thread(self._end)
                await send({"type": "lifespan.shutdown.complete"})
                return


class _UnderWay:
    """A request that counts as under way while its body is received and after that, until it is answered."""

    __slots__ = ("_counted", "_exchange", "_lifetime", "go_on", "put", "scope")

    def __init__(self, lifetime: Lifetime, exchange: Exchange) -> None:
        self._lifetime, self._exchange, self._counted = lifetime, exchange, False
        self.scope, self.put, self.go_on = exchange.scope, exchange.put, exchange.go_on

    def receive(self, came: Came) -> None:
        self._counted = True
        self._lifetime.begins(self.scope)
        try:
            self._exchange.receive(came)
        except BaseException:
            self._ended()
            raise

    def end(self) -> None:
        self._ended()
        self._exchange.end()

    def _ended(self) -> None:
        if self._counted:
            self._counted = False
            self._lifetime.ends(self.scope)
