"""The live tree of a build on a terminal: stages, their steps, what the running ones printed last.

Drawn with the few control sequences that every terminal knows. While the build goes on, the picture never has more
lines than the terminal; at the end everything is printed once.
"""

import contextlib
import re
import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, TextIO

from dockyard.cli.context import environment
from dockyard.cli.report import size as shown_size

if TYPE_CHECKING:
    from dockyard.build.events import Event

_LINES = 6
_LEAST = 16  # columns that what is done needs beside its facts
_SPIN = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_DIM, _BLUE, _RED, _GREEN, _BOLD, _OFF = "\x1b[2m", "\x1b[34m", "\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[0m"
_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_COLOUR = re.compile(r"\x1b\[3\dm")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
_MARKS = {"done": f"{_GREEN}✔{_OFF}", "cached": f"{_BLUE}✔{_OFF}", "failed": f"{_RED}✘{_OFF}", "cancelled": "–"}


def clean(text: str) -> str:
    """`text` without what would move the cursor or change colours; of a line written over, the last writing."""
    text = _SEQUENCE.sub("", text).rstrip("\r").rpartition("\r")[2]
    return _CONTROL.sub("", text.expandtabs(4))


@dataclass
class _Row:
    text: str
    stage: str = ""
    position: str = ""
    began: float = field(default_factory=time.monotonic)
    result: str = ""
    seconds: float = 0.0
    size: int = 0
    done: int = 0
    total: int = 0
    unit: str = "bytes"
    note: str = ""
    log: str = ""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_LINES))
    works: "dict[int, _Row]" = field(default_factory=dict)


