"""Layers in another compression: of a known step, so that it is not carried out for that alone, or of a base."""

from collections.abc import Callable

from dockyard.content.layout import Layout
from dockyard.layers.compress import MEDIA_TYPES, Compression, Level, compressor
from dockyard.layers.fault import LayerMismatchError
from dockyard.layers.layer import Layer
from dockyard.layers.write import LayerWriter
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.mediatype import traits

_MEMBER = 4 << 20
_SMALL = 1 << 20  # as builds read files of a context: in one piece below


def recompressor(store: Layout, compression: Compression, level: Level) -> Callable[[Layer], Layer | None]:
    """What gives a layer as a build with this compression would have written it; None where the tar differs."""

    def pack(layer: Layer) -> Layer | None:
        with LayerWriter(store, compression=compression, level=level) as writer:
            for entry, content in layer.entries():
                small = entry.kind == "file" and entry.size < _SMALL
                writer.add(entry, content.read() if small else content if entry.kind == "file" else None)
            packed = writer.commit()
        return packed if packed.diff_id == layer.diff_id else None

    return pack


def forced(store: Layout, layer: Layer, compression: Compression, level: Level) -> Layer:
    """The very tar of `layer` in this compression; the layer itself where it has that already.

    Raises:
        LayerMismatchError: the tar is not the one that the diff ID names.
    """
    if traits(layer.descriptor.media_type).compression == compression:
        return layer
    pack, plain = compressor(compression, level), layer.diff_id.hasher()
    with layer.open_uncompressed() as content, store.ingest() as ingest:
        while chunk := content.read(_MEMBER):
            plain.update(chunk)
            ingest.write(pack(chunk))
        found = Digest(layer.diff_id.algorithm, plain.hexdigest())
        if found != layer.diff_id:
            raise LayerMismatchError(
                f"a layer holds another tar than its diff ID says: {found.short}",
                context={"diff ID": layer.diff_id, "found": found},
            )
        digest, size = ingest.commit()
    return Layer(Descriptor(MEDIA_TYPES[compression], digest, size), layer.diff_id, store)
