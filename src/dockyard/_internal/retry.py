"""Trying again, with growing pauses, what may succeed later."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from dockyard.errors import TransientError

T = TypeVar("T")


def pauses(*, first: float = 0.2, most: float = 10.0) -> Iterator[float]:
    """Pauses in seconds: doubling from `first` to `most`, each with up to half its length of jitter."""
    import random

    pause = first
    while True:
        yield pause * (1 + random.random() / 2)  # noqa: S311 (jitter, not a secret)
        pause = min(pause * 2, most)


def retry(attempt: Callable[[], T], *, tries: int = 4, sleep: Callable[[float], None] = time.sleep) -> T:
    """The result of `attempt`, called up to `tries` times as long as it raises `TransientError`."""
    waits = pauses()
    for _ in range(tries - 1):
        try:
            return attempt()
        except TransientError:
            sleep(next(waits))
    return attempt()
