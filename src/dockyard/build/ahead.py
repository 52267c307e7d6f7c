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
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from dockyard.build.listing import Facts, Listed, facts, scan, stamp

_FORMAT = "v1"
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
        self._process, self._pipe = 0, -1
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
        if self.seen is None or self._process:
            return
        self._pipe, end = os.pipe()
        parent = os.getpid()
        self._process = os.fork()
        if self._process:
            os.close(end)
            return
        try:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            gc.disable()
            _told(end, _compared(self.root, self.seen, parent))
        finally:
            os._exit(0)

    def finish(self) -> None:
        """Wait for what was begun. Afterwards `same` says that nothing changed; otherwise `rows` has what there is."""
        with self._lock:
            if self._pipe < 0:
                return
            with os.fdopen(self._pipe, "rb") as stream:
                self._pipe = -1
                said = stream.read()
            os.waitpid(self._process, 0)
            self.same = said == _SAME
            if said[:1] == _OTHER:
                self.rows = marshal.loads(said[1:])  # noqa: S302 (from this program itself)

    def end(self) -> None:
        """End what was begun, whether or not anybody waited for it."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)

    def keep(self, seen: Seen) -> None:
        """Keep what a build saw, for the next one."""
        from dockyard._internal import atomic

        if seen != self.seen:
            self._place.parent.mkdir(parents=True, exist_ok=True)
            try:
                atomic.write(self._place, msgspec.msgpack.encode(seen), durable=False)
            except UnicodeEncodeError:
                pass  # names that are not UTF-8 cannot be kept so; such folders are rare and listed when it is time


def _compared(root: str, seen: Seen, parent: int) -> bytes:
    rows: dict[str, Any] = {}
    same = True
    for path, before in seen.folders.items():
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
    return _SAME if same else _OTHER + marshal.dumps(rows)


def _told(pipe: int, said: bytes) -> None:
    with os.fdopen(pipe, "wb") as stream:
        stream.write(said)
