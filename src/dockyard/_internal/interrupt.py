"""Interrupts: what a signal to end (Ctrl-C, SIGTERM, SIGHUP) must not leave behind, wherever in the program it comes.

A signal raises `KeyboardInterrupt` between any two steps of the main thread: also after a file was made and before the
block begins that removes it, and in the middle of removing it.
"""

import atexit
import contextlib
import os
import threading
from collections.abc import Callable, Iterator

# What is called at the exit of this process, at the latest. Those of the process that this one was forked from are
# none of its business.
_ENDS: dict[object, tuple[int, Callable[[], object]]] = {}
# How many blocks hold interrupts back, and those that came meanwhile.
_HOLDING: list[None] = []
_CAME: list[int] = []


def at_exit(end: Callable[[], object]) -> object:
    """Have `end` called when this process ends, unless what this returns is forgotten before. It may be called when
    there is nothing left to end.
    """
    key = object()
    _ENDS[key] = os.getpid(), end
    return key


def forget(key: object) -> None:
    """What `at_exit` was told of has ended."""
    _ENDS.pop(key, None)


@contextlib.contextmanager
def ended(end: Callable[[], object]) -> Iterator[None]:
    """Call `end` when the block ends; where an interrupt comes in between, when this process does."""
    key = at_exit(end)
    try:
        yield
    finally:
        end()
        forget(key)


@atexit.register
def end_all() -> None:
    """End all that is left, the latest first."""
    for key, (process, end) in reversed(list(_ENDS.items())):
        if process == os.getpid():
            with contextlib.suppress(Exception):  # the others have to end, too
                end()
        forget(key)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Hold interrupts back until the block ends: what is made in it and what tells of it belong together."""
    if threading.current_thread() is not threading.main_thread():  # which is the only one that is interrupted
        yield
        return
    _HOLDING.append(None)
    try:
        yield
    finally:
        _HOLDING.pop()
        if _CAME and not _HOLDING:
            raise KeyboardInterrupt(_CAME.pop())


def interrupt(number: int) -> None:
    """Raise `KeyboardInterrupt` with the signal's number, now or as soon as nothing holds it back."""
    if _HOLDING:
        _CAME.append(number)
    else:
        raise KeyboardInterrupt(number)
