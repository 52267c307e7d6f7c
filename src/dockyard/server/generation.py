"""Cache invalidation among processes: which repositories have changed, as numbers in a file that all of them map.

Whoever changes a repository's tags or manifests writes a new random number for it after the commit; what was read
before under the old number is then no longer believed. Looking at a number costs nothing worth measuring.

A process that ends between the two leaves a number behind that says too little. So each that begins to serve lets all
be read anew, and from then on a few numbers change with every `turn`, all of them within some minutes.
"""

import mmap
import os
import struct
import time
import zlib
from pathlib import Path
from typing import Protocol

_SLOTS = 8192
_NUMBER = struct.Struct("<Q")


_TURNS = 64


class Changes(Protocol):
    """Tells whether a repository may have changed: its number is another one then."""

    def of(self, name: str) -> bytes:
        """The number of `name` as it is now."""

    def change(self, name: str) -> None:
        """Let everybody forget what they know of `name`."""

    def renew(self) -> None:
        """Let everybody forget everything."""

    def turn(self) -> None:
        """Let everybody forget some of it; every so many calls all of it was among that."""


class Moments:
    """For replicas that share a database: this process sees its own changes at once, those of others at most so many
    seconds late.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._changes = [0] * _SLOTS

    def of(self, name: str) -> bytes:
        """The number of `name` as it is now."""
        slot = zlib.crc32(name.encode()) % _SLOTS
        # Shifted, so that not all repositories are read anew at one moment.
        return b"%d %d" % (self._changes[slot], int(time.monotonic() / self._seconds + slot / _SLOTS))

    def change(self, name: str) -> None:
        """Forget what is known of `name`."""
        self._changes[zlib.crc32(name.encode()) % _SLOTS] += 1

    def renew(self) -> None:
        """Nothing is believed for long, so there is nothing to do."""

    def turn(self) -> None:
        """As `renew`."""


class Generations:
    """The numbers in the file `path`."""

    def __init__(self, path: Path) -> None:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if os.fstat(handle).st_size < _SLOTS * _NUMBER.size:
                os.ftruncate(handle, _SLOTS * _NUMBER.size)
            self._memory = mmap.mmap(handle, _SLOTS * _NUMBER.size)
            self._turn = 0
        finally:
            os.close(handle)

    def of(self, name: str) -> bytes:
        """The number of `name` as it is now. Names may share one; that only makes them forget more than they must."""
        at = zlib.crc32(name.encode()) % _SLOTS * _NUMBER.size
        return self._memory[at : at + _NUMBER.size]

    def change(self, name: str) -> None:
        """Let everybody forget what they know of `name`."""
        at = zlib.crc32(name.encode()) % _SLOTS * _NUMBER.size
        self._memory[at : at + _NUMBER.size] = os.urandom(_NUMBER.size)

    def renew(self) -> None:
        """Let everybody forget everything."""
        self._memory[:] = os.urandom(len(self._memory))

    def turn(self) -> None:
        """Let everybody forget a part of what they know, another one each time."""
        part = len(self._memory) // _TURNS
        at = self._turn % _TURNS * part
        self._memory[at : at + part] = os.urandom(part)
        self._turn += 1

    def close(self) -> None:
        """Let go of the file."""
        self._memory.close()
