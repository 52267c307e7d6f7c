"""Work side by side."""

import hashlib
import threading
import time

import pytest

from dockyard._internal.hashing import Hashing
from dockyard._internal.together import together


def test_all_is_done_and_no_more_than_so_many_at_a_time() -> None:
    done: list[int] = []
    now, most, lock = 0, 0, threading.Lock()

    def one(number: int) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1
            done.append(number)

    together([lambda number=each: one(number) for each in range(10)], 3)  # type: ignore[misc]
    assert sorted(done) == list(range(10))
    assert 1 < most <= 3
    together([], 3)


def test_after_an_error_nothing_more_begins_and_what_runs_is_waited_for() -> None:
    done: list[str] = []

    def bad() -> None:
        raise ValueError("bad")

    def slow() -> None:
        time.sleep(0.05)
        done.append("slow")

    with pytest.raises(ValueError, match="bad"):
        together([slow, bad, lambda: done.append("late"), lambda: done.append("late")], 2)
    assert done[-1] == "slow"
    assert len(done) < 3


@pytest.mark.parametrize("beside", [True, False])
def test_a_hash_beside_is_the_hash_of_all(beside: bool) -> None:
    data = bytes(range(256)) * 5000
    hashing = Hashing("sha512", 1000, beside=beside)
    for begin in range(0, len(data), 777):
        buffer, piece = hashing.buffer(), data[begin : begin + 777]
        buffer[: len(piece)] = piece
        hashing.add(buffer, len(piece))
    assert hashing.hexdigest() == hashlib.sha512(data).hexdigest()
