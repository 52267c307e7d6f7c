"""Fetching a blob once for everybody who waits for it; who asks reads along while it comes."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from dockyard.errors import Error, TransientError
from dockyard.oci.digest import Digest
from dockyard.registry.interface import BlobPlace, WireError
from dockyard.registry.protocol import codes
from dockyard.registry.repository import Stream

_PIECE = 1 << 20
_TRIES = 4
_WAIT = 300.0

Opener = Callable[[int], Stream]
Sink = Callable[[bytes], None]


class Fetch:
    """A blob on its way into this registry.

    Args:
        digest: of the blob.
        open: the upstream's bytes from an offset on.
        folder: for a file with what has come, which has no name left once everybody has opened it.
    """

    def __init__(self, digest: Digest, open: Opener, folder: Path) -> None:
        self.digest = digest
        self._open = open
        self._stream: Stream | None = open(0)
        size = self._stream.length
        if size is None:
            self._stream.close()
            raise WireError(codes.UNAVAILABLE, "the upstream does not say how large the blob is")
        self.size = size
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{digest.hex[:32]}-{os.urandom(4).hex()}"
        self._path.touch()
        self._received = 0
        self._ended = False
        self._error: Exception | None = None
        self._changed = threading.Condition()

    def run(self, take: Sink, finish: Callable[[], None]) -> None:
        """Fetch to the end: every piece goes to `take`, then `finish` is called, which checks them all.

        The last piece is shown to readers only after `finish`, so that nobody gets a whole blob that is not what its
        digest says. Errors go to the readers.
        """
        try:
            with open(self._path, "ab", buffering=0) as spool:
                held = b""
                for piece in self._pieces():
                    self._show(spool, held)
                    take(piece)
                    held = piece
                finish()
                self._show(spool, held)
        except Exception as error:  # noqa: BLE001 (told to every reader)
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
            self._path.unlink(missing_ok=True)

    @property
    def whole(self) -> bool:
        """Whether all of it has come and was what its digest says."""
        return self._ended and self._error is None

    def wait(self) -> None:
        """Wait until it is here.

        Raises:
            Exception: what went wrong.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ended)
        if self._error is not None:
            raise self._error

    def place(self) -> BlobPlace | None:
        """Where to read along; None if it has ended meanwhile."""
        try:
            spool = open(self._path, "rb", buffering=0)
        except FileNotFoundError:
            return None
        return BlobPlace(self.size, None, "", lambda begin, length: self._read(spool, begin, length))

    def _pieces(self) -> Iterator[bytes]:
        """The upstream's bytes; where the line is cut, the rest is asked for again."""
        received = 0
        for tries in range(_TRIES):
            stream = self._stream or self._open(received)
            self._stream = None
            try:
                if stream.offset != received:
                    raise WireError(codes.UNAVAILABLE, "the upstream cannot go on where it was cut off")
                while received < self.size and (piece := stream.read(min(_PIECE, self.size - received))):
                    received += len(piece)
                    yield piece
            except TransientError:
                if tries == _TRIES - 1:
                    raise
            finally:
                stream.close()
            if received >= self.size:
                return
        raise WireError(codes.UNAVAILABLE, "the upstream ended early")

    def _show(self, spool: BinaryIO, piece: bytes) -> None:
        view = memoryview(piece)
        while view:
            view = view[spool.write(view) or 0 :]
        with self._changed:
            self._received += len(piece)
            self._changed.notify_all()

    def _read(self, spool: BinaryIO, begin: int, length: int) -> Iterator[bytes]:
        with spool:
            spool.seek(begin)
            end = begin + length
            while begin < end:
                received, error = self._more(begin)
                if received <= begin:
                    raise error or WireError(codes.UNAVAILABLE, "the upstream is too slow")
                piece = spool.read(min(_PIECE, received - begin, end - begin))
                if not piece:
                    raise WireError(codes.UNAVAILABLE, "what was fetched is gone")
                begin += len(piece)
                yield piece

    def _more(self, than: int) -> tuple[int, Exception | None]:
        """How much has come, once it is more than `than` or nothing more comes."""
        with self._changed:
            self._changed.wait_for(lambda: self._received > than or self._ended, _WAIT)
            return self._received, self._error


def refusal(error: Error) -> WireError:
    """An upstream's failure as this registry's answer."""
    return WireError(codes.UNAVAILABLE, f"the upstream failed: {error.message}", {"retry-after": "10"})
