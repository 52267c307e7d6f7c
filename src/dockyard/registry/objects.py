"""Blobs in object storage (S3, Google Cloud Storage, Azure), shared by any number of replicas.

    blobs/<algorithm>/<first two digits>/<hex>     the bytes of a blob
    uploads/<number>/begun                         the upload's hash algorithm
    uploads/<number>/<offset>-<random>             the bytes of one request's body, from that offset on
    damaged/<algorithm>-<hex>                      what was under a blob's name and had another digest

The body of one request becomes one object, which appears whole once the body has ended, and is never written again; so
a request may reach another replica than the one before. A blob appears by the storage's own copy of such an object.
Where an upload had several bodies, they are read and written once more.
"""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from dockyard.errors import TransientError
from dockyard.oci.digest import Digest, DigestInvalidError
from dockyard.registry.interface import BlobPlace, WireError
from dockyard.registry.protocol import codes
from dockyard.registry.protocol.request import upload_valid

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_PIECE = 1 << 20
_PART = 8 << 20
_PARTS_AT_ONCE = 2
# Each body under way holds up to 3 parts in memory.
_MOST_BODIES = 128
_MOST_RUNNING = 4096
_LARGEST_COPY = 5 << 30  # S3's CopyObject takes no more
_BEGUN = "begun"


class ObjectStorageError(TransientError):
    """The object storage cannot be reached, is overloaded, or refuses what was asked of it."""

    reference = "object-storage"
    hint = "Check its address, the credentials and the bucket. What was acknowledged before is not lost; try again."


@dataclass
class _Upload:
    """What this process knows of an upload: its bodies by key and size, and the hash of what they held."""

    hasher: Any
    parts: list[tuple[str, int]] = field(default_factory=list)
    writer: Any = None
    key: str = ""
    length: int = 0
    sealed: bool = False

    @property
    def size(self) -> int:
        return sum(size for _, size in self.parts)


