"""Archives of images: Docker's (`docker save`) and OCI's (an image layout in a tar), written and read as streams."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

from dockyard._internal import atomic
from dockyard._internal.limits import CONFIG_BYTES, GRAPH_DEPTH, MANIFEST_BYTES, TooLargeError, read_bounded
from dockyard.content.layout import CONTAINERD_NAME, REF_NAME, Layout
from dockyard.content.store import Reader, read
from dockyard.errors import UsageError
from dockyard.images.assemble import assemble_as_it_is
from dockyard.images.image import Image
from dockyard.layers.compress import open_uncompressed
from dockyard.layers.fault import ArchiveInvalidError
from dockyard.layers.header import header
from dockyard.layers.layer import Layer
from dockyard.layers.members import members
from dockyard.layers.tar import END, Entry, padding
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.manifest import Index, parse
from dockyard.oci.mediatype import OCI_INDEX, OCI_LAYER, OCI_LAYER_GZIP, traits
from dockyard.oci.reference import Reference

Form = Literal["docker-archive", "oci-archive"]
_CHUNK = 1 << 20


class ArchiveKindError(UsageError):
    """An archive is neither Docker's nor OCI's: it has no manifest.json and no index.json."""

    reference = "archive-kind"
    hint = "Give an archive that `docker save`, `dockyard save` or `skopeo copy` wrote."


def write(images: Mapping[str, Image], out: BinaryIO, form: Form) -> None:
    """Write `images`, by their names, to `out`. Layers that several share are written once."""
    if form == "docker-archive":
        _write_docker(images, out)
    else:
        _write_oci([(name, name, image.descriptor, image.source) for name, image in images.items()], out)
    out.write(END)


def write_all(
    names: Sequence[str], descriptor: Descriptor, source: Reader, out: BinaryIO, *, docker: bool = False
) -> None:
    """Write what `descriptor` names, be it an index over several platforms and attestations, as an OCI archive.

    Args:
        names: what it is called; may be none.
        descriptor: its annotations and platform are told, too.
        source: what holds it.
        out: where to.
        docker: whether Docker's list of images stands in it, too, so that its older versions can load an image. An
            index they cannot load.
    """
    # As BuildKit writes it, the tag alone stands in OCI's annotation, and the whole name in containerd's.
    short = [(name, Reference.parse(name).tag or name) for name in names]
    _write_oci([(*pair, descriptor, source) for pair in short or [("", "")]], out)
    if docker and traits(descriptor.media_type).role == "manifest":
        manifest = Image(descriptor, source).manifest
        blobs = [f"blobs/{each.digest.algorithm}/{each.digest.hex}" for each in (manifest.config, *manifest.layers)]
        tags = [Reference.parse(name).familiar for name in names]
        item = {"Config": blobs[0], "RepoTags": tags or None, "Layers": blobs[1:]}
        _member(out, "manifest.json", json.dumps([item], separators=(",", ":")).encode())
    out.write(END)


def save(images: Mapping[str, Image], path: Path, form: Form) -> None:
    """Write the archive `path`, which appears when it is complete."""
    with atomic.output(path) as out:
        write(images, out, form)


def load(stream: BinaryIO, store: Layout) -> dict[str, Descriptor]:
    """Read an archive of either form, compressed or not, into `store`, tag its images, and return them by name.

    Every blob is checked against its digest where the archive names one. Nothing is tagged before all is there.

    Raises:
        ArchiveKindError: it is no archive of images.
        ArchiveInvalidError, ArchiveTruncatedError, DigestMismatchError: it is damaged.
    """
    blobs: dict[str, Descriptor] = {}
    small: dict[str, bytes] = {}
    links: dict[str, str] = {}
    with open_uncompressed(stream, "sniff") as plain:
        for entry, content in _members(plain):
            if entry.kind in ("symlink", "hardlink"):
                target = entry.target
                if entry.kind == "symlink":
                    target = str((Path("/") / Path(entry.path).parent / target).resolve()).lstrip("/")
                links[entry.path] = target
            if entry.kind != "file":
                continue
            if entry.path in ("manifest.json", "index.json", "oci-layout", "repositories"):
                small[entry.path] = read_bounded(content, MANIFEST_BYTES, entry.path)
                continue
            with store.ingest() as ingest:
                while chunk := content.read(_CHUNK):
                    ingest.write(chunk)
                digest, size = ingest.commit()
            blobs[entry.path] = Descriptor("", digest, size)
    for path, target in links.items():
        if target in blobs:
            blobs[path] = blobs[target]
    if "index.json" in small:
        found = _read_oci(small["index.json"], blobs, store)
    elif "manifest.json" in small:
        found = _read_docker(small["manifest.json"], blobs, store)
    else:
        raise ArchiveKindError("this is no archive of images")
    for name, descriptor in found.items():
        store.tag(name, descriptor)
    return found


def _members(plain: BinaryIO) -> Iterator[tuple[Entry, BinaryIO]]:
    begun = False
    try:
        for entry, content in members(plain):
            begun = True
            yield entry, content
    except ArchiveInvalidError as error:
        if begun:
            raise
        raise ArchiveKindError("this is no archive of images, nor any tar archive") from error


def _write_oci(targets: Sequence[tuple[str, str, Descriptor, Reader]], out: BinaryIO) -> None:
    """Write images as an archive; each has its whole name, and what OCI's annotation says of it."""
    _member(out, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    entries = []
    done: set[Digest] = set()
    for name, short, target, source in targets:
        # `docker load` goes by containerd's annotation, everyone else by OCI's.
        own = {REF_NAME: short, **({CONTAINERD_NAME: name} if "/" in name else {})} if name else {}
        annotations = {**target.annotations, **own}
        named = Descriptor(target.media_type, target.digest, target.size, annotations, target.platform)
        entries.append(named.to_json())
        for blob in _below(target, source):
            if blob.digest not in done:
                done.add(blob.digest)
                out.write(header(Entry(f"blobs/{blob.digest.algorithm}/{blob.digest.hex}", size=blob.size)))
                with source.open(blob) as content:
                    while chunk := content.read(_CHUNK):
                        out.write(chunk)
                out.write(padding(blob.size))
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    _member(out, "index.json", json.dumps(index, separators=(",", ":")).encode())


def _below(target: Descriptor, source: Reader) -> Iterator[Descriptor]:
    """What `target` needs, itself last."""
    if traits(target.media_type).role in ("manifest", "index"):
        for child in parse(read(source, target), target.media_type).references:
            yield from _below(child, source)
    yield target


def _write_docker(images: Mapping[str, Image], out: BinaryIO) -> None:
    manifest = []
    done: set[str] = set()
    for name, image in images.items():
        config = f"{image.manifest.config.digest.hex}.json"
        layers = [f"{layer.diff_id.hex}.tar" for layer in image.layers]
        if config not in done:
            done.add(config)
            _member(out, config, image.config.raw)
        for layer, path in zip(image.layers, layers, strict=True):
            if path not in done:
                done.add(path)
                _plain(layer, path, out)
        manifest.append({"Config": config, "RepoTags": [Reference.parse(name).familiar], "Layers": layers})
    _member(out, "manifest.json", json.dumps(manifest, separators=(",", ":")).encode())


def _plain(layer: Layer, path: str, out: BinaryIO) -> None:
    """A layer without compression, whose size has to be counted before its header can be written."""
    size = 0
    with layer.open_uncompressed() as content:
        while chunk := content.read(_CHUNK):
            size += len(chunk)
    out.write(header(Entry(path, size=size)))
    with layer.open_uncompressed() as content:
        while chunk := content.read(_CHUNK):
            out.write(chunk)
    out.write(padding(size))


def _member(out: BinaryIO, path: str, data: bytes) -> None:
    out.write(header(Entry(path, size=len(data))) + data + padding(len(data)))


def _read_oci(raw: bytes, blobs: Mapping[str, Descriptor], store: Layout) -> dict[str, Descriptor]:
    held = {each.digest for each in blobs.values()}
    found: dict[str, Descriptor] = {}
    done: set[Digest] = set()
    for item in Index(raw).manifests:
        _complete(item, held, store, done)
        # BuildKit's and containerd's archives have the tag alone in OCI's annotation, and the whole name beside it.
        name = item.annotations.get(CONTAINERD_NAME) or item.annotations.get(REF_NAME, "")
        bare = Descriptor(item.media_type, item.digest, item.size, {}, item.platform)
        found[_name(name, item)] = bare
    return found


def _complete(item: Descriptor, held: set[Digest], store: Layout, done: set[Digest], depth: int = 0) -> None:
    if item.digest in done:
        return
    done.add(item.digest)
    if depth > GRAPH_DEPTH:
        raise TooLargeError(f"indexes refer to indexes more than {GRAPH_DEPTH} levels deep")
    if item.digest not in held and not store.exists(item):
        raise ArchiveInvalidError(f"the archive names {item.digest} but does not hold it")
    if traits(item.media_type).role in ("manifest", "index"):
        with store.open(item) as stream:
            view = parse(read_bounded(stream, MANIFEST_BYTES, "a manifest"), item.media_type)
        for child in view.references:
            _complete(child, held, store, done, depth + 1)


def _name(name: str, item: Descriptor) -> str:
    if "/" in name or ":" in name:
        return str(Reference.parse(name))
    return str(Reference("localhost", "loaded", name or item.digest.short))


def _read_docker(raw: bytes, blobs: Mapping[str, Descriptor], store: Layout) -> dict[str, Descriptor]:
    try:
        items = json.loads(raw)
        pairs = [(str(item["Config"]), [str(p) for p in item["Layers"]], item.get("RepoTags") or []) for item in items]
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveInvalidError("the archive's manifest.json is malformed") from error
    found: dict[str, Descriptor] = {}
    for config, layers, names in pairs:
        missing = next((path for path in [config, *layers] if path not in blobs), None)
        if missing is not None:
            raise ArchiveInvalidError(f"the archive names {missing} but does not hold it")
        with store.open(blobs[config]) as stream:
            document = read_bounded(stream, CONFIG_BYTES, "a configuration")
        image = assemble_as_it_is(store, document, _layers(layers, blobs, store))
        for name in names or [f"localhost/loaded:{image.descriptor.digest.short}"]:
            found[str(Reference.parse(str(name)))] = image.descriptor
    return found


def _layers(paths: Sequence[str], blobs: Mapping[str, Descriptor], store: Layout) -> list[Descriptor]:
    layers = []
    for path in paths:
        blob = blobs[path]
        with open(store.blob_path(blob.digest), "rb") as stream:
            zipped = stream.read(2) == b"\x1f\x8b"
        layers.append(Descriptor(OCI_LAYER_GZIP if zipped else OCI_LAYER, blob.digest, blob.size))
    return layers
