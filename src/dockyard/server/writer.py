"""Writing to SQLite: one thread for the whole process, and a turn among processes."""

import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from dockyard.server.turn import Turn

T = TypeVar("T")
_MOST_TOGETHER = 128


class Writer:
    """The one thread that writes to an SQLite database in this process. Other processes take turns with it.

    What comes while others have their turn is committed together, as one flush of the disk serves all of it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(immediate=True)
        self._connection: Connection | None = None  # kept: for small transactions, getting one costs as much again
        self._turn = Turn(Path(f"{engine.url.database}-turn"))
        self._queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="database writer", daemon=True)
        self._thread.start()

    def run(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction and return what it gives, once that is on the disk. If it raises, nothing of it
        was done.

        Raises:
            RuntimeError: it is asked for by a work that is under way, and would wait for itself.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("a write inside a write would wait for itself")
        item = _Work(work, contextvars.copy_context())
        self._queue.put(item)
        result: T = item.future.result()
        return result

    def close(self) -> None:
        """Finish what was handed over, and end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while True:
            batch = [self._queue.get()]
            with self._turn if batch[0] is not None else contextlib.nullcontext():
                # What came while others had their turn is done together.
                while len(batch) < _MOST_TOGETHER and not self._queue.empty():
                    batch.append(self._queue.get())
                works = [each for each in batch if each is not None]
                if works:
                    self._commit(works)
            if len(works) < len(batch):
                self._let_go()
                return

    @contextlib.contextmanager
    def _begun(self) -> Iterator[Connection]:
        """A transaction; after one that failed the next has a new connection."""
        connection = self._connection = self._connection or self._engine.connect()
        try:
            with connection.begin():
                yield connection
        except BaseException:
            self._let_go()
            raise

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _commit(self, works: "list[_Work]") -> None:
        """Do all as one transaction; if one of them fails, all again, so that it takes back only what it did itself."""
        try:
            with self._begun() as connection:
                for each in works:
                    each.result = each.context.run(each.work, connection)
        except Exception as error:  # noqa: BLE001 (handed to whoever waits for it)
            if len(works) == 1:
                works[0].future.set_exception(error)
            else:
                self._apart(works)
            return
        for each in works:
            each.future.set_result(each.result)

    def _apart(self, works: "list[_Work]") -> None:
        done: list[_Work] = []
        try:
            with self._begun() as connection:
                for each in works:
                    try:
                        with connection.begin_nested():
                            each.result = each.context.run(each.work, connection)
                        done.append(each)
                    except DBAPIError as error:
                        if error.connection_invalidated:
                            raise
                        each.future.set_exception(error)
                    except Exception as error:  # noqa: BLE001 (handed to whoever waits for it)
                        each.future.set_exception(error)
        except Exception as error:  # noqa: BLE001 (handed to whoever waits for it)
            for each in works:
                if not each.future.done():
                    each.future.set_exception(error)
            return
        for each in done:
            each.future.set_result(each.result)


class _Work:
    def __init__(self, work: Callable[[Connection], Any], context: contextvars.Context) -> None:
        self.work, self.context = work, context
        self.future: Future[Any] = Future()
        self.result: Any = None
