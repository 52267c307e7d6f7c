"""The build cache on its way between machines: an OCI artifact with the steps' records as its configuration.

Its layers are steps' layers, and one more for every cache mount that is sent along. Keys do not depend on the machine:
a COPY is known by the content of its files, a RUN by its command and what lies below. A step whose layer is not sent
along is told all the same: what it made need not be there where nothing but later steps asks for it.
"""

import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from dockyard.build.cache.cache import Made, StepCache
from dockyard.build.lazy.lent import Bring, absent
from dockyard.content.layout import Layout
from dockyard.content.store import Reader, read
from dockyard.errors import Error
from dockyard.layers.diff import diff
from dockyard.layers.layer import Layer
from dockyard.layers.tar import Entry
from dockyard.layers.unsaid import Unsaid
from dockyard.layers.write import LayerWriter
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest, DigestInvalidError
from dockyard.oci.manifest import Manifest, encode
from dockyard.oci.mediatype import OCI_MANIFEST

CACHE_TYPE = "application/vnd.dockyard.build.cache.v1+json"
INLINE_KEY = "dockyard.build.cache.v1"
_MOST_BYTES = 64 << 20
_DATE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z)?", re.ASCII)
_NEVER = 1 << 40  # seconds; what no file system takes for a time
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
    media_type: str = ""
    size: int = 0
    unsaid: Unsaid = Unsaid()


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
    store: Layout, cache: StepCache, *, image: Iterable[Digest], mode: Mode, mounts: Mapping[str, Path | Layer]
) -> Descriptor:
    """Write the artifact to `store`, with the steps that the last build used, and return it.

    Args:
        store: has the steps' layers, and gets the artifact.
        cache: of the build; what came with another cache and was not needed is read from there by `cache.offers`.
        image: the digests of the image's layers.
        mode: `min` sends only layers that the image has; `max` those of every stage, as far as they can be had.
        mounts: cache mounts to send along, by id: a folder, or the layer that it came as.
    """
    steps, layers = _steps(cache, None if mode == "max" else set(image))
    packed = []
    folders = {layer.diff_id: name for name, (_, layer) in cache.lent.items()}
    for name, held in sorted(mounts.items()):
        if isinstance(held, Layer):
            layer, folder = held, folders[held.diff_id]
            if not cache.offers.exists(layer.descriptor):
                continue
        else:
            here = held.stat()
            with LayerWriter(store) as writer:
                # A cache's own owner and mode decide who can write to it.
                writer.add(Entry("", "dir", stat.S_IMODE(here.st_mode), here.st_uid, here.st_gid))
                diff(held, writer, lower=None)
                layer = writer.commit()
            folder = held.parent.name
        packed.append(_Mount(name, folder, str(layer.diff_id), str(layer.descriptor.digest)))
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
    """The steps that the last build used, and which of their layers are `wanted` (all, where that is None)."""
    steps, layers = [], {}
    for key in sorted(cache.used):  # so that the same build is told in the same bytes
        made = cache.get(key)
        if made is None:
            continue
        step = _Step(key, made.created, made.content, unsaid=made.unsaid)
        if made.layer is not None:
            target = made.layer.descriptor
            step.diff_id, step.digest = str(made.layer.diff_id), str(target.digest)
            step.media_type, step.size = target.media_type, target.size
            if wanted is None or target.digest in wanted:
                layers[target.digest] = target
        steps.append(step)
    return steps, {digest: target for digest, target in layers.items() if cache.offers.exists(target)}


def imported(place: Reader, cache: StepCache, artifact: Descriptor, bring: Bring) -> int:
    """Take the records of an artifact; returns how many steps there were.

    Nothing else of it is fetched: layers and cache mounts are offered to the build, which fetches what it needs. What
    is known here already stays.

    Args:
        place: has the artifact and its blobs.
        cache: of the build that follows.
        artifact: its manifest.
        bring: fetches a blob from `place` into the store.

    Raises:
        CacheInvalidError: it is neither a build cache nor an image that was built with one inside.
    """
    manifest = Manifest(read(place, artifact), artifact.media_type)
    raw = read(place, manifest.config, limit=_MOST_BYTES)
    try:
        if manifest.config.media_type == CACHE_TYPE:
            contents = msgspec.json.decode(raw, type=_Contents)
        else:
            held = msgspec.json.decode(raw, type=_Config).cache
            if held is None:
                raise CacheInvalidError(f"{artifact.digest} is not a build cache, nor an image with one inside")
            contents = _Contents(held.steps)
        layers = {each.digest: each for each in manifest.layers}
        for each in layers.values():
            cache.offers.add(each, place, bring)
        for step in contents.steps:
            if not set(step.key) <= set("0123456789abcdef") or len(step.key) != 64:
                raise CacheInvalidError(f"a step has the key {step.key[:80]!r}")
            if not _DATE.fullmatch(step.created) or not _CONTENT.fullmatch(step.content):
                raise CacheInvalidError(f"the step {step.key[:12]} has a malformed record")
            if any(abs(mtime) >= _NEVER for mtime in step.unsaid.times.values()):
                raise CacheInvalidError(f"the step {step.key[:12]} has a malformed record")
            layer = None
            if step.digest:
                digest = Digest.parse(step.digest)
                told = Descriptor(step.media_type, digest, step.size)
                layer = Layer(layers.get(digest, told), Digest.parse(step.diff_id), place)
            known = cache.get(step.key)
            if known is None or (known.layer is not None and absent(known.layer)):
                made = Made(step.created, layer, step.content, unsaid=step.unsaid)
                cache.put(step.key, made, claimed=layer is not None)
            cache.used.pop(step.key, None)
        for mount in contents.mounts:
            if not mount.folder.isalnum() or not mount.folder.isascii():
                raise CacheInvalidError(f"a cache mount has the folder {mount.folder[:80]!r}")
            layer = Layer(layers[Digest.parse(mount.digest)], Digest.parse(mount.diff_id), cache.offers)
            cache.lent.setdefault(mount.folder, (mount.id, layer))
    except (msgspec.MsgspecError, KeyError, DigestInvalidError) as error:
        raise CacheInvalidError(f"{artifact.digest} is not a sound build cache: {error}") from error
    return len(contents.steps)
