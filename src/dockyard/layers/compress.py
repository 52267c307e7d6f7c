"""Compression of layers: gzip by igzip and libdeflate, zstd, and the reading of all of them with bounded memory."""

import io
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

from dockyard.layers.fault import ArchiveBombError, ArchiveInvalidError, ArchiveTruncatedError
from dockyard.oci.mediatype import OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Compression = Literal["gzip", "zstd", "none"]
Level = Literal["fast", "dense"]

MEDIA_TYPES: dict[Compression, str] = {"gzip": OCI_LAYER_GZIP, "zstd": OCI_LAYER_ZSTD, "none": OCI_LAYER}
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_CHUNK = 1 << 18
_ZSTD_WINDOW = 1 << 27  # what the zstd format obliges decoders to support is 8 MB; the tool's --long uses up to this


def compressor(compression: Compression, level: Level) -> Callable[[bytes], bytes]:
    """A function that makes one independent member (gzip) or frame (zstd) of its argument; the same bytes each time."""
    if compression == "none":
        return bytes
    if compression == "zstd":
        strength = 3 if level == "fast" else 12
        import zstandard  # each library is loaded where it is first needed: a cached build needs none

        # A context is not to be shared between threads, and making one is cheap beside a member.
        return lambda data: zstandard.ZstdCompressor(level=strength).compress(data)
    if level == "fast":
        from isal import isal_zlib

        return lambda data: isal_zlib.compress(data, 2, 31)
    import deflate

    return lambda data: bytes(deflate.gzip_compress(data, 6))


def expander(compression: Compression) -> Callable[[bytes, int], bytes]:
    """The reverse of `compressor`: a function of one member or frame and the length of what it holds.

    Raises (from the function):
        ArchiveInvalidError: it is damaged, or holds more or less.
    """

    def expand(data: bytes, length: int) -> bytes:
        plain = open_uncompressed(io.BytesIO(data), compression).read(length + 1)
        if len(plain) != length:
            raise ArchiveInvalidError(f"a part of a layer holds {len(plain)} bytes or more, not {length}")
        return plain

    def expand_gzip(data: bytes, length: int) -> bytes:
        from isal import isal_zlib

        try:
            member = isal_zlib.decompressobj(31)
            plain = bytes(member.decompress(data, length + 1))
        except (zlib.error, cast("type[Exception]", isal_zlib.error)) as error:
            raise ArchiveInvalidError(f"a gzip stream is damaged: {error}") from error
        if len(plain) != length or not member.eof:
            raise ArchiveInvalidError(f"a part of a layer holds {len(plain)} bytes or more, not {length}")
        return plain

    return expand_gzip if compression == "gzip" else expand


def open_uncompressed(stream: BinaryIO, compression: str, *, most: int | None = None) -> BinaryIO:
    """The plain bytes of `stream`, which is closed together with the result.

    Args:
        stream: compressed bytes; several gzip members or zstd frames in a row are one stream.
        compression: `none`, `gzip`, `zstd`, or `sniff` to tell by the first bytes.
        most: how many plain bytes there may be.

    Raises (from reading):
        ArchiveBombError: there are more than `most`.
        ArchiveInvalidError: the bytes are not what `compression` says.
        ArchiveTruncatedError: the stream ends inside a member.
    """
    if compression == "sniff":
        head = stream.read(4)
        stream = io.BufferedReader(_Chained(head, stream), _CHUNK)
        compression = "gzip" if head.startswith(_GZIP) else "zstd" if head == _ZSTD else "none"
    if compression == "none":
        return stream
    if compression == "gzip":
        return io.BufferedReader(_Gzip(stream, most), _CHUNK)
    if compression == "zstd":
        return io.BufferedReader(_Zstd(stream, most), _CHUNK)
    raise ArchiveInvalidError(f"the compression {compression!r} is not supported", hint="Supported: none, gzip, zstd.")


def _less(left: int | None, size: int) -> int | None:
    if left is None:
        return None
    if size > left:
        raise ArchiveBombError("it unpacks to far more than an honest archive of its size")
    return left - size


class _Chained(io.RawIOBase):
    """A head that was read already, then the rest."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        super().__init__()
        self._head, self._stream = head, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        data = self._head[: len(view)] or self._stream.read(len(view))
        self._head = self._head[len(view) :]
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Gzip(io.RawIOBase):
    """Members one after the other; what one step may put out is bounded, so a bomb costs time, not memory."""

    def __init__(self, stream: BinaryIO, most: int | None) -> None:
        super().__init__()
        from isal import isal_zlib

        self._next: Callable[[], Any] = lambda: isal_zlib.decompressobj(31)
        self._damage = (zlib.error, cast("type[Exception]", isal_zlib.error))
        self._stream = stream
        self._left = most
        self._member = self._next()
        self._pending = b""
        self._begun = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        while True:
            if self._member.eof:
                self._pending = self._member.unused_data or self._stream.read(_CHUNK)
                # Zeros after the last member are padding, as gzip itself takes them.
                if not self._pending.lstrip(b"\0") and not self._rest_is_padding():
                    return 0
                self._member, self._begun = self._next(), False
            if not self._pending:
                self._pending = self._stream.read(_CHUNK)
                if not self._pending:
                    if self._begun:
                        raise ArchiveTruncatedError("a gzip stream ends inside a member")
                    raise ArchiveTruncatedError("a gzip stream is empty")
            try:
                data = self._member.decompress(self._pending, len(view))
            except self._damage as error:
                raise ArchiveInvalidError(f"a gzip stream is damaged: {error}") from error
            self._begun = True
            self._pending = self._member.unconsumed_tail
            if data:
                self._left = _less(self._left, len(data))
                view[: len(data)] = data
                return len(data)

    def _rest_is_padding(self) -> bool:
        """Read on past zeros; True when something else follows, which is then pending."""
        while True:
            self._pending = self._stream.read(_CHUNK)
            if not self._pending:
                return False
            self._pending = self._pending.lstrip(b"\0")
            if self._pending:
                return True

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Zstd(io.RawIOBase):
    """Frames one after the other, with a bounded window."""

    def __init__(self, stream: BinaryIO, most: int | None) -> None:
        super().__init__()
        import zstandard

        self._damage: type[Exception] = zstandard.ZstdError
        self._stream = stream
        self._left = most
        decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        self._plain = decompressor.stream_reader(stream, read_size=_CHUNK, read_across_frames=True)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        try:
            data = self._plain.read(len(view))
        except self._damage as error:
            raise ArchiveInvalidError(f"a zstd stream is damaged: {error}") from error
        self._left = _less(self._left, len(data))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()
