"""A layer that is known in another compression: packed again, so that no step is carried out for that alone."""

from collections.abc import Callable

from dockyard.content.layout import Layout
from dockyard.layers.compress import Compression, Level
from dockyard.layers.layer import Layer
from dockyard.layers.write import LayerWriter

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
