"""Pulling: an image from a registry into the store, layers side by side, broken ones resumed."""

import io
import os
from functools import partial
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

from dockyard._internal import atomic, writeback
from dockyard._internal.hashing import Hashing
from dockyard._internal.limits import GRAPH_DEPTH, TooLargeError
from dockyard._internal.lock import locked_file
from dockyard._internal.retry import retry
from dockyard._internal.together import together
from dockyard.content.layout import Layout
from dockyard.content.store import DigestMismatchError, read
from dockyard.oci.choose import choose
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.manifest import Index, parse
from dockyard.oci.platform import Platform
from dockyard.oci.reference import Reference
from dockyard.progress import SILENT, Progress, Task
from dockyard.registry.client import Client
from dockyard.registry.repository import Repository, Stream
from dockyard.registry.transport import RegistryUnreachableError

_AT_ONCE = 4
_PIECE = 1 << 20
# Smaller blobs are hashed before the thread for that has begun.
_LEAST_BESIDE = 4 << 20


def pull(
    reference: Reference,
    store: Layout,
    *,
    client: Client,
    platform: Platform | None = None,
    every_platform: bool = False,
    progress: Progress = SILENT,
) -> Descriptor:
    """Fetch an image into `store` and tag it with the reference.

    Args:
        reference: the image.
        store: gets what it lacks; blobs that are there are not fetched.
        client: finds the registry or a mirror.
        platform: of an index, fetch the image for this one (this machine's by default).
        every_platform: fetch all images of an index.
        progress: gets a task a layer.

    Returns the descriptor of what the tag now points to: of an index, the one image's unless `every_platform`.

    Interrupting is safe: what was fetched of a layer is kept and the rest fetched next time.

    Raises:
        ContentNotFoundError: no registry or mirror has it.
        PlatformMissingError: the index has no image for the platform.
        DigestMismatchError: the registry sends something else than it names; nothing of it is kept.
        TransientError, RegistryDeniedError: from the registry.
    """
    repository, root, raw = client.find(reference)
    found = parse(raw, root.media_type)
    if isinstance(found, Index) and not every_platform:
        root = choose(found, platform or Platform.host())
        raw = read(repository, root)
    _graph(root, raw, repository, store, progress, set(), 0)
    store.tag(str(reference), Descriptor(root.media_type, root.digest, root.size, {}, root.platform))
    return root


def _graph(
    root: Descriptor,
    raw: bytes,
    repository: Repository,
    store: Layout,
    progress: Progress,
    done: set[Digest],
    depth: int,
) -> None:
    done.add(root.digest)
    if depth > GRAPH_DEPTH:
        raise TooLargeError(f"indexes refer to indexes more than {GRAPH_DEPTH} levels deep")
    found = parse(raw, root.media_type)
    if isinstance(found, Index):
        for child in found.manifests:
            if child.digest not in done:
                _graph(child, read(repository, child), repository, store, progress, done, depth + 1)
    else:
        wanted = {child.digest: child for child in found.references if not store.exists(child)}
        # Hashing in threads of their own is of use where processors would have nothing to do.
        beside = sum(child.size >= _LEAST_BESIDE for child in wanted.values()) < len(os.sched_getaffinity(0))
        work = [partial(fetch, child, repository, store, progress, beside=beside) for child in wanted.values()]
        together(work, _AT_ONCE)
    store.put(root, io.BytesIO(raw))


def fetch(
    target: Descriptor, repository: Repository, store: Layout, progress: Progress = SILENT, *, beside: bool = True
) -> None:
    """Fetch one blob into `store`; after a cut line, also of an earlier process, only what is missing. `beside`: hash a
    large one in a thread of its own.

    Raises:
        DigestMismatchError: the registry sent something else; what was kept of it is removed.
    """
    partial = store.path / "ingest" / f"{target.digest.hex}.partial"
    with atomic.disk_errors(store.path), locked_file(partial) as out:
        if store.exists(target):
            partial.unlink()  # somebody else fetched it meanwhile
            return
        task = progress.start(target.digest.short, total=target.size)
        with _Known(out, target, beside=beside) as known:
            retry(lambda: _more(target, repository, known, task))
            os.fsync(out.fileno())
            if known.hexdigest() != target.digest.hex:
                partial.unlink()
                raise DigestMismatchError(
                    f"the registry sent something else than {target.digest}", context={"digest": target.digest}
                )
        _named(partial, store.blob_path(target.digest))
        task.done()


def _named(partial: Path, place: Path) -> None:
    try:
        partial.replace(place)
    except FileNotFoundError:
        place.parent.mkdir(parents=True, exist_ok=True)
        partial.replace(place)


class _Known:
    """What has been received of a blob: a file, and its hash, which grows with it so that nothing is read again."""

    def __init__(self, out: FileIO, target: Descriptor, *, beside: bool) -> None:
        self._out, self._target = out, target
        self._beside = beside and target.size >= _LEAST_BESIDE
        self._hashing = self._hash()
        self.size = 0
        out.seek(0)
        while True:  # of an earlier process
            buffer = self._hashing.buffer()
            count = out.readinto(buffer)
            self._hashing.add(buffer, count)
            self.size += count
            if not count:
                break

    def add(self, stream: Stream, task: Task) -> bool:
        """Take in the stream's next piece; false where it has ended.

        Raises:
            DigestMismatchError: there is more than there should be; nothing is kept.
            RegistryUnreachableError: the line was cut; what had come is kept.
        """
        buffer, count, cut = self._hashing.buffer(), 0, None
        with memoryview(buffer) as view:
            try:
                while count < len(view) and (more := stream.readinto(view[count:])):
                    count += more
                    task.advance(more)
            except RegistryUnreachableError as error:
                cut = error
            if self.size + count > self._target.size:
                self.clear()
                name = self._target.digest
                raise DigestMismatchError(f"the registry sent more than the {self._target.size} bytes of {name}")
            left = view[:count]
            while left:
                left = left[self._out.write(left) or 0 :]
        self._hashing.add(buffer, count)
        self.size += count
        writeback.begin(self._out.fileno(), self.size - count, self.size)
        if cut is not None:
            raise cut
        return count > 0

    def clear(self) -> None:
        """Begin anew."""
        self._out.truncate(0)
        self._hashing.end()
        self._hashing, self.size = self._hash(), 0

    def hexdigest(self) -> str:
        """The hash of all."""
        return self._hashing.hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hashing.end()

    def _hash(self) -> Hashing:
        size = self._target.size
        return Hashing(self._target.digest.algorithm, min(_PIECE, max(size, 1)), beside=self._beside)


def _more(target: Descriptor, repository: Repository, known: _Known, task: Task) -> None:
    if known.size > target.size:
        known.clear()
    if known.size == target.size:
        return
    stream = repository.stream(target, known.size)
    try:
        if stream.offset != known.size:
            known.clear()
        while known.add(stream, task):
            pass
    finally:
        stream.close()
    if known.size < target.size:
        raise RegistryUnreachableError(f"the line was cut after {known.size} of {target.size} bytes of {target.digest}")
