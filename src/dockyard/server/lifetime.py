"""The life of a worker: it sets its event loop up, counts requests under way, and lets go of everything at its end."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from dockyard.registry.app.call import Application, Receive, Scope, Send

# Threads wait for disks, the database and object storage, so there are more of them than processors.
_THREADS = 40


class Lifetime:
    """An ASGI application around `app` that knows the lifespan protocol; `end` is called when the worker ends."""

    def __init__(self, app: Application, end: Callable[[], None]) -> None:
        self._app, self._end = app, end
        self.under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or live through the lifespan."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        self.under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self.under_way -= 1

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                loop = asyncio.get_running_loop()
                loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="registry"))
                await send({"type": "lifespan.startup.complete"})
            else:
                while self.under_way:
                    await asyncio.sleep(0.02)
                await asyncio.to_thread(self._end)
                await send({"type": "lifespan.shutdown.complete"})
                return
