"""Log lines as JSON objects in a file that is rotated by size.

Each line of an application becomes one object: `time` (RFC 3339, UTC, microseconds), `app`, `revision`, `stream`, and
`message`; a line that is itself a JSON object (RFC 8259, so no NaN and no lone surrogates) keeps its parts under
`fields`.
"""

import contextlib
import os
import time
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from dockyard._internal.lock import locked

_LINE_BYTES = 256 << 10
_READ_BYTES = 1 << 20


class JsonLog:
    """Appends to the file `path`; at `size` bytes it is renamed to `path.1` and so on, `keep` old ones are kept.

    Several may write to one file, from threads or processes: rotation happens under a lock. A full disk loses lines,
    never the writer: how many were lost is told in the first object that finds room again.

    Args:
        path: the newest file.
        labels: parts that every object has.
        size: bytes after which a new file begins.
        keep: how many old files stay.
    """

    def __init__(self, path: Path, labels: dict[str, Any], *, size: int = 10 << 20, keep: int = 4) -> None:
        self._path, self._labels, self._size, self._keep = path, labels, size, keep
        self._rest = b""
        self._lost = 0
        path.parent.mkdir(parents=True, exist_ok=True)

    def take(self, data: bytes) -> None:
        """Take in output as it comes; what follows the last newline waits for the rest of its line."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        if not lines:
            return
        head = self._object(f"{self._lost} lines were lost: no room".encode()) if self._lost else b""
        try:
            self._write(head + b"".join(self._object(line) for line in lines))
            self._lost = 0
        except OSError:
            self._lost += len(lines)

    def put(self, lines: bytes) -> bool:
        """Write whole lines that are JSON objects already, as they are; False where there is no room for them."""
        try:
            self._write(lines)
        except OSError:
            return False
        return True

    def end(self) -> None:
        """Write what waits for the rest of its line."""
        if self._rest:
            self.take(b"\n")

    def _object(self, line: bytes) -> bytes:
        document: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            **self._labels,
        }
        text = line[:_LINE_BYTES].decode("utf-8", "replace").rstrip("\r")
        if len(line) > _LINE_BYTES:
            document["truncated"] = True
        document["message"] = text
        if text.startswith("{"):
            # A line that only looks like an object stays a line; so does one that others could not read again.
            with contextlib.suppress(msgspec.MsgspecError, RecursionError, ValueError):
                found = msgspec.json.decode(text, type=dict[str, Any])
                whole = {**document, "message": str(found.get("message") or found.get("msg") or text), "fields": found}
                return msgspec.json.encode(whole) + b"\n"
        return msgspec.json.encode(document) + b"\n"

    def _write(self, data: bytes) -> None:
        with locked(self._path.with_name(f".{self._path.name}.lock")):
            with contextlib.suppress(FileNotFoundError):
                if self._path.stat().st_size + len(data) > self._size:
                    self._rotate()
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
            try:
                before = os.fstat(handle).st_size
                written = 0
                try:
                    while written < len(data):
                        written += os.write(handle, data[written:])
                except OSError:
                    os.ftruncate(handle, before)  # half an object would spoil the next one, too
                    raise
            finally:
                os.close(handle)

    def _rotate(self) -> None:
        for number in range(self._keep, 0, -1):
            newer = self._path.with_name(f"{self._path.name}.{number - 1}") if number > 1 else self._path
            with contextlib.suppress(FileNotFoundError):
                newer.replace(self._path.with_name(f"{self._path.name}.{number}"))


def tail(path: Path, count: int) -> list[dict[str, Any]]:
    """The last `count` objects, oldest first, across rotated files."""
    with locked(path.with_name(f".{path.name}.lock"), shared=True):
        return _tail(path, count)


def follow(path: Path, *, pause: float = 0.2, last: int = 0) -> Generator[dict[str, Any]]:
    """The `last` objects, then new ones as they are written, across rotation, for ever."""
    lock = path.with_name(f".{path.name}.lock")
    stream: BinaryIO | None = None
    with locked(lock, shared=True):
        before = _tail(path, last)
        with contextlib.suppress(FileNotFoundError):
            stream = open(path, "rb")
            stream.seek(0, os.SEEK_END)
    try:
        yield from before
        rest = b""
        while True:
            data = stream.read(_READ_BYTES) if stream is not None else b""
            if not data:
                with locked(lock, shared=True):
                    # Nothing is written or renamed now: what is read is all there is, and the next file the next one.
                    data = stream.read(_READ_BYTES) if stream is not None else b""
                    following = _next(path, stream) if not data else None
                if following is not None:
                    if stream is not None:
                        stream.close()
                    stream, rest = following, b""
                    continue
            if not data:
                time.sleep(pause)
                continue
            *lines, rest = (rest + data).split(b"\n")
            yield from _objects(lines)
    finally:
        if stream is not None:
            stream.close()


def _tail(path: Path, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for file in _files(path):
        if len(found) >= count:
            break
        lines = file.read_bytes().splitlines()
        found = list(_objects(lines[-(count - len(found)) :])) + found
    return found


def _next(path: Path, stream: BinaryIO | None) -> BinaryIO | None:
    """The file written after the one being read, even where several rotations went by; None while it is the newest."""
    files = _files(path)
    if stream is not None:
        number = os.fstat(stream.fileno()).st_ino
        newer = []
        for file in files:
            if file.stat().st_ino == number:
                break
            newer.append(file)
        files = newer
    else:
        files = files[:1]
    return open(files[-1], "rb") if files else None


def _files(path: Path) -> list[Path]:
    """The newest file, then the rotated ones, newest first."""
    older = [each for each in path.parent.glob(f"{path.name}.*") if each.suffix[1:].isdigit()]
    return [each for each in [path, *sorted(older, key=lambda each: int(each.suffix[1:]))] if each.exists()]


def _objects(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        with contextlib.suppress(msgspec.MsgspecError):  # a line that was cut off by a crash
            yield msgspec.json.decode(line, type=dict[str, Any])
