"""The key of a copy from a folder by what it copies: the same on every machine, and without a look at the image.

A copy is known otherwise by what it writes, which depends on the image's own folders and links. Where the layers of the
image are not here, this key tells what that would be.
"""

from collections.abc import Sequence
from typing import Any, BinaryIO

from msgspec.structs import replace

from dockyard.build.cache.cache import key
from dockyard.build.copy.copy import Copier, Order, Out, write
from dockyard.build.copy.destination import Destination
from dockyard.build.copy.trees import Taken, TreeSource
from dockyard.layers.tar import Entry

_PIECE = 1 << 20


def by_content(before: str, asked: list[Any], order: Order, taken: Sequence[Taken], epoch: int | None) -> str:
    """The key of copying `taken`, all of which is read.

    Args:
        before: the key of what lies below.
        asked: the instruction's own words.
        order: of the copy.
        taken: what is copied.
        epoch: where times count, as far as it lets them.

    Raises:
        FileChangedError: something was changed while it was read.
    """
    times = _Times(epoch)
    out = Out(times)
    copier = Copier(replace(order, owner=None, unpack=False), Destination(None))
    for each in taken:
        out.note(f"{each.unpack}")
        for item in each.items:
            assert not isinstance(each.source, TreeSource)  # a stage's copy has its key from the stage's
            write(copier.plan(item, each.source, each.includes), each.source, out)
    return key(before, "copy of", asked, out.key(), times.seen)


class _Times:
    """Keeps nothing but the times, where they count."""

    def __init__(self, epoch: int | None) -> None:
        self._epoch = epoch
        self.seen: list[int] = []

    def add(self, entry: Entry, content: bytes | BinaryIO | None = None) -> None:
        """Read a member."""
        if self._epoch is not None:
            self.seen.append(min(entry.mtime, self._epoch))
        if content is not None and not isinstance(content, bytes):
            while content.read(_PIECE):
                pass
