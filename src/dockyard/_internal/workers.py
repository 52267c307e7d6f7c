"""A few threads that do what they are given. `concurrent.futures` takes longer to load than a small layer to write."""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Task(Generic[T]):
    """Work that was given to `Workers`."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._ended = threading.Event()
        self._made: list[T] = []
        self._error: BaseException | None = None

    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._ended.is_set()

    def result(self) -> T:
        """What it gave, once it has ended; what stopped it is raised here."""
        self._ended.wait()
        if self._error is not None:
            raise self._error
        return self._made[0]

    def run(self) -> None:
        """Do it."""
        try:
            self._made.append(self._work())
        except BaseException as error:  # noqa: BLE001 (raised by who asks for the result)
            self._error = error
        finally:
            self._ended.set()


class Workers:
    """At most `most` threads, which begin as work comes. To be closed by the thread that gives them work."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._threads: list[threading.Thread] = []
        self._given: SimpleQueue[Task[object] | None] = SimpleQueue()
        self._closed = False

    def submit(self, work: Callable[[], T]) -> Task[T]:
        """Have `work` done, after all that was given before has at least begun."""
        task = Task(work)
        self._given.put(task)  # type: ignore[arg-type]  # nobody takes a result from the queue
        if len(self._threads) < self._most:
            thread = threading.Thread(target=self._run, daemon=True)
            self._threads.append(thread)
            thread.start()
        return task

    def close(self) -> None:
        """Let the threads end: what has begun is finished, what has not is never done."""
        self._closed = True
        for _ in self._threads:
            self._given.put(None)
        for thread in self._threads:
            if thread.is_alive():  # an interrupt may have come before it began
                thread.join()
        self._threads.clear()

    def _run(self) -> None:
        while (task := self._given.get()) is not None:
            if not self._closed:
                task.run()
