"""The life of a worker: it sets its event loop up, counts requests under way, ends connections on which nothing moves,
and lets go of everything at its end.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from dockyard.registry.app.call import Application, Receive, Scope, Send
from dockyard.server.jobs.pulse import Pulse
from dockyard.server.silent import end_silent

# Threads wait for disks, the database and object storage, so there are more of them than processors.
_THREADS = 40


class Lifetime:
    """An ASGI application around `app` that knows the lifespan protocol.

    Args:
        app: answers.
        end: called when the worker ends.
        port: that it serves.
        patience: seconds for which a client may be silent; half as long again, and its connection is ended.
    """

    def __init__(self, app: Application, end: Callable[[], None], port: int, patience: float) -> None:
        self._app, self._end = app, end
        self._busy: Counter[int | str] = Counter()  # by the client's port
        self.under_way = 0
        self._pulse = Pulse([lambda: end_silent(port, self._busy, patience * 1.5)], max(0.5, patience / 4))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or live through the lifespan."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        client = (scope.get("client") or ("", 0))[1]
        self._busy[client] += 1
        self.under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
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
                loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="registry"))
                self._pulse.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                while self.under_way:
                    await asyncio.sleep(0.02)
                await asyncio.to_thread(self._pulse.stop)
                await asyncio.to_thread(self._end)
                await send({"type": "lifespan.shutdown.complete"})
                return
