"""The event loop that others wake only while it sleeps."""

import asyncio
import threading
import time

from dockyard.server.loop import WakefulLoop


def test_everything_that_other_threads_hand_over_is_done() -> None:
    done: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def hand(start: int) -> None:
            for number in range(start, start + 500):
                loop.call_soon_threadsafe(done.append, number)
                if number % 50 == 0:
                    time.sleep(0.0005)  # so that the loop falls asleep now and then

        threads = [threading.Thread(target=hand, args=(each * 500,)) for each in range(4)]
        for each in threads:
            each.start()
        async with asyncio.timeout(20):
            while len(done) < 2000:
                await asyncio.sleep(0)
        for each in threads:
            each.join()

    with asyncio.Runner(loop_factory=WakefulLoop) as runner:
        runner.run(main())
    assert sorted(done) == list(range(2000))


def test_a_loop_that_sleeps_is_woken_at_once() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        waits = []
        for _ in range(20):
            future: asyncio.Future[float] = loop.create_future()

            def later(future: asyncio.Future[float] = future) -> None:
                time.sleep(0.005)
                loop.call_soon_threadsafe(future.set_result, time.monotonic())

            threading.Thread(target=later).start()
            async with asyncio.timeout(20):
                waits.append(time.monotonic() - await future if await future else 0.0)
        return sorted(waits)[10]

    with asyncio.Runner(loop_factory=WakefulLoop) as runner:
        assert runner.run(main()) < 0.5
