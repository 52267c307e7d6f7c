"""Prefetching of the context's listing: by a process of its own, while this one still parses and imports.

What the last build of a folder listed is kept in a file; the process lists the same folders and says whether any of
them changed, and what is in them where one did. Only the standard library's quickest parts are imported.
"""

import gc
import hashlib
import marshal
import os
from _thread import allocate_lock

from dockyard.build.sources.listing import Facts, Listed, facts, look, packed, rows, sight

TYPE_CHECKING = False  # `typing` takes longer to load than this module
if TYPE_CHECKING:
    from collections.abc import Sequence

_FORMAT = "v2"
_MOST_PROCESSES = 4
_FOLDERS_EACH = 100
_SAME, _OTHER, _TELL = b"=", b"!", b"?"
_KILL = 9

# What was found in a folder: its own facts, what `sight` makes of it, and the rows.
Found = tuple[Facts, str, list[Listed]]


class Seen:
    """What a build saw of its context.

    Attributes:
        rules: of what stays out, in short.
        folders: every folder that was listed, by its path in the context, with what `sight` makes of all that is in it.
        stamps: of every folder that was copied from: the stamp of what takes part, and the latest change of a file.
    """

    __slots__ = ("folders", "rules", "stamps")

    def __init__(self, rules: str, folders: dict[str, str], stamps: dict[str, tuple[str, int]]) -> None:
        self.rules, self.folders, self.stamps = rules, folders, stamps

    def packed(self) -> bytes:
        """As it is kept: texts between zeros, which no path has."""
        told = [self.rules, str(len(self.folders))]
        for path, sighted in self.folders.items():
            told += (path, sighted)
        for path, (stamped, newest) in self.stamps.items():
            told += (path, stamped, str(newest))
        return os.fsencode("\0".join([*told, _FORMAT]))

    @classmethod
    def unpacked(cls, data: bytes) -> "Seen":
        """What `packed` gave.

        Raises:
            ValueError: it is something else.
        """
        rules, count, *told = os.fsdecode(data).split("\0")
        if told.pop() != _FORMAT:
            raise ValueError("another format")
        middle = 2 * int(count)
        if not 0 <= middle <= len(told) or (len(told) - middle) % 3:
            raise ValueError("cut off")
        folders = dict(zip(told[:middle:2], told[1:middle:2], strict=True))
        stamped = zip(told[middle + 1 :: 3], map(int, told[middle + 2 :: 3]), strict=True)
        return cls(rules, folders, dict(zip(told[middle::3], stamped, strict=True)))


class Ahead:
    """What may be known of the context `root`; `place` is the file that keeps it. Nothing is begun yet."""

    def __init__(self, root: str, place: str) -> None:
        self.root, self._place = root, place
        self.seen: Seen | None = None
        self.rows: dict[str, Found] = {}
        self.same = False
        self._finished = False
        self._processes: list[tuple[int, int, int]] = []
        self._lock = allocate_lock()  # stages side by side wait for it
        self._kept = b""
        try:
            with open(place, "rb", buffering=0) as stream:
                self._kept = stream.read()
            self.seen = Seen.unpacked(self._kept)
        except (OSError, ValueError, IndexError):
            return  # there is none, or a damaged one, which counts as none

    @classmethod
    def at(cls, folder: str, data: str) -> "Ahead | None":
        """For the context `folder` with the data folder `data`; None where it is no folder."""
        if not os.path.isdir(folder):
            return None
        root = os.path.realpath(folder)
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:24]
        return cls(root, f"{data}/cache/listed/{name}.{_FORMAT}")

    def begin(self) -> None:
        """Begin to list what was listed the last time. No thread may have been started yet."""
        if self.seen is None or self._processes:
            return
        folders = list(self.seen.folders.items())
        count = min(_MOST_PROCESSES, os.cpu_count() or 1, 1 + len(folders) // _FOLDERS_EACH)
        for number in range(count):
            self._split(folders[number::count])

    def _split(self, folders: "Sequence[tuple[str, str]]") -> None:
        pipe, end = os.pipe()
        asked, ask = os.pipe()
        parent = os.getpid()
        process = os.fork()
        if process:
            os.close(end)
            os.close(asked)
            self._processes.append((process, pipe, ask))
            return
        try:  # whatever ends this, an interrupt too, ends it without a word
            os.close(pipe)
            os.close(ask)
            gc.disable()
            found, same = _compared(self.root, folders, parent)
            os.write(end, _SAME if same else _OTHER)
            # What is in its folders is packed only where it is wanted, as it takes as long as looking at them.
            if not same or os.read(asked, 1):
                told = {path: (own, sighted, rows(each)) for path, (own, sighted, each) in found.items()}
                with os.fdopen(end, "wb", buffering=0) as stream:
                    stream.write(marshal.dumps(told))
        finally:
            os._exit(0)

    def finish(self) -> None:
        """Wait for what was begun. Afterwards `same` says that nothing changed; otherwise `rows` has what there is."""
        with self._lock:
            if self._finished or not self._processes:
                return
            self._finished = True
            said = [os.read(pipe, 1) for _, pipe, _ in self._processes]
            self.same = all(each == _SAME for each in said)
            for each, (_, _, ask) in zip(said, self._processes, strict=True):
                if each == _SAME and not self.same:
                    self._ask(ask)
            for _, pipe, _ in () if self.same else self._processes:
                try:
                    with open(pipe, "rb", closefd=False) as stream:
                        # All at once: from a stream it is read in pieces of a few bytes.
                        self.rows.update(marshal.loads(stream.read()))  # noqa: S302 (from this program itself)
                except (EOFError, ValueError, TypeError):
                    continue
            # Taking a process down takes a moment: that happens beside what is left to do here.
            for process, _, _ in self._processes:
                self._kill(process)

    def _ask(self, ask: int) -> None:
        try:
            os.write(ask, _TELL)
        except BrokenPipeError:
            return  # it is gone, and its folders are listed when it is time

    def end(self) -> None:
        """End what was begun, whether or not anybody waited for it."""
        for process, pipe, ask in self._processes:
            os.close(pipe)
            os.close(ask)
            self._kill(process)
            os.waitpid(process, 0)
        self._processes.clear()

    def _kill(self, process: int) -> None:
        try:
            os.kill(process, _KILL)
        except ProcessLookupError:
            return  # it has ended of its own

    def keep(self, seen: Seen) -> None:
        """Keep what a build saw, for the next one."""
        from pathlib import Path

        from dockyard._internal import atomic

        packed = seen.packed()
        if packed != self._kept:
            place = Path(self._place)
            place.parent.mkdir(parents=True, exist_ok=True)
            atomic.write(place, packed, durable=False)


def _compared(
    root: str, folders: "Sequence[tuple[str, str]]", parent: int
) -> "tuple[dict[str, tuple[Facts, str, bytes]], bool]":
    found: dict[str, tuple[Facts, str, bytes]] = {}
    same = True
    for path, before in folders:
        try:
            os.chdir(f"{root}/{path}")
            own = facts(".")
            looked = packed(*look("."))
        except OSError:  # whoever looks at it next says what is wrong
            same = False
            continue
        sighted = sight(looked)
        same = same and sighted == before
        found[path] = own, sighted, looked
        if os.getppid() != parent:
            break
    return found, same
