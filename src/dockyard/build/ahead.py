"""A context listed ahead: by a process of its own, while this one still reads its command and loads its modules.

What the last build of a folder listed is kept in a file; the process lists the same folders and says whether any of
them changed, and what is in them where one did. Only the standard library's quickest parts are imported.
"""

import contextlib
import gc
import hashlib
import marshal
import os
import signal
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from dockyard.build.listing import Facts, Listed, facts, scan, stamp

_FORMAT = "v1"
_MOST_PROCESSES = 4
_FOLDERS_EACH = 100
_SAME, _OTHER = b"=", b"!"


class Seen(NamedTuple):
    """What a build saw of its context.

    Attributes:
        rules: of what stays out, in short.
        folders: every folder that was listed, by its path in the context, with the stamp of all that is in it.
        stamps: of every folder that was copied from: the stamp of what takes part, and the latest change of a file.
    """

    rules: str
    folders: dict[str, str]
    stamps: dict[str, tuple[str, int]]


class Ahead:
    """What may be known of the context `root`; `place` is the file that keeps it. Nothing is begun yet."""

    def __init__(self, root: str, place: Path) -> None:
        self.root, self._place = root, place
        self.seen: Seen | None = None
        self.rows: dict[str, tuple[Facts, list[Listed]]] = {}
        self.same = False
        self._processes: list[tuple[int, int]] = []
        self._lock = threading.Lock()  # stages side by side wait for it
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            self.seen = msgspec.msgpack.decode(place.read_bytes(), type=Seen)

    @classmethod
    def at(cls, folder: str, data: Path) -> "Ahead | None":
        """For the context `folder` with the data folder `data`; None where it is no folder."""
        if not os.path.isdir(folder):
            return None
        root = os.path.realpath(folder)
        name = hashlib.sha256(os.fsencode(root)).hexdigest()[:24]
        return cls(root, data / "cache" / "listed" / f"{name}.{_FORMAT}")

    def begin(self) -> None:
        """Begin to list what was listed the last time. No thread may have been started yet."""
        if self.seen is None or self._processes:
            return
        folders = list(self.seen.folders.items())
        count = min(_MOST_PROCESSES, os.cpu_count() or 1, 1 + len(folders) // _FOLDERS_EACH)
        for number in range(count):
            self._split(folders[number::count])

    def _split(self, folders: Sequence[tuple[str, str]]) -> None:
        pipe, end = os.pipe()
        parent = os.getpid()
        process = os.fork()
        if process:
            os.close(end)
            self._processes.append((process, pipe))
            return
        try:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_DFL)
            gc.disable()
            rows, same = _compared(self.root, folders, parent)
            with os.fdopen(end, "wb", buffering=0) as stream:
                stream.write(_SAME if same else _OTHER)
                stream.write(marshal.dumps(rows))
        finally:
            os._exit(0)

    def finish(self) -> None:
        """Wait for what was begun. Afterwards `same` says that nothing changed; otherwise `rows` has what there is."""
        with self._lock:
            if not self._processes:
                return
            said = [os.read(pipe, 1) for _, pipe in self._processes]
            self.same = all(each == _SAME for each in said)
            if not self.same:
                for _, pipe in self._processes:
                    with (
                        contextlib.suppress(EOFError, ValueError, TypeError),
                        open(pipe, "rb", closefd=False) as stream,
                    ):
                        # All at once: from a stream it is read in pieces of a few bytes.
                        self.rows.update(marshal.loads(stream.read()))  # noqa: S302 (from this program itself)
            self.end()

    def end(self) -> None:
        """End what was begun, whether or not anybody waited for it."""
        for process, pipe in self._processes:
            os.close(pipe)
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        self._processes.clear()

    def keep(self, seen: Seen) -> None:
        """Keep what a build saw, for the next one."""
        from dockyard._internal import atomic

        if seen != self.seen:
            self._place.parent.mkdir(parents=True, exist_ok=True)
            try:
                atomic.write(self._place, msgspec.msgpack.encode(seen), durable=False)
            except UnicodeEncodeError:
                pass  # names that are not UTF-8 cannot be kept so; such folders are rare and listed when it is time


def _compared(root: str, folders: Sequence[tuple[str, str]], parent: int) -> tuple[dict[str, Any], bool]:
    rows: dict[str, Any] = {}
    same = True
    for path, before in folders:
        whole = f"{root}/{path}" if path else root
        try:
            found = facts(whole), scan(whole)
        except OSError:  # whoever looks at it next says what is wrong
            same = False
            continue
        same = same and stamp(found[1])[0] == before
        rows[path] = found
        if os.getppid() != parent:
            break
    return rows, same
