"""The one scheduler of a build: how much work goes on at once, by processors and by bytes of memory."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from dockyard.errors import Error

_POLL = 0.2
_LEAST_MEMORY = 512 << 20
_CGROUP_MEMORY = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class BuildCancelledError(Error):
    """Work was not begun because another part of the build has failed."""

    reference = "build-cancelled"
    hint = "The error of the part that failed says what to do."


class Cost(msgspec.Struct, frozen=True):
    """What work of one kind takes up: processors, and bytes of memory. Estimates, on the safe side."""

    processors: int
    memory: int


# A command of a RUN may start as many processes as it likes: counting it as one processor keeps every processor busy.
RUN = Cost(1, 256 << 20)
# Reading, hashing and compressing a layer: at most four members of 4 MiB under way, their output, and the listing.
PACK = Cost(1, 96 << 20)
# Waits for the network, so it needs no processor to itself.
FETCH = Cost(0, 16 << 20)


class _Ticket:
    """A place in the queue; `works` where it needs a processor."""

    def __init__(self, *, works: bool) -> None:
        self.works = works


class Budget:
    """Grants work as long as processors and memory suffice, in the order of asking.

    Work that costs more than there is altogether is granted once nothing else goes on. A thread that holds a grant may
    ask again without waiting: what it does within its work is part of that work.
    """

    def __init__(self, processors: int, memory: int) -> None:
        self.processors, self.memory = max(1, processors), max(1, memory)
        self._free = [self.processors, self.memory]
        self._turn = threading.Condition()
        self._queue: list[_Ticket] = []
        self._held = threading.local()

    @contextlib.contextmanager
    def granted(self, cost: Cost, cancelled: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Wait until there is room for `cost`, and hold it for the block.

        Raises:
            BuildCancelledError: `cancelled` said so while waiting; nothing is held.
        """
        if getattr(self._held, "depth", 0):
            yield
            return
        taken = self._take(cost, cancelled)
        self._held.depth = 1
        try:
            yield
        finally:
            self._held.depth = 0
            with self._turn:
                self._free = [free + part for free, part in zip(self._free, taken, strict=True)]
                self._turn.notify_all()

    def _take(self, cost: Cost, cancelled: Callable[[], bool]) -> list[int]:
        wanted = [min(cost.processors, self.processors), min(cost.memory, self.memory)]
        ticket = _Ticket(works=wanted[0] > 0)
        with self._turn:
            self._queue.append(ticket)
            try:
                while self._behind(ticket) or not self._fits(wanted):
                    if cancelled():
                        raise BuildCancelledError("another part of the build has failed")
                    self._turn.wait(_POLL)
                self._free = [free - part for free, part in zip(self._free, wanted, strict=True)]
            finally:
                self._queue.remove(ticket)
                self._turn.notify_all()
        return wanted

    def _behind(self, ticket: "_Ticket") -> bool:
        """Whether somebody else comes first. What needs no processor does not wait for those who wait for one."""
        return ticket.works and next(each for each in self._queue if each.works) is not ticket

    def _fits(self, wanted: list[int]) -> bool:
        return all(part <= free for part, free in zip(wanted, self._free, strict=True))


def budget(processors: int = 0, memory: int = 0) -> Budget:
    """A budget with so many processors and bytes; 0 takes what this process may use: half of the memory that is free,
    and its processors, though two at least, as commands often wait for something else.
    """
    return Budget(processors or max(2, len(os.sched_getaffinity(0))), memory or max(_LEAST_MEMORY, _available() // 2))


def _available() -> int:
    """Bytes of memory that are free here, or that the process's control group may have."""
    found = 0
    with contextlib.suppress(OSError, ValueError, IndexError):  # not Linux: nothing is known
        found = int(Path("/proc/meminfo").read_text().partition("MemAvailable:")[2].split()[0]) << 10
    for path in _CGROUP_MEMORY:
        with contextlib.suppress(OSError, ValueError):  # no such limit, or `max`
            found = min(found, int(path.read_text())) or found
    return found
