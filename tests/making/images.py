"""Valid random images, and layers from plain descriptions: the fixture of most tests."""

import gzip
import io
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from msgspec.structs import replace

from dockyard.content.store import Ingest, Reader
from dockyard.images.assemble import assemble
from dockyard.images.image import Image
from dockyard.layers.layer import Layer
from dockyard.layers.members import members
from dockyard.layers.tar import Entry
from dockyard.layers.write import LayerWriter
from dockyard.oci.descriptor import Descriptor


class Place(Reader, Protocol):
    """A store that takes blobs and small objects."""

    def ingest(self) -> Ingest: ...

    def add(self, media_type: str, data: bytes) -> Descriptor: ...


def layer(store: Place, files: Mapping[str, bytes | Entry], **options: Any) -> Layer:
    """A layer with `files`: bytes make a file with the mode 0644, an Entry is taken as it is under that path."""
    with LayerWriter(store, **options) as writer:
        for path, what in files.items():
            if isinstance(what, Entry):
                writer.add(replace(what, path=path))
            else:
                writer.add(Entry(path, size=len(what)), what)
        return writer.commit()


def image(store: Place, *layers: Layer, config: Mapping[str, Any] | None = None) -> Image:
    """An image for this platform from `layers`; `config` is its execution part."""
    history = [{"created": "2024-01-01T00:00:00Z", "created_by": f"layer {number}"} for number in range(len(layers))]
    document = {"architecture": "amd64", "os": "linux", "created": "2024-01-01T00:00:00Z", "config": dict(config or {})}
    return assemble(store, config=document, layers=layers, history=history)


def synthesize(store: Place, seed: int = 0, *, layers: int = 2, files: int = 3, size: int = 100) -> Image:
    """A pseudo-random valid image; the same arguments give the same digests."""
    rng = random.Random(seed)
    made = [
        layer(store, {f"folder{n}/file{k}": rng.randbytes(rng.randint(0, size)) for k in range(files)})
        for n in range(layers)
    ]
    return image(store, *made)


def rootfs(store: Place, archive: Path) -> Layer:
    """The layer that a compressed tar of a root file system makes."""
    with LayerWriter(store) as writer, gzip.open(archive) as stream:
        for entry, content in members(io.BufferedReader(stream)):
            writer.add(entry, content if entry.kind == "file" else None)
        return writer.commit()
