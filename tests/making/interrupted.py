"""Interrupts at every point of some code, one after another."""

import signal
import sys
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

from dockyard._internal import interrupt


def everywhere(work: Callable[[], object], *modules: ModuleType) -> int:
    """Do `work` again and again, each time with an interrupt one instruction later in the code of `modules`,
    until one comes to its end. Returns how often it was interrupted.
    """
    files = {module.__file__ for module in modules}
    count = 0
    while _interrupted(work, files, count + 1):
        count += 1
    return count


def _interrupted(work: Callable[[], object], files: set[str | None], at: int) -> bool:
    seen = 0

    def local(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal seen
        if event == "opcode":
            seen += 1
            if seen == at:
                sys.settrace(None)
                interrupt.interrupt(signal.SIGINT)
        return local

    def begun(frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename not in files:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return local

    before = sys.gettrace()
    sys.settrace(begun)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False
