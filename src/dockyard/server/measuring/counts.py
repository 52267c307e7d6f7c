"""Counts of a process, and the sum of those of all processes of this machine.

Counting is an addition in memory. Every few seconds each process writes its counts to a file; whoever is asked adds up
the files and its own newest counts. What a process that is no more has counted stays in the sum.
"""

import bisect
import contextlib
import os
from collections import Counter
from pathlib import Path

import msgspec

from dockyard._internal import atomic
from dockyard._internal.lock import locked, try_locked

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_PAST = "past"

Key = tuple[str, ...]
"""The name of a count and its labels."""


class Spread:
    """How many values fell into each bucket, and their sum."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect.bisect_left(BUCKETS, value)] += 1
        self.total += value


class State(msgspec.Struct):
    """What was counted. `levels` are numbers that end with their process, such as requests under way."""

    counts: dict[Key, float] = {}
    spreads: dict[Key, tuple[list[int], float]] = {}
    levels: dict[Key, float] = {}


class Counts:
    """The counts of this process. Who counts requests, on several threads, has a lock for that; what else uses `add`
    does so rarely enough that a lost addition does not matter.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.counts: Counter[Key] = Counter()
        self.levels: Counter[Key] = Counter()
        self.spreads: dict[Key, Spread] = {}
        self._written: bytes = b""
        self._mine: contextlib.ExitStack | None = None

    def add(self, *key: str, value: float = 1) -> None:
        """Count something."""
        self.counts[key] += value  # type: ignore[assignment]

    def state(self) -> State:
        """What this process has counted."""
        spreads = {key: (list(each.counts), each.total) for key, each in list(self.spreads.items())}
        return State(dict(self.counts), spreads, dict(self.levels))

    def flush(self) -> None:
        """Let the other processes see what this one has counted."""
        raw = msgspec.msgpack.encode(_flat(self.state()))
        if raw == self._written:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._mine is None:
            # The lock goes with the process, however that ends: so others know who lives.
            self._mine = contextlib.ExitStack()
            self._mine.enter_context(locked(self._folder / f"{os.getpid()}.lock"))
        path = self._folder / f"{os.getpid()}.counts"
        draft = path.with_suffix(".new")
        draft.write_bytes(raw)
        draft.replace(path)
        self._written = raw

    def close(self) -> None:
        """Leave what was counted to the others."""
        self.flush()
        if self._mine is not None:
            self._mine.close()
            self._mine = None

    def together(self) -> State:
        """What all processes of this machine have counted; of those that are no more without their levels."""
        found = self.state()
        if not self._folder.is_dir():
            return found
        with locked(self._folder / ".lock"):
            past = _read(self._folder / _PAST)
            gone = []
            for path in self._folder.glob("*.counts"):
                if path.stem == str(os.getpid()):
                    continue
                lock = path.with_suffix(".lock")
                with try_locked(lock) as dead:
                    state = _read(path)
                    if dead:
                        state.levels = {}
                        _add(past, state)
                        gone.append(path)
                    else:
                        _add(found, state)
            if gone:
                # The sum first: cut off in between, some is counted twice rather than lost.
                atomic.write(self._folder / _PAST, msgspec.msgpack.encode(_flat(past)))
                for path in gone:
                    path.unlink(missing_ok=True)
                    path.with_suffix(".lock").unlink(missing_ok=True)
        _add(found, past)
        return found


_Flat = tuple[list[tuple[list[str], float]], list[tuple[list[str], list[int], float]], list[tuple[list[str], float]]]


def _flat(state: State) -> _Flat:
    return (
        [(list(key), value) for key, value in state.counts.items()],
        [(list(key), counts, total) for key, (counts, total) in state.spreads.items()],
        [(list(key), value) for key, value in state.levels.items()],
    )


def _read(path: Path) -> State:
    try:
        counts, spreads, levels = msgspec.msgpack.decode(path.read_bytes(), type=_Flat)
    except (OSError, msgspec.MsgspecError):  # a process that has just begun, or of another version
        return State({}, {}, {})
    return State(
        {tuple(key): value for key, value in counts},
        {tuple(key): (numbers, total) for key, numbers, total in spreads if len(numbers) == len(BUCKETS) + 1},
        {tuple(key): value for key, value in levels},
    )


def _add(into: State, other: State) -> None:
    for key, value in other.counts.items():
        into.counts[key] = into.counts.get(key, 0) + value
    for key, value in other.levels.items():
        into.levels[key] = into.levels.get(key, 0) + value
    for key, (numbers, total) in other.spreads.items():
        before, sum_before = into.spreads.get(key, ([0] * len(numbers), 0.0))
        into.spreads[key] = ([one + two for one, two in zip(before, numbers, strict=True)], sum_before + total)