class Tree:
    """Takes events and draws them.

    Args:
        out: the terminal.
        screen: asked for its columns and rows before every picture.
        coloured: whether there are colours.
    """

    def __init__(
        self, out: TextIO, screen: Callable[[], tuple[int, int]] | None = None, *, coloured: bool = True
    ) -> None:
        self._out, self._screen, self._coloured = out, screen or _screen, coloured
        self._lock = threading.RLock()
        self._rows: dict[int, _Row] = {}
        self._parents: dict[int, int] = {}
        self._notes: list[str] = []
        self._drawn = 0
        self._began = time.monotonic()
        self._ended = 0.0
        self._log = ""
        self._quiet = False

    @classmethod
    @contextlib.contextmanager
    def live(cls) -> "Iterator[Tree]":
        """A tree on standard error that is drawn anew ten times a second for the block, and whole at its end.

        With the variable NO_COLOR it has no colours (no-color.org).
        """
        tree = cls(sys.stderr, coloured=not environment().get("NO_COLOR"))
        try:
            with _Clock(tree.draw):
                yield tree
        finally:
            tree.draw(time.monotonic(), whole=True)

    def __call__(self, event: "Event") -> None:
        """Take an event in; it is shown with the next picture."""
        with self._lock:
            self._take(event)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the terminal to somebody else: the picture stays above, a new one begins below."""
        with self._lock:
            self.draw(time.monotonic())
            self._drawn, self._quiet = 0, True
        try:
            yield
        finally:
            with self._lock:
                self._quiet = False

    def draw(self, now: float, *, whole: bool = False) -> None:
        """Draw the picture over the one before."""
        with self._lock:
            if self._quiet:
                return
            columns, height = self._screen()
            lines = [_fit(line, columns) for line in self.picture(now)]
            if not self._coloured:
                lines = [_COLOUR.sub("", line) for line in lines]
            if not whole:
                lines = _shortened(lines, height - 1)
            parts = [f"\x1b[{self._drawn}A\r"] if self._drawn else []
            parts += [f"\x1b[2K{clean(note)}\n" for note in self._notes]
            parts += [f"\x1b[2K{line}\n" for line in lines]
            self._notes = []
            self._out.write("".join([*parts, "\x1b[J"]))
            self._out.flush()
            self._drawn = len(lines)

    def picture(self, now: float) -> list[str]:
        """The lines, however long and many."""
        steps = [row for row in self._rows.values() if row.stage]
        ended = [row for row in steps if row.result]
        cached = sum(row.result == "cached" for row in steps)
        made = sum(row.size for row in steps if row.result == "done")
        facts = [f"{(self._ended or now) - self._began:.1f} s", f"{len(ended)} of {self._known(steps)} steps"]
        facts += [f"{cached} cached"] if cached else []
        facts += [shown_size(made)] if made else []
        lines = [f"{_BOLD}build{_OFF} {', '.join(facts)}"]
        stages: dict[str, list[_Row]] = {}
        for row in self._rows.values():
            stages.setdefault(row.stage, []).append(row)
        for stage, rows in stages.items():
            if stage:
                lines.append(f"{_BOLD}{clean(stage)}{_OFF}")
            for row in rows:
                lines += self._row(row, now)
        return lines

    def _row(self, row: _Row, now: float) -> Iterator[str]:
        spin = _SPIN[int(now * 10) % len(_SPIN)]
        mark = _MARKS.get(row.result) or f"{_BLUE}{spin}{_OFF}"
        seconds = row.seconds if row.result else now - row.began
        facts = ["cached"] if row.result == "cached" else [f"{seconds:.1f} s"] if seconds >= 0.05 else []
        facts += [_amount(row)] if row.done or (row.total and not row.result) else []
        facts += [shown_size(row.size)] if row.size and row.result == "done" else []
        facts += [row.note] if row.note and row.note != "done" and not row.stage else []
        text = f"{row.position:>5} {clean(row.text)}" if row.stage else clean(row.text)
        yield f"  {mark} {text}\0{_DIM}{', '.join(facts)}{_OFF}"
        if row.result in ("", "failed"):
            for work in row.works.values():
                if not work.result and row.result == "":
                    yield f"        {_DIM}{spin} {clean(work.text)}\0{_amount(work)}{_OFF}"
            for line in row.lines:
                yield f"        {_DIM}│ {clean(line)}{_OFF}"
        if row.result == "failed" and row.log:
            yield f"        {_RED}the whole log: {row.log}{_OFF}"

    def _known(self, steps: list[_Row]) -> int:
        """How many steps there are, of the stages that have begun."""
        most: dict[str, int] = {}
        for row in steps:
            most[row.stage] = max(most.get(row.stage, 0), int(row.position.partition("/")[2] or 0))
        return sum(most.values())

    def _take(self, event: "Event") -> None:
        parent = self._parents.get(event.step, 0)
        row = self._rows[parent].works.get(event.step) if parent in self._rows else self._rows.get(event.step)
        match event.event:
            case "started":
                new = _Row(event.text, event.stage, event.position, total=event.total, unit=event.unit)
                if event.parent and event.parent in self._rows:
                    self._parents[event.step] = event.parent
                    self._rows[event.parent].works[event.step] = new
                else:
                    self._rows[event.step] = new
            case "note":
                self._notes.append(event.text)
            case "ended":
                self._ended = time.monotonic()
            case _ if row is None:
                return
            case "output":
                row.lines.append(event.text)
            case "progress":
                row.done, row.total, row.unit = event.done, event.total, event.unit
            case "finished":
                row.result, row.seconds, row.size = event.result, event.seconds, event.size
                row.note, row.log = event.note, event.log
            case _:
                return


class _Clock:
    """Calls a function a few times a second, until the block ends."""

    def __init__(self, tick: Callable[[float], None], every: float = 0.1) -> None:
        self._tick, self._every = tick, every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self._tick(time.monotonic())


def _screen() -> tuple[int, int]:
    size = shutil.get_terminal_size()
    return size.columns, size.lines


def _amount(row: _Row) -> str:
    if row.unit != "bytes":
        return f"{row.done} of {row.total} {row.unit}" if row.total else f"{row.done} {row.unit}"
    return f"{shown_size(row.done)} of {shown_size(row.total)}" if row.total else shown_size(row.done)


def _fit(line: str, columns: int) -> str:
    """`line` cut to the width; what follows a NUL stands at the right border."""
    left, _, right = line.partition("\0")
    room = columns - _width(right) - (2 if right else 0)
    if right and room < min(_LEAST, _width(left)):
        right, room = "", columns  # what is done matters more than how long it takes
    if _width(left) > room:
        left = _cut(left, max(0, room - 1)) + f"…{_OFF}"
    return left + " " * max(2, columns - _width(left) - _width(right)) + right if _width(right) else left


def _width(text: str) -> int:
    """Columns that `text` takes; wide characters take two."""
    import unicodedata

    plain = _SEQUENCE.sub("", text)
    if plain.isascii():
        return len(plain)
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in plain
    )


def _cut(text: str, room: int) -> str:
    """The first `room` columns; control sequences take none."""
    parts: list[str] = []
    at = used = 0
    while at < len(text):
        sequence = _SEQUENCE.match(text, at)
        if sequence:
            parts.append(sequence[0])
            at = sequence.end()
            continue
        wide = _width(text[at])
        if used + wide > room:
            break
        parts.append(text[at])
        used += wide
        at += 1
    return "".join(parts)


def _shortened(lines: list[str], height: int) -> list[str]:
    """At most `height` lines: what is done goes first, from the top."""
    spare = len(lines) - max(3, height)
    if spare <= 0:
        return lines
    kept = [lines[0]]
    left = spare + 1  # one line tells of what is left out
    gone = 0
    for line in lines[1:]:
        if left > 0 and any(line.lstrip().startswith(_MARKS[each]) for each in ("done", "cached")):
            left -= 1
            gone += 1
        else:
            kept.append(line)
    if gone:
        kept.insert(1, f"{_DIM}  … {gone} steps above are done{_OFF}")
    return [kept[0], *kept[len(kept) - max(3, height) + 1 :]] if len(kept) > max(3, height) else kept
