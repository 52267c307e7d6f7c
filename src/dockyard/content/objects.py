"""Content in object storage (S3 and what speaks like it): blobs by digest, and small documents by name."""

import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, BinaryIO

from dockyard._internal.limits import MANIFEST_BYTES, TooLargeError
from dockyard.content.copy import Sink, copy
from dockyard.content.store import ContentNotFoundError, Reader, read
from dockyard.content.verified import verified
from dockyard.errors import TransientError, UsageError
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.manifest import parse
from dockyard.progress import SILENT, Progress

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_PIECE = 1 << 20
_WHOLE = 8 << 20  # smaller blobs are sent with one request, larger ones in parts of this size
_RETRY: Any = {
    "max_retries": 3,
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=2), "base": 2},
    "retry_timeout": timedelta(seconds=60),
}


class ObjectsUnreachableError(TransientError):
    """Object storage did not answer, or answered with an error of its own."""

    reference = "objects-unreachable"
    hint = "Check endpoint_url, region and the network, then run the command again."


class ObjectsDeniedError(UsageError):
    """Object storage refused the credentials, or they may not do this in that bucket."""

    reference = "objects-denied"
    hint = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give access_key_id and secret_access_key."


class ObjectsMissingError(UsageError):
    """Object storage was asked for, and the library that speaks to it is not installed."""

    reference = "objects-library-missing"
    hint = "Install it: pip install 'dockyard[objects]'"


@dataclass(frozen=True, repr=False)
class Bucket:
    """Where a bucket is and how to get in. Credentials stand in no `repr`."""

    name: str
    region: str = ""
    endpoint: str = ""
    access_key: str = ""
    secret_key: str = ""
    session_token: str = ""
    path_style: bool = True


def s3(bucket: Bucket) -> "ObjectStore":
    """Access to a bucket over the S3 protocol. Plain HTTP only where the endpoint says so.

    Raises:
        ObjectsMissingError: the library is not installed.
    """
    try:
        from obstore.store import S3Store
    except ImportError as error:
        raise ObjectsMissingError("S3 needs the library obstore") from error
    given: dict[str, Any] = {
        "region": bucket.region or "us-east-1",
        "virtual_hosted_style_request": not bucket.path_style,
        "client_options": {"allow_http": bucket.endpoint.startswith("http://")},
    }
    named: dict[str, Any] = {
        "endpoint": bucket.endpoint,
        "access_key_id": bucket.access_key,
        "secret_access_key": bucket.secret_key,
        "session_token": bucket.session_token,
    }
    return S3Store(bucket.name, retry_config=_RETRY, **given, **{key: value for key, value in named.items() if value})


class Objects:
    """Blobs below one prefix and named documents below another.

    Args:
        store: object storage.
        blobs, names: the prefixes, with their slash.
        refresh: seconds after which a blob that is there is stored anew, so that rules which remove what is old leave
            what is used; 0 never does.

    Every method raises `ObjectsUnreachableError` or `ObjectsDeniedError` where the storage does not do its part.
    """

    def __init__(
        self, store: "ObjectStore", *, blobs: str = "blobs/", names: str = "manifests/", refresh: float = 0
    ) -> None:
        self._store, self._blobs, self._names, self._refresh = store, blobs, names, refresh

    def exists(self, target: Descriptor) -> bool:
        """Whether the blob is there, with the size that the descriptor tells, and need not be stored anew."""
        try:
            with _told():
                found = self._store.head(self._blob(target))
        except ContentNotFoundError:
            return False
        old = self._refresh > 0 and time.time() - found["last_modified"].timestamp() > self._refresh
        return int(found["size"]) == target.size and not old

    def open(self, target: Descriptor) -> BinaryIO:
        """A verified stream of the blob.

        Raises:
            ContentNotFoundError: it is not there.
            TooLargeError: it is larger than its descriptor says.
        """
        with _told():
            found = self._store.get(self._blob(target))
            if int(found.meta["size"]) > target.size:
                raise TooLargeError(f"{target.digest} is larger than its descriptor says")
            return verified(io.BufferedReader(_Pieces(iter(found.stream(_PIECE))), _PIECE), target)

    def put(self, target: Descriptor, content: BinaryIO) -> None:
        """Store the blob; it becomes visible whole or not at all.

        Raises:
            DigestMismatchError: `content` is not `target`.
        """
        with _told(), verified(content, target) as stream:
            if target.size <= _WHOLE:
                self._store.put(self._blob(target), stream.read())
            else:
                pieces = iter(lambda: stream.read(_PIECE), b"")
                self._store.put(self._blob(target), pieces, chunk_size=_WHOLE, max_concurrency=2)

    def named(self, name: str) -> bytes:
        """The document of that name.

        Raises:
            ContentNotFoundError: it is not there.
            TooLargeError: it is larger than a manifest may be.
        """
        with _told():
            found = self._store.get(self._names + name)
            if int(found.meta["size"]) > MANIFEST_BYTES:
                raise TooLargeError(f"{name} is larger than {MANIFEST_BYTES} bytes")
            return bytes(found.bytes())

    def name(self, name: str, document: bytes) -> None:
        """Store a document under a name, in place of what was there."""
        with _told():
            self._store.put(self._names + name, document)

    def _blob(self, target: Descriptor) -> str:
        return f"{self._blobs}{target.digest}"


def spread(source: Reader, sink: Sink, root: Descriptor, *, at_once: int = 4, progress: Progress = SILENT) -> None:
    """Copy an artifact's manifest and all it refers to, several blobs at once, the manifest last.

    Args:
        source: has the artifact.
        sink: gets it.
        root: its manifest.
        at_once: how many blobs are on their way at a time.
        progress: is told of each blob.

    Raises:
        As `copy.copy`.
    """
    raw = read(source, root)
    blobs = {child.digest: child for child in parse(raw, root.media_type).references}
    with ThreadPoolExecutor(max(1, at_once)) as pool:
        for job in [pool.submit(copy, source, sink, child, progress=progress) for child in blobs.values()]:
            job.result()
    copy(source, sink, root, progress=progress)


class _Pieces(io.RawIOBase):
    """The pieces of a download as a stream."""

    def __init__(self, pieces: Iterator[Any]) -> None:
        super().__init__()
        self._pieces, self._rest = pieces, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        while not self._rest:
            with _told():
                piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(bytes(piece))
        size = min(len(view), len(self._rest))
        view[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


@contextmanager
def _told() -> Iterator[None]:
    """The library's exceptions as Dockyard's. Their text may be long; the first line says enough."""
    from obstore import exceptions

    try:
        yield
    except (FileNotFoundError, exceptions.NotFoundError) as error:
        raise ContentNotFoundError("object storage does not hold it", hint="Check bucket, prefix and name.") from error
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
        raise ObjectsDeniedError(f"object storage refuses: {_first(error)}") from error
    except exceptions.BaseError as error:
        raise ObjectsUnreachableError(f"object storage: {_first(error)}") from error


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:300]
