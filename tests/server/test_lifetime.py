"""The life of a worker: at its end all that is under way is finished, and nobody waits for clients that are gone."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest

from dockyard.registry.app.body import Exchange
from dockyard.registry.app.call import Message, Receive, Scope, Send
from dockyard.server.lifetime import Answering, Lifetime

SCOPE: Scope = {"type": "http", "client": ("127.0.0.1", 7)}


class Reader:
    """Takes its time, waits for all that its client sends, and takes its time again."""

    def __init__(self) -> None:
        self.came: list[str] = []
        self.reached = asyncio.Event()

    def prompt(self, exchange: Exchange) -> bool:
        return False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.01)
        self.reached.set()
        while self.came[-1:] != ["http.disconnect"]:
            self.came.append((await receive())["type"])
        await asyncio.sleep(0.05)
        self.came.append("done")


async def never() -> Message:
    """A client of whom nothing more comes, and nobody tells of its end."""
    await asyncio.Event().wait()
    raise AssertionError


async def nothing(message: Message) -> None:
    """Not looked at."""


@asynccontextmanager
async def living(app: Answering) -> AsyncIterator[Lifetime]:
    """A lifetime that has begun, and ends with the block."""
    said: asyncio.Queue[Message] = asyncio.Queue()
    heard: asyncio.Queue[Message] = asyncio.Queue()
    with ThreadPoolExecutor(1) as threads:
        lifetime = Lifetime(app, threads, lambda: None, 1, 60)
        life = asyncio.create_task(lifetime({"type": "lifespan"}, said.get, heard.put))
        await said.put({"type": "lifespan.startup"})
        assert (await heard.get())["type"] == "lifespan.startup.complete"
        yield lifetime
        await said.put({"type": "lifespan.shutdown"})
        assert (await asyncio.wait_for(heard.get(), 5))["type"] == "lifespan.shutdown.complete"
        await life


@pytest.mark.parametrize("late", [False, True])
def test_who_waits_for_more_of_a_body_at_the_end_learns_that_the_client_is_gone_and_finishes(late: bool) -> None:
    async def run() -> list[str]:
        reader = Reader()
        async with living(reader) as lifetime:
            request = asyncio.create_task(lifetime(SCOPE, never, nothing))
            await asyncio.sleep(0)
            if not late:
                await reader.reached.wait()
                await asyncio.sleep(0)
            assert lifetime.under_way == 1
        assert request.done()
        await request
        return reader.came

    assert asyncio.run(run()) == ["http.disconnect", "done"]


def test_a_request_that_is_cancelled_before_the_end_is_cancelled() -> None:
    async def run() -> None:
        reader = Reader()
        async with living(reader) as lifetime:
            request = asyncio.create_task(lifetime(SCOPE, never, nothing))
            await reader.reached.wait()
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            assert (reader.came, lifetime.under_way) == ([], 0)

    asyncio.run(run())
