"""What happens in a build, one event after the other. docs/builds.md describes them for programs that read them."""

import time
from collections.abc import Callable
from typing import Literal

import msgspec

from dockyard._internal import amounts
from dockyard._internal.cut import cut
from dockyard.progress import Progress, Task

Kind = Literal["begun", "started", "output", "progress", "finished", "note", "ended"]
Result = Literal["", "done", "cached", "failed", "cancelled"]


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One event; fields that say nothing are left out.

    Attributes:
        event: `begun` and `ended` frame the build; `started` and `finished` a step or other work; `output` is a line
            that a step printed; `progress` tells how far work is; `note` is a line that belongs to no step.
        time: seconds since 1970.
        step: the number of the step or work, from 1 in the order of their beginning.
        parent: the step that work belongs to.
        stage, line, position: where the step stands: its stage, its line in the Dockerfile, `2/7`.
        text: the instruction, the name of the work, a line of output or a note.
        done, total, unit: how far work is. `bytes`, or a plural noun.
        result: how a step ended.
        seconds: how long a step or the build took.
        size: bytes of the layer that a step made; at the end of a build, of all layers that were made.
        log, log_bytes: the file with all that a step printed, and its length; at the beginning of a build, its folder.
        why: the first input of a step that differed from the run before.
        note: how other work ended, in words; of a failed step, the error.
        steps, cached: at the end of a build, how many steps there were, and how many of them were cached.
    """

    event: Kind
    time: float = msgspec.field(default_factory=lambda: round(time.time(), 3))
    build: str = ""
    step: int = 0
    parent: int = 0
    stage: str = ""
    line: int = 0
    position: str = ""
    text: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    result: Result = ""
    seconds: float = -1.0
    size: int = 0
    log: str = ""
    log_bytes: int = 0
    why: str = ""
    note: str = ""
    steps: int = -1
    cached: int = -1


Watch = Callable[[Event], None]


class Relay:
    """Passes events on to a `Progress`, for whoever has only that."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[int, tuple[Task, int]] = {}

    def __call__(self, event: Event) -> None:
        """Pass `event` on."""
        if event.event == "started":
            label = f"[{event.stage}] {cut(event.text, 100)}" if event.stage else event.text
            task = self._progress.start(label, total=event.total or None, unit=event.unit or "bytes")
            self._tasks[event.step] = task, 0
        elif event.event == "progress" and event.step in self._tasks:
            task, done = self._tasks[event.step]
            task.advance(event.done - done)
            self._tasks[event.step] = task, event.done
        elif event.event == "finished" and event.step in self._tasks:
            task, _ = self._tasks.pop(event.step)
            if event.result not in ("failed", "cancelled"):
                task.done(event.note or (_outcome(event)))
        elif event.event in ("output", "note"):
            self._progress.log(event.text)


def _outcome(event: Event) -> str:
    if event.result == "cached":
        return "cached"
    return amounts.shown(event.size) if event.size > 0 else "done"
