"""Log lines as JSON objects in a file that is rotated by size.

Each line of an application becomes one object: `time` (RFC 3339, UTC, microseconds), `app`, `revision`, `stream`, and
`message`; a line that is itself a JSON object keeps its parts under `fields`.
"""

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_LINE_BYTES = 256 << 10


class JsonLog:
    """Appends to the file `path`; at `size` bytes it is renamed to `path.1` and so on, `keep` old ones are kept.

    Args:
        path: the newest file.
        labels: parts that every object has.
        size: bytes after which a new file begins.
        keep: how many old files stay.
    """

    def __init__(self, path: Path, labels: dict[str, Any], *, size: int = 10 << 20, keep: int = 4) -> None:
        self._path, self._labels, self._size, self._keep = path, labels, size, keep
        self._rest = b""
        path.parent.mkdir(parents=True, exist_ok=True)

    def take(self, data: bytes) -> None:
        """Take in output as it comes; what follows the last newline waits for the rest of its line."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        if lines:
            self._write(b"".join(self._object(line) for line in lines))

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
        if text.startswith("{"):
            try:
                found = json.loads(text)
            except (ValueError, RecursionError):
                found = None
            if isinstance(found, dict):
                document["message"] = str(found.get("message") or found.get("msg") or text)
                document["fields"] = found
                return json.dumps(document, ensure_ascii=False).encode() + b"\n"
        document["message"] = text
        return json.dumps(document, ensure_ascii=False).encode() + b"\n"

    def _write(self, data: bytes) -> None:
        if self._path.exists() and self._path.stat().st_size + len(data) > self._size:
            for number in range(self._keep, 0, -1):
                older = self._path.with_name(f"{self._path.name}.{number}")
                newer = self._path.with_name(f"{self._path.name}.{number - 1}") if number > 1 else self._path
                if newer.exists():
                    newer.replace(older)
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            os.write(handle, data)
        finally:
            os.close(handle)


def tail(path: Path, count: int) -> list[dict[str, Any]]:
    """The last `count` objects, oldest first, across rotated files."""
    found: list[dict[str, Any]] = []
    for file in [path, *sorted(path.parent.glob(f"{path.name}.*"), key=lambda each: int(each.suffix[1:]))]:
        if not file.exists():
            continue
        lines = file.read_bytes().splitlines()
        found = [json.loads(line) for line in lines[-(count - len(found)) :] if line] + found
        if len(found) >= count:
            break
    return found[-count:] if count else []


def follow(path: Path, *, pause: float = 0.2) -> Iterator[dict[str, Any]]:
    """New objects as they are written, across rotation, for ever."""
    stream = open(path, "rb") if path.exists() else None
    if stream is not None:
        stream.seek(0, os.SEEK_END)
    rest = b""
    while True:
        if stream is None and path.exists():
            stream = open(path, "rb")
        data = stream.read(1 << 20) if stream is not None else b""
        if data:
            *lines, rest = (rest + data).split(b"\n")
            yield from (json.loads(line) for line in lines if line)
        elif stream is not None and path.exists() and os.fstat(stream.fileno()).st_ino != path.stat().st_ino:
            # Renamed away and read to its end: go on with the new file from its beginning.
            stream.close()
            stream = open(path, "rb")
        else:
            time.sleep(pause)
