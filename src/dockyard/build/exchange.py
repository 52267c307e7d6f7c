"""The build cache on its way between machines: an OCI artifact with the steps' records as its configuration.

Its layers are the steps' layers, and one more for every cache mount that is sent along. Keys do not depend on the
machine: a COPY is known by the content of its files, a RUN by its command and what lies below.
"""

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from dockyard.build.cache import Made, StepCache
from dockyard.content.layout import Layout
from dockyard.content.store import read
from dockyard.errors import Error
from dockyard.layers.apply import Ids, apply
from dockyard.layers.diff import diff
from dockyard.layers.layer import Layer
from dockyard.layers.write import LayerWriter
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.manifest import Manifest, encode
from dockyard.oci.mediatype import OCI_MANIFEST

CACHE_TYPE = "application/vnd.dockyard.build.cache.v1+json"
INLINE_KEY = "dockyard.build.cache.v1"
_MOST_BYTES = 64 << 20
_DATE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z)?", re.ASCII)
_CONTENT = re.compile(r"([0-9a-f]{64})?")
Mode = Literal["min", "max"]


class CacheInvalidError(Error):
    """What was given as a build cache is something else, or damaged; the build can go on without it."""

    reference = "build-cache-invalid"
    hint = "Leave it out of --cache-from, or make it again with --cache-to."


class _Step(msgspec.Struct, omit_defaults=True):
    key: str
    created: str
    content: str = ""
    diff_id: str = ""
    digest: str = ""


class _Mount(msgspec.Struct):
    id: str
    folder: str
    diff_id: str
    digest: str


class _Contents(msgspec.Struct, omit_defaults=True):
    steps: list[_Step]
    mounts: list[_Mount] = []


class _Config(msgspec.Struct):
    cache: _Contents | None = msgspec.field(default=None, name=INLINE_KEY)


def exported(
    store: Layout, cache: StepCache, *, image: Iterable[Digest], mode: Mode, mounts: Mapping[str, Path]
) -> Descriptor:
    """Write the artifact to `store`, with the steps that the last build used, and return it.

    Args:
        store: has the steps' layers, and gets the artifact.
        cache: of the build.
        image: the digests of the image's layers.
        mode: `min` keeps only steps whose layer the image has, or that have none; `max` those of every stage.
        mounts: cache mounts to send along, by id.
    """
    steps, layers = _steps(cache, None if mode == "max" else set(image))
    packed = []
    for name, folder in sorted(mounts.items()):
        with LayerWriter(store) as writer:
            diff(folder, writer, lower=None)
            layer = writer.commit()
        packed.append(_Mount(name, folder.parent.name, str(layer.diff_id), str(layer.descriptor.digest)))
        layers[layer.descriptor.digest] = layer.descriptor
    config = store.add(CACHE_TYPE, msgspec.json.encode(_Contents(steps, packed)))
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": CACHE_TYPE,
        "config": config.to_json(),
        "layers": [each.to_json() for each in layers.values()],
    }
    return store.add(OCI_MANIFEST, encode(document))


def inline(cache: StepCache, image: Iterable[Digest]) -> dict[str, Any]:
    """The records of the steps that made an image, to stand in its configuration under `INLINE_KEY`."""
    steps, _ = _steps(cache, set(image))
    found: dict[str, Any] = msgspec.to_builtins(_Contents(steps))
    return found


def _steps(cache: StepCache, wanted: set[Digest] | None) -> tuple[list[_Step], dict[Digest, Descriptor]]:
    """The steps that the last build used, and their layers; only those whose layer is `wanted`, or that have none."""
    steps, layers = [], {}
    for key in list(cache.used):
        made = cache.get(key)
        if made is None or (wanted is not None and made.layer and made.layer.descriptor.digest not in wanted):
            continue
        step = _Step(key, made.created, made.content)
        if made.layer is not None:
            step.diff_id, step.digest = str(made.layer.diff_id), str(made.layer.descriptor.digest)
            layers[made.layer.descriptor.digest] = made.layer.descriptor
        steps.append(step)
    return steps, layers


def imported(store: Layout, cache: StepCache, artifact: Descriptor, mounts: Path, *, ids: Ids = "all") -> int:
    """Take the records of an artifact whose blobs are in `store` already; returns how many steps there were.

    What is known here already stays. Cache mounts are unpacked below `mounts` where there are none of their id, with
    the owners that `ids` allows (see `apply`).

    Raises:
        CacheInvalidError: it is neither a build cache nor an image that was built with one inside.
        LayerMismatchError, ArchiveInvalidError, DigestMismatchError: a layer is not what its record says.
    """
    manifest = Manifest(read(store, artifact), artifact.media_type)
    raw = read(store, manifest.config, limit=_MOST_BYTES)
    try:
        if manifest.config.media_type == CACHE_TYPE:
            contents = msgspec.json.decode(raw, type=_Contents)
        else:
            held = msgspec.json.decode(raw, type=_Config).cache
            if held is None:
                raise CacheInvalidError(f"{artifact.digest} is not a build cache, nor an image with one inside")
            contents = _Contents(held.steps)
        layers = {each.digest: each for each in manifest.layers}
        sound: set[Digest] = set()
        for step in contents.steps:
            if not set(step.key) <= set("0123456789abcdef") or len(step.key) != 64:
                raise CacheInvalidError(f"a step has the key {step.key[:80]!r}")
            if not _DATE.fullmatch(step.created) or not _CONTENT.fullmatch(step.content):
                raise CacheInvalidError(f"the step {step.key[:12]} has a malformed record")
            layer = None
            if step.digest:
                layer = Layer(layers[Digest.parse(step.digest)], Digest.parse(step.diff_id), store)
            if cache.get(step.key) is None:
                if layer is not None and layer.diff_id not in sound:
                    layer.verify()  # its diff ID names the unpacked layer on this machine: a lie must not get in
                    sound.add(layer.diff_id)
                cache.put(step.key, Made(step.created, layer, step.content))
        for mount in contents.mounts:
            _unpack(mount, Layer(layers[Digest.parse(mount.digest)], Digest.parse(mount.diff_id), store), mounts, ids)
    except (msgspec.MsgspecError, KeyError) as error:
        raise CacheInvalidError(f"{artifact.digest} is not a sound build cache: {error}") from error
    return len(contents.steps)


def _unpack(mount: _Mount, layer: Layer, mounts: Path, ids: Ids) -> None:
    if not mount.folder.isalnum() or not mount.folder.isascii():
        raise CacheInvalidError(f"a cache mount has the folder {mount.folder[:80]!r}")
    folder = mounts / mount.folder
    if (folder / "0").is_dir():
        return
    beside = folder / f".{os.urandom(4).hex()}.tmp"
    beside.mkdir(parents=True)
    try:
        apply(layer, beside, whiteouts="apply", ids=ids)
        (folder / "id").write_text(mount.id)
        beside.rename(folder / "0")
    finally:
        shutil.rmtree(beside, ignore_errors=True)
