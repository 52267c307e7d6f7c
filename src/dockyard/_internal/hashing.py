"""Hashing beside other work: of a large file, receiving and writing it takes about as long as hashing it."""

import hashlib
import threading
from queue import SimpleQueue

_BUFFERS = 3


class Hashing:
    """A hash of pieces, which come in buffers of `size` bytes; `buffer` lends one, `add` takes it back.

    Args:
        algorithm: its name.
        size: of a buffer.
        beside: whether to hash in a thread of its own. It has to be ended then: by `hexdigest` or `end`.
    """

    def __init__(self, algorithm: str, size: int, *, beside: bool) -> None:
        self._hash = hashlib.new(algorithm)
        self._free: SimpleQueue[bytearray] = SimpleQueue()
        self._full: SimpleQueue[tuple[bytearray, int] | None] = SimpleQueue()
        for _ in range(_BUFFERS if beside else 1):
            self._free.put(bytearray(size))
        self._thread = threading.Thread(target=self._run, daemon=True) if beside else None
        if self._thread is not None:
            self._thread.start()

    def buffer(self) -> bytearray:
        """A buffer to fill; waits until one is free."""
        return self._free.get()

    def add(self, buffer: bytearray, count: int) -> None:
        """Hash the first `count` bytes of a buffer that was lent; nobody may change it until it is lent again."""
        if self._thread is not None:
            self._full.put((buffer, count))
        else:
            self._take(buffer, count)

    def hexdigest(self) -> str:
        """The hash of all; nothing can be added any more."""
        self.end()
        return str(self._hash.hexdigest())

    def end(self) -> None:
        """Let the thread end."""
        if self._thread is not None:
            self._full.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (each := self._full.get()) is not None:
            self._take(*each)

    def _take(self, buffer: bytearray, count: int) -> None:
        with memoryview(buffer) as view:
            self._hash.update(view[:count])
        self._free.put(buffer)
