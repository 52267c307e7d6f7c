"""The scheduler: never more at once than processors and memory allow."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from dockyard.build.budget import FETCH, Budget, BuildCancelledError, Cost, budget


class Gauge:
    """How many are inside, and how many there were at most."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.lock = threading.Lock()

    def work(self, room: Budget, cost: Cost) -> None:
        with room.granted(cost):
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            time.sleep(0.01)
            with self.lock:
                self.now -= 1


def most(room: Budget, cost: Cost, count: int = 12) -> int:
    gauge = Gauge()
    with ThreadPoolExecutor(count) as pool:
        for job in [pool.submit(gauge.work, room, cost) for _ in range(count)]:
            job.result()
    return gauge.most


def test_processors_bound_what_runs_at_once() -> None:
    assert most(Budget(3, 1 << 40), Cost(1, 1)) == 3
    assert most(Budget(5, 1 << 40), Cost(2, 1)) == 2


def test_memory_bounds_what_runs_at_once() -> None:
    assert most(Budget(100, 1000), Cost(1, 400)) == 2


def test_what_is_larger_than_the_budget_runs_alone() -> None:
    assert most(Budget(2, 1000), Cost(9, 5000), count=4) == 1


def test_work_within_work_does_not_wait_for_itself() -> None:
    room = Budget(1, 100)
    with room.granted(Cost(1, 100)), room.granted(Cost(1, 100)):
        pass
    with room.granted(Cost(1, 100)):  # all was given back
        pass


def test_the_order_of_asking_holds_and_downloads_do_not_wait_for_processors() -> None:
    room = Budget(2, 1 << 40)
    order: list[str] = []
    release = Event()

    def ask(name: str, cost: Cost) -> None:
        with room.granted(cost):
            order.append(name)
            release.wait(5)

    threads = []
    for name, cost in (("first", Cost(1, 1)), ("large", Cost(2, 1)), ("small", Cost(1, 1)), ("download", FETCH)):
        threads.append(threading.Thread(target=ask, args=(name, cost)))
        threads[-1].start()
        time.sleep(0.05)
    assert order == ["first", "download"]  # `small` would fit beside `first`, yet `large` came before it
    release.set()
    for thread in threads:
        thread.join()
    assert order == ["first", "download", "large", "small"]


def test_waiting_ends_when_the_build_has_failed_and_holds_nothing() -> None:
    room = Budget(1, 100)
    cancelled = Event()
    with room.granted(Cost(1, 1)), ThreadPoolExecutor(1) as pool:

        def wait() -> None:
            with room.granted(Cost(1, 1), cancelled.is_set):
                pytest.fail("it was granted")

        job = pool.submit(wait)
        cancelled.set()
        with pytest.raises(BuildCancelledError):
            job.result(5)
    with room.granted(Cost(1, 100)):
        pass


def test_the_machine_sets_the_default() -> None:
    found = budget()
    assert found.processors >= 1
    assert found.memory >= 512 << 20
    assert (budget(3, 7).processors, budget(3, 7).memory) == (3, 7)
