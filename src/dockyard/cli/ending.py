"""Signals: Ctrl-C, SIGTERM and SIGHUP end a command by an exception that lets everything be cleared away."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

from dockyard._internal import interrupt

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PATIENCE = 3
_SOON = 0.02
_SIGNALLED = 128  # and the number of the signal, as shells have it


class _Handler:
    """What comes while a command that was told to end clears away does not keep it from that; the third ends it."""

    def __init__(self) -> None:
        self.came = 0
        self.over = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.came += 1
        if self.came == 1:
            interrupt.interrupt(signal.Signals(number))
        elif self.came >= _PATIENCE:
            os._exit(_SIGNALLED + number)

    def lost(self, error: KeyboardInterrupt) -> None:
        """The exception was swallowed, as it came while something was being finalised: the signal comes once more."""
        again = threading.Timer(_SOON, self._again, error.args)
        again.daemon = True
        again.start()

    def _again(self, number: int) -> None:
        if not self.over:
            self.came = 0
            os.kill(os.getpid(), number)


@contextlib.contextmanager
def unwound(*, last: bool = False) -> Iterator[None]:
    """In the block the signals raise `KeyboardInterrupt` with their number, unless they are ignored or dealt with.

    With `last` nothing but the process's own end comes after the block, and they do not interrupt that either.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = _Handler()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    ours = [each for each, how in before.items() if how in (signal.SIG_DFL, signal.default_int_handler)]
    unraisable = sys.unraisablehook

    def unraised(what: "sys.UnraisableHookArgs") -> None:
        if isinstance(what.exc_value, KeyboardInterrupt) and what.exc_value.args:
            handler.lost(what.exc_value)
        else:
            unraisable(what)

    for number in ours:
        signal.signal(number, handler)
    sys.unraisablehook = unraised
    try:
        yield
    finally:
        if handler.came:
            interrupt.end_all()
        handler.came, handler.over = max(handler.came, 1), True  # there is nothing left to interrupt
        if not last:
            sys.unraisablehook = unraisable
        for number in () if last else ours:
            if signal.getsignal(number) is handler:  # a command may have set its own
                signal.signal(number, before[number])
