"""The OCI image layout on disk (image-spec, image-layout.md) as a store with tags.

Other tools read and write the same folder: `skopeo inspect oci:FOLDER:NAME`. Tags are the descriptors in
`index.json` with the annotation `org.opencontainers.image.ref.name`. Several processes may use one layout at a time:
blobs appear by rename, `index.json` is changed under a file lock and replaced whole.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from dockyard._internal import atomic, interrupt
from dockyard._internal.lock import locked, try_locked
from dockyard.content.store import ContentError, ContentNotFoundError, DigestMismatchError
from dockyard.content.verified import verified
from dockyard.errors import UsageError
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest, DigestInvalidError
from dockyard.oci.mediatype import OCI_INDEX

REF_NAME = "org.opencontainers.image.ref.name"
_STALE_INGEST_SECONDS = 24 * 3600


class LayoutInvalidError(ContentError):
    """A folder that should be an OCI image layout is not one, or is damaged."""

    reference = "layout-invalid"
    hint = "An image layout has a file oci-layout, an index.json and a folder blobs; check the path."


class TagNotFoundError(UsageError):
    """No image of that name is in the store."""

    reference = "image-not-found"
    hint = "`dockyard images` lists what is there; `dockyard pull NAME` fetches."


class FileIngest:
    """An ingest into a temporary file beside the blobs, hashed while it is written."""

    def __init__(self, layout: "Layout", algorithm: str) -> None:
        self._layout = layout
        self._hash = Digest.of(b"", algorithm).hasher()
        self._algorithm = algorithm
        self._size = 0
        self._path = layout.path / "ingest" / f"{os.getpid()}-{os.urandom(8).hex()}"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # An interrupt may come before the block begins that would have closed it.
        self._left = interrupt.at_exit(partial(self._path.unlink, missing_ok=True))
        try:
            with atomic.disk_errors(layout.path):
                self._file = open(self._path, "xb", buffering=0)
        except Exception:
            interrupt.forget(self._left)
            raise

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Take in more bytes.

        Raises:
            DiskFullError: nothing becomes visible.
        """
        view = memoryview(data)
        size = len(view)
        self._hash.update(view)
        self._size += size
        with atomic.disk_errors(self._layout.path):
            while view:
                view = view[self._file.write(view) or 0 :]
        return size

    def commit(self, expected: Descriptor | None = None) -> tuple[Digest, int]:
        """Make what was written visible under its digest; on disk before this returns.

        Raises:
            DigestMismatchError: it is not what was expected; nothing becomes visible.
        """
        digest = Digest(self._algorithm, self._hash.hexdigest())
        if expected is not None and (digest, self._size) != (expected.digest, expected.size):
            raise DigestMismatchError(
                f"expected {expected.digest} ({expected.size} bytes), got {digest} ({self._size} bytes)",
                context={"digest": expected.digest},
            )
        path = self._layout.blob_path(digest)
        with atomic.disk_errors(self._layout.path):
            if not path.exists():
                os.fsync(self._file.fileno())
                path.parent.mkdir(parents=True, exist_ok=True)
                os.replace(self._path, path)
        self.close()
        return digest, self._size

    def close(self) -> None:
        """Throw away what was not committed."""
        self._file.close()
        self._path.unlink(missing_ok=True)
        interrupt.forget(self._left)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Layout:
    """A store (`content.store.Store`) and its tags in the folder `path`.

    Args:
        path: the folder; `create` makes it a layout if it is empty or absent.

    Raises:
        LayoutInvalidError: the folder is no layout and `create` is false, or its version is unknown.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        marker = path / "oci-layout"
        if create and not marker.exists():
            with atomic.disk_errors(path):
                (path / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
                with locked(path / ".lock"):
                    if not (path / "index.json").exists():
                        self._write_index([])
                    atomic.write(marker, b'{"imageLayoutVersion":"1.0.0"}')
        try:
            version = json.loads(marker.read_bytes()).get("imageLayoutVersion")
        except (OSError, ValueError, AttributeError) as error:
            raise LayoutInvalidError(f"{path} is not an OCI image layout", context={"path": path}) from error
        if version != "1.0.0":
            raise LayoutInvalidError(f"{path} has image layout version {version!r}, not 1.0.0", context={"path": path})

    def blob_path(self, digest: Digest) -> Path:
        """The file of the blob `digest`, whether it is there or not."""
        return self.path / "blobs" / digest.algorithm / digest.hex

    def open(self, target: Descriptor) -> BinaryIO:
        """A verified stream of the blob (see `Reader.open`).

        Raises:
            ContentNotFoundError: the blob is not here.
            DigestMismatchError: by the stream's end, where the bytes are others than the digest names.
        """
        try:
            return verified(open(self.blob_path(target.digest), "rb", buffering=0), target)
        except FileNotFoundError as error:
            raise ContentNotFoundError(
                f"{target.digest} is not in {self.path}", context={"digest": target.digest}
            ) from error

    def unchecked(self, target: Descriptor) -> BinaryIO:
        """The blob's bytes as they are, for somebody who checks them; only their number is what `target` says.

        Raises:
            ContentNotFoundError: there is no such blob here.
            DigestMismatchError: it has another size.
        """
        try:
            stream = open(self.blob_path(target.digest), "rb", buffering=0)
        except FileNotFoundError as error:
            raise ContentNotFoundError(
                f"{target.digest} is not in {self.path}", context={"digest": target.digest}
            ) from error
        size = os.fstat(stream.fileno()).st_size
        if size != target.size:
            stream.close()
            raise DigestMismatchError(
                f"{target.digest} has {size} bytes instead of {target.size}", context={"digest": target.digest}
            )
        return stream

    def exists(self, target: Descriptor) -> bool:
        """Whether the blob is here with the right size."""
        try:
            return self.blob_path(target.digest).stat().st_size == target.size
        except FileNotFoundError:
            return False

    def ingest(self, algorithm: str = "sha256") -> FileIngest:
        """Begin to take in a blob whose digest is not yet known."""
        return FileIngest(self, algorithm)

    def put(self, target: Descriptor, content: BinaryIO) -> None:
        """Store `content` as `target` (see `Writer.put`)."""
        if self.exists(target):
            return
        with self.ingest(target.digest.algorithm) as ingest:
            while chunk := content.read(1 << 20):
                ingest.write(chunk)
            # A blob of the wrong size under this name is damage; the rename below replaces it.
            if self.blob_path(target.digest).exists():
                self.delete(target.digest)
            ingest.commit(target)

    def add(self, media_type: str, data: bytes) -> Descriptor:
        """Store small `data` and return its descriptor; writes nothing if it is there."""
        target = Descriptor.of(media_type, data)
        if self.exists(target):
            return target
        with self.ingest() as ingest:
            ingest.write(data)
            ingest.commit(target)
        return target

    def delete(self, digest: Digest) -> None:
        """Remove the blob; no error if it is not there."""
        self.blob_path(digest).unlink(missing_ok=True)

    def in_use(self) -> contextlib.AbstractContextManager[None]:
        """To be held while something counts on blobs that no tag names yet: nothing is deleted meanwhile."""
        return locked(self.path / ".use", shared=True)

    def alone(self) -> contextlib.AbstractContextManager[bool]:
        """To be held while blobs are deleted; yields whether nobody uses any (`in_use`), who have to wait then."""
        return try_locked(self.path / ".use")

    def walk(self) -> Iterator[Digest]:
        """Every blob's digest."""
        for algorithm in sorted((self.path / "blobs").iterdir()):
            for name in os.listdir(algorithm) if algorithm.is_dir() else ():
                with contextlib.suppress(DigestInvalidError):  # not ours: editors and file managers leave files behind
                    yield Digest(algorithm.name, name)

    def sweep(self) -> None:
        """Remove what interrupted ingests left behind more than a day ago."""
        folder = self.path / "ingest"
        for name in os.listdir(folder) if folder.exists() else ():
            with contextlib.suppress(FileNotFoundError):
                if time.time() - os.stat(folder / name).st_mtime > _STALE_INGEST_SECONDS:
                    os.unlink(folder / name)

    def tags(self) -> dict[str, Descriptor]:
        """Every name and what it points to, in the order of `index.json`."""
        return {item.annotations[REF_NAME]: item for item in self._read_index() if REF_NAME in item.annotations}

    def roots(self) -> list[Descriptor]:
        """Every descriptor of `index.json`, tagged or not."""
        return self._read_index()

    def resolve(self, name: str) -> Descriptor:
        """What `name` points to, its annotations without the name.

        Raises:
            TagNotFoundError: there is no such name.
        """
        found = self.tags().get(name)
        if found is None:
            raise TagNotFoundError(f"no image named {name} in {self.path}", context={"name": name})
        annotations = {key: value for key, value in found.annotations.items() if key != REF_NAME}
        return Descriptor(found.media_type, found.digest, found.size, annotations, found.platform, found.artifact_type)

    def tag(self, name: str, target: Descriptor) -> None:
        """Let `name` point to `target`, which must be here; what it pointed to before stays untagged."""
        named = Descriptor(
            target.media_type,
            target.digest,
            target.size,
            {**target.annotations, REF_NAME: name},
            target.platform,
            target.artifact_type,
        )

        def change(items: list[Descriptor]) -> list[Descriptor]:
            kept = [item for item in items if item.annotations.get(REF_NAME) != name]
            return [item for item in kept if item.digest != target.digest or REF_NAME in item.annotations] + [named]

        self._change_index(change)

    def attach(self, target: Descriptor) -> None:
        """List `target` without a name, such as a referrer, so that collecting keeps it."""
        self._change_index(lambda items: items if any(i.digest == target.digest for i in items) else [*items, target])

    def untag(self, name: str) -> None:
        """Forget `name`; the blobs stay until they are collected.

        Raises:
            TagNotFoundError: there is no such name.
        """

        def change(items: list[Descriptor]) -> list[Descriptor]:
            kept = [item for item in items if item.annotations.get(REF_NAME) != name]
            if len(kept) == len(items):
                raise TagNotFoundError(f"no image named {name} in {self.path}", context={"name": name})
            return kept

        self._change_index(change)

    def detach(self, digest: Digest) -> None:
        """Forget every entry of `index.json` that points to `digest`."""
        self._change_index(lambda items: [item for item in items if item.digest != digest])

    def _change_index(self, change: Callable[[list[Descriptor]], list[Descriptor]]) -> None:
        with locked(self.path / ".lock"):
            before = self._read_index()
            after = change(before)
            if after != before:
                self._write_index(after)

    def _read_index(self) -> list[Descriptor]:
        try:
            document: Any = json.loads((self.path / "index.json").read_bytes())
            found = document["manifests"] if isinstance(document, Mapping) else None
        except (OSError, ValueError, KeyError) as error:
            raise LayoutInvalidError(
                f"{self.path / 'index.json'} cannot be read: {error}", context={"path": self.path}
            ) from error
        if not isinstance(found, list):
            raise LayoutInvalidError(
                f"{self.path / 'index.json'} has no list of manifests", context={"path": self.path}
            )
        return [Descriptor.from_json(item) for item in found]

    def _write_index(self, items: list[Descriptor]) -> None:
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [item.to_json() for item in items],
        }
        atomic.write(self.path / "index.json", json.dumps(document, separators=(",", ":")).encode())
