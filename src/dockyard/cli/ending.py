"""Signals: SIGTERM and SIGHUP end a command as Ctrl-C does, by an exception that lets everything be cleared away."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def unwound() -> Iterator[None]:
    """In the block the signals raise `KeyboardInterrupt` with their number, unless they are ignored or dealt with."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [number for number in _SIGNALS if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _raised)
    try:
        yield
    finally:
        for number in ours:
            if signal.getsignal(number) is _raised:  # a command may have set its own
                signal.signal(number, signal.SIG_DFL)


def _raised(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number))