class ObjectBlobs:
    """The blobs in `store` (`blobs.BlobStore`), which `objects_open.open_objects` makes.

    Args:
        store: a bucket or a prefix in one.
        redirect: seconds for which a client may fetch a blob from the storage by a signed URL; 0 sends the bytes
            through this process.
        least: bytes below which a blob is sent through this process all the same: another connection and a signature
            cost more than its bytes, and the storage cannot say Docker-Content-Digest.
    """

    def __init__(self, store: "ObjectStore", *, redirect: int = 0, least: int = 0) -> None:
        import obstore

        self._obstore: Any = obstore
        self._store: Any = store
        self._redirect = timedelta(seconds=redirect)
        self._least = least
        self._running: OrderedDict[str, _Upload] = OrderedDict()
        self._lock = Lock()

    def begin(self, algorithm: str) -> str:
        """Begin an upload."""
        upload = secrets.token_hex(16)
        self._ask(self._obstore.put, self._upload(upload) + _BEGUN, algorithm.encode(), use_multipart=False)
        self._remember(upload, _Upload(hashlib.new(algorithm)))
        return upload

    def received(self, upload: str) -> int:
        """How many bytes have arrived, through whichever process."""
        return sum(size for _, size in self._settled(upload))

    def append(self, upload: str, *data: bytes) -> None:
        """Add pieces of a request's body; an empty one ends it and makes it durable."""
        for piece in data:
            self._add(upload, piece)

    def _add(self, upload: str, data: bytes) -> None:
        known = self._recall(upload)
        if known is None or (known.writer is None and data):
            known = self._continued(upload, known)
        if not data:
            return self._end(upload, known)
        if known.writer is None:
            self._bounded()
            known.key = f"{self._upload(upload)}{known.size:018d}-{secrets.token_hex(8)}"
            known.length = 0
            known.writer = self._obstore.open_writer(
                self._store, known.key, buffer_size=_PART, max_concurrency=_PARTS_AT_ONCE
            )
        try:
            self._guarded(known.writer.write, data)
        except ObjectStorageError:
            self._forget(upload)  # what came of this body is lost; the client goes on where the one before ended
            raise
        if known.hasher is not None:
            known.hasher.update(data)
        known.length += len(data)

    def seal(self, upload: str, digest: Digest, last: Sequence[bytes] = ()) -> int:
        """Check the upload and write the blob. Whoever publishes it looks again whether it is there.

        Raises:
            WireError: DIGEST_INVALID, and the upload is gone.
        """
        self.append(upload, *last)
        known = self._recall(upload)
        if known is not None:
            self._end(upload, known)
        if known is None or not _agrees(known, digest):
            # Other replicas may have taken some of it.
            known = _Upload(None, self._settled(upload))
            found = hashlib.new(digest.algorithm)
            for key, size in known.parts:
                for piece in self._stream(key, 0, size):
                    found.update(piece)
            known.hasher = found
            if not _agrees(known, digest):
                self.cancel(upload)
                raise WireError(codes.DIGEST_INVALID, f"the content is {digest.algorithm}:{found.hexdigest()}")
        known.sealed = True
        self._remember(upload, known)
        if self._size(digest) != known.size:
            self._write(known, digest)
        return known.size

    def publish(self, upload: str, digest: Digest) -> None:
        """Make sure that the blob is there; it may have been removed since the upload was sealed.

        Raises:
            WireError: BLOB_UPLOAD_UNKNOWN.
        """
        known, held = self._recall(upload), self._size(digest)
        if known is not None and known.sealed:
            if held != known.size:
                self._write(known, digest)
        elif held is None:
            raise WireError(codes.BLOB_UPLOAD_UNKNOWN, upload[:80])

    def cancel(self, upload: str) -> None:
        """Forget the upload."""
        known = self._recall(upload)
        self._forget(upload)
        if known is not None and known.sealed:
            # All that it consists of is known; what another replica may have got of it beside is swept later.
            self._delete([self._upload(upload) + _BEGUN, *(key for key, _ in known.parts)])
            return
        self._delete([str(each["path"]) for each in self._list(self._upload(upload))])

    def sweep(self, older_than: float) -> int:
        """Forget uploads that nothing was added to for so many seconds."""
        last: dict[str, float] = {}
        for each in self._list("uploads/"):
            upload = str(each["path"]).split("/")[1]
            last[upload] = max(last.get(upload, 0.0), each["last_modified"].timestamp())
        old = [upload for upload, at in last.items() if time.time() - at > older_than]
        for upload in old:
            self.cancel(upload)
        return len(old)

    def place(self, digest: Digest, size: int) -> BlobPlace:
        """A signed URL, or a way to read the blob through this process."""
        url = ""
        if self._redirect and size >= self._least:
            url = self._ask(self._obstore.sign, "GET", _path(digest), self._redirect)
        return BlobPlace(size, None, url, partial(self.read, digest))

    def exists(self, digest: Digest, size: int | None = None) -> bool:
        """Whether the object is there."""
        found = self._size(digest)
        return found is not None and size in (None, found)

    def age(self, digest: Digest) -> float | None:
        """Seconds since the object was written, by the storage's clock and this machine's."""
        try:
            written: datetime = self._ask(self._obstore.head, _path(digest))["last_modified"]
        except FileNotFoundError:
            return None
        return time.time() - written.timestamp()

    def read(self, digest: Digest, begin: int, length: int) -> Iterator[bytes]:
        """The blob's bytes from `begin` on.

        Raises:
            WireError: BLOB_UNKNOWN.
        """
        if length <= 0:
            return
        try:
            yield from self._stream(_path(digest), begin, length)
        except FileNotFoundError:
            raise WireError(codes.BLOB_UNKNOWN, str(digest)) from None

    def remove(self, digests: Sequence[Digest]) -> None:
        """Remove the objects, as many with one request as the storage takes (S3: a thousand)."""
        self._delete([_path(each) for each in digests])

    def set_aside(self, digest: Digest) -> None:
        """Copy the object below `damaged/` and remove it."""
        try:
            self._ask(self._obstore.copy, _path(digest), f"damaged/{digest.algorithm}-{digest.hex}")
        except FileNotFoundError:
            return
        self._delete([_path(digest)])

    def walk(self, after: str = "") -> Iterator[tuple[Digest, int]]:
        """Every blob with its size, in order, after `after`."""
        algorithm, _, begin = after.partition(":")
        offset = f"blobs/{algorithm}/{begin[:2]}/{begin}" if after else None
        for each in self._list("blobs/", offset):
            _, algorithm, _, hexadecimal = str(each["path"]).split("/")
            try:
                yield Digest(algorithm, hexadecimal), int(each["size"])
            except DigestInvalidError:
                continue

    def _bounded(self) -> None:
        with self._lock:
            bodies = sum(each.writer is not None for each in self._running.values())
        if bodies >= _MOST_BODIES:
            detail = "as many uploads are under way as this server has memory for"
            raise WireError(codes.TOO_MANY_REQUESTS, detail, {"retry-after": "5"})

    def _end(self, upload: str, known: _Upload) -> None:
        """The body has ended: from here on another process may go on."""
        if known.writer is None:
            return
        try:
            self._guarded(known.writer.close)
        except ObjectStorageError:
            self._forget(upload)
            raise
        known.parts.append((known.key, known.length))
        known.writer = None
        self._remember(upload, known)

    def _continued(self, upload: str, known: _Upload | None) -> _Upload:
        """What is known of the upload, read anew where another process took part in it."""
        parts = self._settled(upload)
        if known is None or known.parts != parts:
            known = _Upload(None, parts)
            self._remember(upload, known)
        return known

    def _settled(self, upload: str) -> list[tuple[str, int]]:
        """The bodies that have arrived, each beginning where the one before ends."""
        found = sorted((str(each["path"]), int(each["size"])) for each in self._list(self._upload(upload)))
        if not any(key.endswith("/" + _BEGUN) for key, _ in found):
            raise WireError(codes.BLOB_UPLOAD_UNKNOWN, upload[:80])
        parts: list[tuple[str, int]] = []
        end = 0
        for key, size in found:
            name = key.rpartition("/")[2]
            # Two clients that send the same offset at once leave two bodies; the first in order counts.
            if name != _BEGUN and int(name.partition("-")[0]) == end and size:
                parts.append((key, size))
                end += size
        return parts

    def _write(self, known: _Upload, digest: Digest) -> None:
        target = _path(digest)
        if len(known.parts) == 1 and known.size <= _LARGEST_COPY:
            self._ask(self._obstore.copy, known.parts[0][0], target)
            return
        if not known.parts:
            self._ask(self._obstore.put, target, b"", use_multipart=False)
            return
        # At most 10,000 parts: of 8 MiB, or of more where the blob is larger than they can hold.
        part = max(_PART, -(-known.size // 9_000))
        options = {"buffer_size": part, "max_concurrency": _PARTS_AT_ONCE}
        writer = self._obstore.open_writer(self._store, target, **options)
        for key, size in known.parts:
            for piece in self._stream(key, 0, size):
                self._guarded(writer.write, piece)
        self._guarded(writer.close)

    def _size(self, digest: Digest) -> int | None:
        try:
            return int(self._ask(self._obstore.head, _path(digest))["size"])
        except FileNotFoundError:
            return None

    def _stream(self, key: str, begin: int, length: int) -> Iterator[bytes]:
        options = {"range": (begin, begin + length)}
        stream = iter(self._ask(self._obstore.get, key, options=options).stream(min_chunk_size=_PIECE))
        while (found := self._guarded(next, stream, None)) is not None:
            data = memoryview(found)
            for at in range(0, len(data), _PIECE):
                yield bytes(data[at : at + _PIECE])

    def _list(self, prefix: str, offset: str | None = None) -> Iterator[Any]:
        pages = iter(self._ask(self._obstore.list, prefix, offset=offset))
        while (page := self._guarded(next, pages, None)) is not None:
            yield from page

    def _delete(self, keys: list[str]) -> None:
        try:
            if keys:
                self._ask(self._obstore.delete, keys if len(keys) > 1 else keys[0])
        except FileNotFoundError:
            # Some storages say so of one, and the others may still be there.
            for each in keys if len(keys) > 1 else ():
                self._delete([each])

    def _ask(self, what: Any, *values: Any, **options: Any) -> Any:
        return self._guarded(what, self._store, *values, **options)

    def _guarded(self, what: Any, *values: Any, **options: Any) -> Any:
        try:
            return what(*values, **options)
        except (self._obstore.exceptions.BaseError, OSError, ValueError) as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise ObjectStorageError(f"the object storage failed: {str(error)[:300]}") from error

    def _recall(self, upload: str) -> _Upload | None:
        with self._lock:
            return self._running.get(upload)

    def _remember(self, upload: str, known: _Upload) -> None:
        with self._lock:
            self._running[upload] = known
            self._running.move_to_end(upload)
            idle = [each for each, found in self._running.items() if found.writer is None]
            for each in idle[: max(0, len(self._running) - _MOST_RUNNING)]:
                del self._running[each]  # its bodies are listed and read again at the end

    def _forget(self, upload: str) -> None:
        with self._lock:
            self._running.pop(upload, None)

    @staticmethod
    def _upload(upload: str) -> str:
        if not upload_valid(upload):
            raise WireError(codes.BLOB_UPLOAD_UNKNOWN, upload[:80])
        return f"uploads/{upload}/"


def _agrees(known: _Upload, digest: Digest) -> bool:
    hasher = known.hasher
    return hasher is not None and hasher.name == digest.algorithm and hasher.hexdigest() == digest.hex


def _path(digest: Digest) -> str:
    return f"blobs/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}"
