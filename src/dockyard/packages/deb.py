"""Debian packages as files: an ar archive with a control and a data tar (deb(5))."""

import io
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from dockyard._internal.limits import read_bounded
from dockyard.errors import Error
from dockyard.layers.compress import open_uncompressed
from dockyard.layers.members import members
from dockyard.layers.tar import Entry

_MAGIC = b"!<arch>\n"
_CONTROL_BYTES = 16 << 20


class DebInvalidError(Error):
    """A file is not a Debian package, or is damaged."""

    reference = "deb-invalid"
    hint = "The mirror or the cache is damaged; the file was not used."


@dataclass(frozen=True)
class Deb:
    """The package file at `path`."""

    path: Path

    def control(self) -> dict[str, bytes]:
        """The control files by name: control, md5sums, conffiles, the maintainer scripts."""
        with open(self.path, "rb") as raw:
            stream = self._member(raw, "control.tar")
            return {
                entry.path: read_bounded(content, _CONTROL_BYTES, f"{self.path.name}: {entry.path}")
                for entry, content in members(stream)
                if entry.kind == "file"
            }

    def data(self) -> Iterator[tuple[Entry, BinaryIO]]:
        """The files that the package holds."""
        with open(self.path, "rb") as raw:
            yield from members(self._member(raw, "data.tar"))

    def _member(self, raw: BinaryIO, wanted: str) -> BinaryIO:
        if raw.read(8) != _MAGIC:
            raise DebInvalidError(f"{self.path} is no Debian package")
        while header := raw.read(60):
            if len(header) < 60 or header[58:] != b"`\n" or not header[48:58].strip().isdigit():
                break
            name, size = header[:16].decode("latin-1").strip().rstrip("/"), int(header[48:58])
            if name.startswith(wanted):
                return self._opened(raw, name, size)
            raw.seek(size + size % 2, io.SEEK_CUR)
        raise DebInvalidError(f"{self.path} has no {wanted}")

    def _opened(self, raw: BinaryIO, name: str, size: int) -> BinaryIO:
        part = cast("BinaryIO", _Part(raw, size))
        if name.endswith(".xz"):
            return cast("BinaryIO", lzma.open(io.BufferedReader(part, 1 << 18)))  # type: ignore[type-var]
        kind = {"gz": "gzip", "zst": "zstd", "tar": "none"}.get(name.rpartition(".")[2])
        if kind is None:
            raise DebInvalidError(f"{self.path} has a member of unknown compression: {name}")
        return open_uncompressed(part, kind)


class _Part(io.RawIOBase):
    def __init__(self, raw: BinaryIO, size: int) -> None:
        super().__init__()
        self._raw, self._left = raw, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._raw.read(min(len(buffer), self._left))
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)
