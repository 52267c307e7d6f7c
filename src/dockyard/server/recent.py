"""A bounded cache of what was read of a repository, valid for as long as the repository has not changed."""

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Generic, TypeVar

from dockyard.server.generation import Changes

T = TypeVar("T")


class Recent(Generic[T]):
    """At most `most` things by repository and name. Without generations nothing is kept."""

    def __init__(self, generations: Changes | None, most: int) -> None:
        self._generations, self._most = generations, most
        self._kept: OrderedDict[tuple[str, str], tuple[bytes, T]] = OrderedDict()
        self._lock = Lock()
        self.hits = self.misses = 0

    def get(self, repository: str, name: str) -> T | None:
        """What was kept, if the repository has not changed since it was read. Waits for nothing."""
        found = self._kept.get((repository, name))
        if found is None or self._generations is None or self._generations.of(repository) != found[0]:
            return None
        self.hits += 1
        return found[1]

    @contextlib.contextmanager
    def reading(self, repository: str, name: str) -> Iterator[Callable[[T], T]]:
        """Read inside the block, and give what was read to `keep`, which returns it."""
        self.misses += 1
        if self._generations is None:
            yield lambda value: value
            return
        # The number is looked at before the reading: a change in between makes what was read too old at once.
        generation = self._generations.of(repository)

        def keep(value: T) -> T:
            with self._lock:
                self._kept[repository, name] = (generation, value)
                self._kept.move_to_end((repository, name))
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
            return value

        yield keep
