"""What a new child does before it becomes another program: a mount namespace of its own, with overlays mounted."""

import ctypes
import os
import signal
from collections.abc import Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS
_RECURSIVE_PRIVATE = (1 << 14) | (1 << 18)  # MS_REC, MS_PRIVATE
_FAILED = 125


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> None:
    """In a new child: be killed, or told by another signal, when the thread that began it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)


class Apart:
    """Called in a new child, it ends with its parent and sees `mounts`, overlays by their options and their place.

    That saves starting `unshare`, a shell and `mount` for every container. Where it fails, the child says why on
    standard error and ends with status 125, as the shell would.
    """

    def __init__(self, mounts: Sequence[tuple[str, Path]]) -> None:
        # Everything is made ready here: between fork and exec nothing may wait for a lock of the parent's.
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._mounts = [(os.fsencode(place), os.fsencode(options)) for options, place in mounts]

    def __call__(self) -> None:
        """Do it."""
        self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        self._must(self._libc.unshare(_NEW_MOUNTS), b"unshare")
        self._must(self._libc.mount(b"none", b"/", None, _RECURSIVE_PRIVATE, None), b"/")
        for place, options in self._mounts:
            self._must(self._libc.mount(b"overlay", place, b"overlay", 0, options), place)

    def _must(self, result: int, what: bytes) -> None:
        if result:
            reason = os.strerror(ctypes.get_errno()).encode()
            os.write(2, b"mount: " + what + b": " + reason + b"\n")
            os._exit(_FAILED)
