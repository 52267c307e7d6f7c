"""Files of a context while they are read: what was changed since its folder was listed is noticed."""

import io
import os
from typing import TYPE_CHECKING

from dockyard.build.sources.source import Item
from dockyard.layers.write import FileChangedError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class Watched(io.RawIOBase):
    """A large file; when its end is reached it has to be what it was when its folder was listed."""

    def __init__(self, handle: int, item: Item) -> None:
        super().__init__()
        self._handle, self._item, self._left = handle, item, item.size

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fill `buffer` as far as possible.

        Raises:
            FileChangedError: at the end, if it is not what was listed.
        """
        size = os.readv(self._handle, [buffer])
        self._left -= size
        if self._left <= 0 or not size:
            check(self._handle, self._item)
        return size

    def close(self) -> None:
        """Close it."""
        if not self.closed:
            os.close(self._handle)
        super().close()


def check(handle: int, item: Item) -> None:
    """Make sure that an open file still is what it was when its folder was listed.

    Raises:
        FileChangedError: it is not.
    """
    if item.facts is not None and item.facts != _facts(os.fstat(handle)):
        raise FileChangedError(f"{item.path} was changed while it was copied", context={"file": item.path})


def _facts(status: os.stat_result) -> tuple[int, int, int, int]:
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
