"""Making an image from a configuration and layers that are in a store already."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from dockyard.content.store import Reader
from dockyard.images.image import Image
from dockyard.layers.layer import Layer
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.manifest import encode
from dockyard.oci.mediatype import OCI_CONFIG, OCI_MANIFEST, Family, named


class Place(Reader, Protocol):
    """A store that takes small new objects."""

    def add(self, media_type: str, data: bytes) -> Descriptor:
        """Store `data` and return its descriptor."""


def assemble(
    store: Place,
    *,
    config: Mapping[str, Any],
    layers: Sequence[Layer],
    history: Sequence[Mapping[str, Any]],
    annotations: Mapping[str, str] | None = None,
    family: Family = "oci",
) -> Image:
    """Write configuration and manifest to `store` and return the image.

    Args:
        store: where the layers are and the new objects go.
        config: the configuration but for `rootfs` and `history`, which are filled in.
        layers: lowest first.
        history: oldest first; entries without `empty_layer` stand for the layers in order.
        annotations: of the manifest.
        family: whose media types all of it has, the layers' included.
    """
    document = {
        **config,
        "rootfs": {"type": "layers", "diff_ids": [str(layer.diff_id) for layer in layers]},
        "history": [dict(item) for item in history],
    }
    return assemble_as_it_is(store, encode(document), [layer.descriptor for layer in layers], annotations, family)


def assemble_as_it_is(
    store: Place,
    config: bytes,
    layers: Sequence[Descriptor],
    annotations: Mapping[str, str] | None = None,
    family: Family = "oci",
) -> Image:
    """Like `assemble`, with a configuration whose bytes must stay as they are, such as an archive's.

    Args:
        store: gets configuration and manifest.
        config: the bytes of the configuration.
        layers: lowest first; they are in the store already.
        annotations: of the manifest.
        family: whether the media types are OCI's or Docker's.
    """
    media_type = named(OCI_MANIFEST, family)
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": store.add(named(OCI_CONFIG, family), config).to_json(),
        "layers": [{**layer.to_json(), "mediaType": named(layer.media_type, family)} for layer in layers],
    }
    if annotations:
        manifest["annotations"] = dict(sorted(annotations.items()))
    return Image(store.add(media_type, encode(manifest)), store)
