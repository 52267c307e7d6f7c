"""Uploads that were begun and have no bytes yet: in a little memory that all processes of this machine share.

Most small blobs are announced by one request and come whole with the next, so a file for what is announced would be
made for nothing. Each process that begins uploads has a file of its own below `folder`, mapped into memory; the number
of an upload says in which file, and where in it, it is written down. The file outlives its process, so a server that
was killed knows the uploads that it had begun. Should the machine lose them, their clients begin anew.
"""

import fcntl
import mmap
import os
import secrets
import struct
import time
from pathlib import Path
from threading import Lock

_FILES, _PLACES = 64, 1024
_ENTRY = struct.Struct("<Q16s")
_TRIES = 8
_NONE = bytes(_ENTRY.size)
_NOBODY = bytes(16)
_DAY_MS = 24 * 3600 * 1000


class Begun:
    """The uploads below `folder`. May be used from several threads; waits for nothing but at its first use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._maps: dict[int, mmap.mmap] = {}
        self._mine: tuple[int, mmap.mmap] | None = None
        self._handle = -1
        self._next = 0

    def begin(self) -> str | None:
        """Begin an upload and return its number; None where no place is free for it."""
        with self._lock:
            mine = self._mine = self._mine or self._claimed()
            if mine is None:
                return None
            now = time.time_ns() // 1_000_000
            for _ in range(_TRIES):
                place = self._next
                self._next = (place + 1) % _PLACES
                at = place * _ENTRY.size
                since, number = _ENTRY.unpack_from(mine[1], at)
                if number == _NOBODY or since < now - _DAY_MS:
                    upload = f"{mine[0]:02x}{place:03x}{secrets.token_hex(14)[1:]}"
                    mine[1][at : at + _ENTRY.size] = _ENTRY.pack(now, bytes.fromhex(upload))
                    return upload
        return None

    def has(self, upload: str) -> bool:
        """Whether the upload has begun and is known here still."""
        return self._found(upload) is not None

    def take(self, upload: str) -> bool:
        """Forget the upload; false if it was not known."""
        with self._lock:
            found = self._found(upload)
            if found is None:
                return False
            memory, at = found
            memory[at : at + _ENTRY.size] = _NONE
            return True

    def sweep(self, older_than: float) -> int:
        """Forget what was begun so many seconds ago; returns how many."""
        before, count = (time.time() - older_than) * 1000, 0
        for number in range(_FILES):
            memory = self._map(number)
            for at in range(0, _PLACES * _ENTRY.size if memory is not None else 0, _ENTRY.size):
                assert memory is not None
                since, known = _ENTRY.unpack_from(memory, at)
                if known != _NOBODY and since < before:
                    memory[at : at + _ENTRY.size] = _NONE
                    count += 1
        return count

    def close(self) -> None:
        """Let go of the files; what was begun stays."""
        with self._lock:
            self._mine = None
            if self._handle >= 0:
                os.close(self._handle)
                self._handle = -1

    def _found(self, upload: str) -> tuple[mmap.mmap, int] | None:
        if len(upload) != 32:
            return None
        try:
            number = bytes.fromhex(upload)
        except ValueError:
            return None
        if number == _NOBODY:
            return None  # as every free place has it
        file, place = number[0], (number[1] << 4) | (number[2] >> 4)
        memory = self._map(file) if file < _FILES and place < _PLACES else None
        if memory is None:
            return None
        at = place * _ENTRY.size
        known = _ENTRY.unpack_from(memory, at)[1]
        return (memory, at) if secrets.compare_digest(known, number) else None

    def _map(self, number: int) -> mmap.mmap | None:
        found = self._maps.get(number)
        if found is None:
            try:
                handle = os.open(self._folder / f"{number:02x}", os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                return None
            try:
                if os.fstat(handle).st_size < _PLACES * _ENTRY.size:
                    return None  # it is being made
                found = self._maps[number] = mmap.mmap(handle, _PLACES * _ENTRY.size)
            finally:
                os.close(handle)
        return found

    def _claimed(self) -> tuple[int, mmap.mmap] | None:
        """A file that no other process writes new uploads to, for as long as this one lives."""
        self._folder.mkdir(exist_ok=True)
        for number in range(_FILES):
            handle = os.open(self._folder / f"{number:02x}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(handle)
                continue
            os.ftruncate(handle, _PLACES * _ENTRY.size)
            memory = self._map(number)
            assert memory is not None
            self._handle = handle
            return number, memory
        return None
