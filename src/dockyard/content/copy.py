"""Copying graphs of content between places."""

import io
from typing import BinaryIO, Protocol

from dockyard._internal.limits import GRAPH_DEPTH, TooLargeError
from dockyard.content.store import Reader, read
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.manifest import parse
from dockyard.oci.mediatype import traits
from dockyard.progress import SILENT, Progress


class Sink(Protocol):
    """Where a copy goes: it must tell what it already has."""

    def exists(self, target: Descriptor) -> bool:
        """As `Reader.exists`."""

    def put(self, target: Descriptor, content: BinaryIO) -> None:
        """As `Writer.put`."""


def copy(source: Reader, sink: Sink, root: Descriptor, *, progress: Progress = SILENT) -> None:
    """Copy `root` and all it refers to, children first.

    A reader of `sink` never sees an object whose children are missing. Copying what is already there is free.
    Interrupting is safe: run it again.

    Raises:
        ContentNotFoundError: `source` lacks an object that the graph names.
        DigestMismatchError: bytes read are not the bytes named; nothing of that object is committed.
        TooLargeError: indexes refer to indexes more than a few levels deep.
    """
    _copy(source, sink, root, progress, set(), 0)


def _copy(source: Reader, sink: Sink, root: Descriptor, progress: Progress, done: set[Digest], depth: int) -> None:
    if root.digest in done:
        return  # indexes of a stranger may name one object very many times, level upon level
    done.add(root.digest)
    if depth > GRAPH_DEPTH:
        raise TooLargeError(f"indexes refer to indexes more than {GRAPH_DEPTH} levels deep")
    if traits(root.media_type).role in ("index", "manifest"):
        raw = read(source, root)
        for child in parse(raw, root.media_type).references:
            _copy(source, sink, child, progress, done, depth + 1)
        if not sink.exists(root):
            sink.put(root, io.BytesIO(raw))
    elif not sink.exists(root):
        task = progress.start(root.digest.short, total=root.size)
        with source.open(root) as stream:
            sink.put(root, stream)
        task.advance(root.size)
        task.done()
