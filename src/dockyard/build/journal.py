"""The journal of a build: every step's whole output on disk, and events for whoever watches.

A journal's folder holds `build.json` and a file for every step that printed something. Secrets' values are replaced
before anything is written or told.
"""

import json
import os
import re
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from dockyard._internal import atomic
from dockyard._internal.confidential import Confidential
from dockyard.build.events import Event, Result, Watch
from dockyard.progress import Task

MOST_LOG = 256 << 20  # bytes of a step's output that are kept: a command that prints for ever fills no disk
_CUT = b"\n[what follows was printed, but is not kept]\n"
_TAIL = 20
_MOST_LINE = 1 << 16
_EVERY = 0.1  # seconds between two events of one work's progress


class Journal:
    """Takes down what happens. It is a `Progress` for what belongs to no step. Any thread may use it.

    Args:
        watch: told of every event, under a lock: it need not be safe for threads and should be quick.
        folder: where output is kept, made on the first use; None keeps none.
        confidential: values that must not be seen.
        facts: what `build.json` tells of the build beside its steps.
    """

    def __init__(
        self,
        watch: Watch,
        folder: Path | None = None,
        confidential: Confidential | None = None,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self._watch, self.folder = watch, folder
        self.confidential = confidential or Confidential()
        self._facts = dict(facts or {})
        self._lock = threading.Lock()
        self._number = 0
        self._began = time.time()
        self._steps: list[Step] = []
        self._errors: list[BaseException] = []

    def begin(self) -> None:
        """The build begins."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._write("running", 0.0)
        self.tell(Event(event="begun", build=self.folder.name if self.folder else "", log=str(self.folder or "")))

    def end(self, error: BaseException | None = None) -> None:
        """The build has ended, well where there is no `error`."""
        seconds = round(time.time() - self._began, 3)
        result: Result = "done" if error is None else "failed"
        if self.folder is not None:
            note = "" if error is None else self.confidential.text(str(error))
            self._write(result, seconds, note)
        done = [each for each in self._steps if each.result in ("done", "cached")]
        self.tell(
            Event(
                event="ended",
                result=result,
                seconds=seconds,
                steps=len(self._steps),
                cached=sum(each.result == "cached" for each in done),
                size=sum(each.size for each in done if each.result == "done"),
                log_bytes=sum(each.log_bytes for each in self._steps),
                log=str(self.folder or ""),
            )
        )

    def tell(self, event: Event) -> None:
        """Tell whoever watches."""
        with self._lock:
            self._watch(event)

    def number(self) -> int:
        """The next step's or work's number."""
        with self._lock:
            self._number += 1
            return self._number

    def told(self, error: BaseException) -> bool:
        """Whether this very error was asked for before: it has been told of as another step's."""
        with self._lock:
            if any(error is each for each in self._errors):
                return True
            self._errors.append(error)
            return False

    def start(self, label: str, *, total: int | None = None, unit: str = "bytes") -> Task:
        """Announce work that belongs to no step."""
        return Work(self, label, total, unit)

    def log(self, line: str) -> None:
        """A line that belongs to no step."""
        self.tell(Event(event="note", text=self.confidential.text(line)))

    def step(self, stage: str, line: int, text: str, position: str = "") -> "Step":
        """A step begins."""
        step = Step(self, self.number(), stage, line, self.confidential.text(text), position)
        with self._lock:
            self._steps.append(step)
        self.tell(Event(event="started", step=step.number, stage=stage, line=line, text=step.text, position=position))
        return step

    def _write(self, result: str, seconds: float, note: str = "") -> None:
        assert self.folder is not None
        document = {
            **self._facts,
            "id": self.folder.name,
            "pid": os.getpid(),
            "began": round(self._began, 3),
            "result": result,
            "seconds": seconds,
            **({"error": note} if note else {}),
            "steps": [each.to_json() for each in self._steps],
        }
        text = self.confidential.text(json.dumps(document, ensure_ascii=False))
        atomic.write(self.folder / "build.json", text.encode("utf-8", "surrogateescape"), durable=False)


class Step:
    """One step under way. It is the `Progress` of what is done for it."""

    def __init__(
        self,
        journal: Journal,
        number: int,
        stage: str,
        line: int,
        text: str,
        position: str,
        most: int = MOST_LOG,
    ) -> None:
        self._journal, self.number, self.stage, self.line, self.text = journal, number, stage, line, text
        self.position = position
        self.result: Result = ""
        self.size = self.log_bytes = 0
        self.seconds = 0.0
        self.tail: deque[str] = deque(maxlen=_TAIL)
        self._began = time.monotonic()
        self._hiding = journal.confidential.stream()
        self._rest = b""
        self._file: IO[bytes] | None = None
        self._most = most

    @property
    def path(self) -> Path | None:
        """The file with all that the step printed; None where it printed nothing, or nothing is kept."""
        folder = self._journal.folder
        if folder is None or not self.log_bytes:
            return None
        stage = re.sub(r"[^A-Za-z0-9._-]+", "-", self.stage)[:40]
        return folder / f"{self.number:03}-{stage}-line{self.line}.log"

    def start(self, label: str, *, total: int | None = None, unit: str = "bytes") -> Task:
        """Announce work that is done for the step."""
        return Work(self._journal, label, total, unit, self.number)

    def log(self, line: str) -> None:
        """A line about the step."""
        self.take(line.encode("utf-8", "surrogateescape") + b"\n")

    def take(self, data: bytes) -> None:
        """A piece of what the step prints."""
        self._keep(self._hiding.take(data))

    def flush(self) -> None:
        """All that the step printed is there: an unfinished line is one, too."""
        self._keep(self._hiding.end())
        if self._rest:
            self._say(self._rest)
        self._rest = b""

    def finish(self, result: Result, *, size: int = 0, why: str = "", note: str = "") -> None:
        """The step has ended."""
        self.flush()
        if self._file is not None:
            self._file.close()
        self.result, self.size = result, size
        self.seconds = round(time.monotonic() - self._began, 3)
        self._journal.tell(
            Event(
                event="finished",
                step=self.number,
                stage=self.stage,
                line=self.line,
                result=result,
                seconds=self.seconds,
                size=size,
                log=str(self.path or ""),
                log_bytes=self.log_bytes,
                why=self._journal.confidential.text(why),
                note=self._journal.confidential.text(note),
            )
        )

    def to_json(self) -> dict[str, Any]:
        """As `build.json` has it."""
        return {
            "step": self.number,
            "stage": self.stage,
            "line": self.line,
            "position": self.position,
            "text": self.text,
            "result": self.result or "running",
            "seconds": self.seconds,
            "size": self.size,
            "log": self.path.name if self.path is not None else "",
            "log_bytes": self.log_bytes,
        }

    def _keep(self, data: bytes) -> None:
        if not data:
            return
        room = self._most - self.log_bytes
        self.log_bytes += len(data)
        path = self.path
        if path is not None and room >= 0:
            if self._file is None:
                self._file = open(path, "wb", buffering=0)  # closed when the step finishes
            self._file.write(data if len(data) <= room else data[:room] + _CUT)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._say(line)
        if len(self._rest) > _MOST_LINE:
            self._say(self._rest)
            self._rest = b""

    def _say(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\r")
        self.tail.append(text)
        self._journal.tell(Event(event="output", step=self.number, stage=self.stage, line=self.line, text=text))


class Work:
    """Work beside or for a step: a download, an unpacking."""

    def __init__(self, journal: Journal, label: str, total: int | None, unit: str, parent: int = 0) -> None:
        self._journal, self._total, self._unit = journal, total or 0, unit
        self._number = journal.number()
        self._done, self._told, self._began = 0, 0.0, time.monotonic()
        self._lock = threading.Lock()
        text = journal.confidential.text(label)
        journal.tell(Event(event="started", step=self._number, parent=parent, text=text, total=self._total, unit=unit))

    def advance(self, amount: int) -> None:
        """`amount` more are done; told a few times a second."""
        with self._lock:
            self._done += amount
            now = time.monotonic()
            if now - self._told < _EVERY and self._done != self._total:
                return
            self._told = now
        self._tell()

    def done(self, note: str = "") -> None:
        """The work has ended well."""
        self._tell()
        seconds = round(time.monotonic() - self._began, 3)
        self._journal.tell(Event(event="finished", step=self._number, result="done", seconds=seconds, note=note))

    def _tell(self) -> None:
        if self._done:
            self._journal.tell(
                Event(event="progress", step=self._number, done=self._done, total=self._total, unit=self._unit)
            )
