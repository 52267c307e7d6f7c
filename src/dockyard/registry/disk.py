"""Blobs on a disk.

    blobs/<algorithm>/<first two digits>/<hex>   the bytes of a blob
    uploads/<number>                             bytes received so far
    begun/                                       uploads without bytes, each in a few bytes of a file (`begun.py`)
    damaged/<algorithm>-<hex>                    what was under a blob's name and had another digest

A blob appears whole and already on the disk, as a second name of its upload. Several processes may use one folder.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock

from dockyard._internal import atomic, writeback
from dockyard.oci.digest import Digest, DigestInvalidError, Hasher
from dockyard.registry import direct
from dockyard.registry.begun import Begun
from dockyard.registry.interface import BlobPlace, WireError
from dockyard.registry.protocol import codes
from dockyard.registry.protocol.request import upload_valid

_PIECE = 1 << 20
_MOST_RUNNING = 4096
# Smaller ones are not worth a way of their own.
_LEAST_DIRECT = 64 << 10


class DiskBlobs:
    """The blobs in the folder `root` (`blobs.BlobStore`).

    Args:
        root: the folder.
        alone: whether no other machine uses the folder at the same time.
    """

    def __init__(self, root: Path, *, alone: bool = False) -> None:
        self._root = root
        self._blobs, self._uploads = os.fspath(root / "blobs"), os.fspath(root / "uploads")
        self._begun = Begun(root / "begun") if alone else None
        # The hash of what each upload has received so far, as long as it all came through this process.
        self._running: OrderedDict[str, tuple[Hasher, int]] = OrderedDict()
        self._lock = Lock()
        for name in ("blobs", "uploads"):
            (root / name).mkdir(parents=True, exist_ok=True)
        self._direct = direct.Direct()

    def begin(self, algorithm: str) -> str:
        """Begin an upload."""
        upload = secrets.token_hex(16)
        with atomic.disk_errors(self._root):
            self._upload(upload).touch()
        self._remember(upload, hashlib.new(algorithm), 0)
        return upload

    def begin_at_once(self) -> str | None:
        """Begin an upload without waiting for a disk, for bytes that probably come whole; None if that cannot be."""
        return self._begun.begin() if self._begun is not None else None

    def bare(self, upload: str) -> bool:
        """Whether an upload was begun at once and nothing has come of it yet. Waits for nothing."""
        return self._begun is not None and self._begun.has(upload)

    def store(self, digest: Digest, pieces: Sequence[bytes], upload: str = "") -> int:
        """Take a whole blob of at most 1 MiB and return its size; its bytes are on the disk, in their place, when this
        returns. `upload`, where there is one, ends with that, whatever comes of it.

        Raises:
            WireError: BLOB_UPLOAD_UNKNOWN, or DIGEST_INVALID.
        """
        if upload and not (self._begun is not None and self._begun.take(upload)):
            raise WireError(codes.BLOB_UPLOAD_UNKNOWN, upload)
        size = sum(map(len, pieces))
        with self._direct.gathered(pieces) as data, atomic.disk_errors(self._root):
            found = hashlib.new(digest.algorithm, data).hexdigest()
            if found != digest.hex:
                raise WireError(codes.DIGEST_INVALID, f"the content is {digest.algorithm}:{found}")
            self._place(digest, data)
        return size

    def adopt(self, path: Path, algorithm: str) -> str:
        """Begin an upload that has all bytes of a file: a link to it where that is possible, else a copy. A link's
        bytes must never change; its digest is looked at when the upload ends.
        """
        upload = secrets.token_hex(16)
        with atomic.disk_errors(self._root):
            try:
                os.link(path, self._upload(upload), follow_symlinks=False)
            except OSError as error:
                if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
                    raise
                shutil.copyfile(path, self._upload(upload))
        return upload

    def received(self, upload: str) -> int:
        """How many bytes have arrived.

        Raises:
            WireError: BLOB_UPLOAD_UNKNOWN.
        """
        try:
            return self._upload(upload).stat().st_size
        except FileNotFoundError:
            raise WireError(codes.BLOB_UPLOAD_UNKNOWN, upload) from None

    def append(self, upload: str, *data: bytes) -> None:
        """Add bytes."""
        pieces = [each for each in data if each]
        if not pieces:
            return  # each piece is in the file already, for every process to see
        with atomic.disk_errors(self._root), self._alone(upload, os.O_WRONLY | os.O_APPEND) as handle:
            with self._lock:
                known = self._running.pop(upload, None)
            for piece in pieces:  # hashed first, and then written while it is still near
                if known is not None:
                    known[0].update(piece)
                _write(handle, piece)
            end = os.fstat(handle).st_size
            writeback.begin(handle, end - sum(map(len, pieces)), end)
            if known is not None:
                self._remember(upload, known[0], known[1] + sum(map(len, pieces)))

    def seal(self, upload: str, digest: Digest, last: Sequence[bytes] = ()) -> int:
        """Check the upload and bring it to the disk.

        Raises:
            WireError: BLOB_UPLOAD_UNKNOWN; DIGEST_INVALID, and the upload is gone.
        """
        path = self._upload(upload)
        if last:
            self.append(upload, *last)
        with self._lock:
            known = self._running.pop(upload, None)
        try:
            with open(path, "rb") as stream, atomic.disk_errors(self._root):
                fcntl.flock(stream, fcntl.LOCK_EX)
                size = os.fstat(stream.fileno()).st_size
                if known is not None and known[1] == size and known[0].name == digest.algorithm:
                    found = known[0].hexdigest()
                else:
                    found = hashlib.file_digest(stream, digest.algorithm).hexdigest()
                if found != digest.hex:
                    path.unlink(missing_ok=True)
                    raise WireError(codes.DIGEST_INVALID, f"the content is {digest.algorithm}:{found}")
                if self._size(digest) != size:
                    os.fsync(stream.fileno())
                    self._link(upload, digest, size)
                else:
                    _to_disk(self._path(digest).parent)  # whoever was quicker may not be done with that
                return size
        except FileNotFoundError:
            raise WireError(codes.BLOB_UPLOAD_UNKNOWN, upload) from None

    def publish(self, upload: str, digest: Digest) -> None:
        """Make sure that the blob's file is there; it may have been removed since the upload was sealed."""
        size = self.received(upload)
        if self._size(digest) != size:
            _to_disk(self._upload(upload))  # where the other file was there, sealing did not have to
            self._link(upload, digest, size)

    def cancel(self, upload: str) -> None:
        """Forget the upload."""
        with self._lock:
            self._running.pop(upload, None)
        if self._begun is None or not self._begun.take(upload):
            self._upload(upload).unlink(missing_ok=True)

    def sweep(self, older_than: float) -> int:
        """Forget uploads that nothing was added to for so many seconds."""
        count = self._begun.sweep(older_than) if self._begun is not None else 0
        folder = self._root / "uploads"
        for name in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):
                about = os.stat(folder / name)
                # A file that was taken over by a link is as old as it was elsewhere; it came when the link was made.
                came = about.st_mtime if about.st_nlink == 1 else about.st_ctime
                if time.time() - came > older_than:
                    self.cancel(name)
                    count += 1
        return count

    def place(self, digest: Digest, size: int) -> BlobPlace:
        """The blob's file."""
        return BlobPlace(size, self._path(digest))

    def exists(self, digest: Digest, size: int | None = None) -> bool:
        """Whether the file is there."""
        found = self._size(digest)
        return found is not None and size in (None, found)

    def age(self, digest: Digest) -> float | None:
        """Seconds since the file was last written."""
        try:
            return time.time() - os.stat(self._name(digest)).st_mtime
        except FileNotFoundError:
            return None

    def read(self, digest: Digest, begin: int, length: int) -> Iterator[bytes]:
        """The blob's bytes from `begin` on.

        Raises:
            WireError: BLOB_UNKNOWN.
        """
        try:
            stream = open(self._path(digest), "rb", buffering=0)
        except FileNotFoundError:
            raise WireError(codes.BLOB_UNKNOWN, str(digest)) from None
        with stream:
            stream.seek(begin)
            while length > 0 and (data := stream.read(min(_PIECE, length))):
                length -= len(data)
                yield data

    def remove(self, digests: Sequence[Digest]) -> None:
        """Remove the files."""
        for each in digests:
            self._path(each).unlink(missing_ok=True)

    def set_aside(self, digest: Digest) -> None:
        """Move the file to `damaged/`."""
        (self._root / "damaged").mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.replace(self._path(digest), self._root / "damaged" / f"{digest.algorithm}-{digest.hex}")

    def walk(self, after: str = "") -> Iterator[tuple[Digest, int]]:
        """Every blob with its size, in order, after `after`. What else somebody has put there is passed over."""
        least, _, begin = after.partition(":")
        for algorithm in _folders(self._root / "blobs"):
            if algorithm.name < least:
                continue
            edge = begin if algorithm.name == least else ""
            for shard in _folders(algorithm):
                if shard.name < edge[:2]:
                    continue
                for name in sorted(os.listdir(shard)):
                    with contextlib.suppress(DigestInvalidError, FileNotFoundError):
                        if name > edge:
                            yield Digest(algorithm.name, name), os.stat(shard / name).st_size

    def _size(self, digest: Digest) -> int | None:
        try:
            return os.stat(self._name(digest)).st_size
        except FileNotFoundError:
            return None

    @contextlib.contextmanager
    def _alone(self, upload: str, flags: int) -> Iterator[int]:
        """The upload's file, opened by nobody else to add to it or to seal it. What is sealed takes nothing more: it
        may be a blob's file already.
        """
        try:
            handle = os.open(self._upload(upload), flags | os.O_CLOEXEC)
        except FileNotFoundError:
            raise WireError(codes.BLOB_UPLOAD_UNKNOWN, upload) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.fstat(handle).st_nlink != 1:
                raise WireError(codes.BLOB_UPLOAD_UNKNOWN, upload)
            yield handle
        finally:
            os.close(handle)

    def _link(self, upload: str, digest: Digest, size: int) -> None:
        """A second name for the upload's bytes, on the disk when this returns."""
        path = self._path(digest)
        new = not path.parent.exists()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(self._upload(upload), path)
        except FileExistsError:
            # Another upload of the same bytes was quicker. What has another size is damaged, and gives way.
            if self._size(digest) != size:
                draft = self._upload(secrets.token_hex(16))
                os.link(self._upload(upload), draft)
                os.replace(draft, path)
        _to_disk(path.parent)
        if new:  # a folder that is not on the disk takes its entries along
            _to_disk(path.parent.parent)
            _to_disk(path.parent.parent.parent)

    def _place(self, digest: Digest, data: memoryview) -> None:
        """Bring a blob's bytes to the disk under its name."""
        path = self._name(digest)
        folder = os.path.dirname(path)
        if self._size(digest) != len(data):  # what has another size is damaged, and gives way
            draft = f"{self._uploads}/{secrets.token_hex(16)}"
            try:
                self._draft(draft, data)
                try:
                    os.rename(draft, path)
                except FileNotFoundError:
                    os.makedirs(folder, exist_ok=True)
                    for each in (os.path.dirname(folder), os.path.dirname(os.path.dirname(folder))):
                        _to_disk(each)  # a folder that is not on the disk takes its entries along
                    os.rename(draft, path)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(draft)
                raise
        _to_disk(folder)

    def _draft(self, path: str, data: memoryview) -> None:
        """A new file with these bytes, on the disk when this returns."""
        flags = os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        if self._direct.able and len(data) >= _LEAST_DIRECT:
            try:
                handle = os.open(path, flags | direct.FLAGS, 0o644)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                self._direct.able = False  # the file system does not know O_DIRECT
            else:
                try:
                    if self._direct.write(handle, data):
                        return
                finally:
                    os.close(handle)
        handle = os.open(path, flags | os.O_WRONLY, 0o644)
        try:
            _write(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)

    def _remember(self, upload: str, hasher: Hasher, size: int) -> None:
        with self._lock:
            self._running[upload] = (hasher, size)
            while len(self._running) > _MOST_RUNNING:
                self._running.popitem(last=False)  # its file is read again at the end

    def _name(self, digest: Digest) -> str:
        # As a text: a path of the library's takes longer than the system call that it is for.
        return f"{self._blobs}/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}"

    def _path(self, digest: Digest) -> Path:
        return Path(self._name(digest))

    def _upload(self, upload: str) -> Path:
        if not upload_valid(upload):
            raise WireError(codes.BLOB_UPLOAD_UNKNOWN, upload[:80])
        path = self._root / "uploads" / upload
        if self._begun is not None and self._begun.has(upload):
            path.touch()  # first, so that it is never unknown in between
            if self._begun.take(upload):
                self._remember(upload, hashlib.sha256(), 0)
        return path


def _write(handle: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _to_disk(path: Path | str) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _folders(place: Path) -> list[Path]:
    return sorted(each for each in place.iterdir() if each.is_dir())
