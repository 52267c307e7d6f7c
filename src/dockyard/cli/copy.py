"""`dockyard copy`: an image from one place to another."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dockyard.cli import bars, context, report
from dockyard.content.layout import Layout
from dockyard.errors import UsageError
from dockyard.oci.descriptor import Descriptor
from dockyard.progress import Progress

_PLACES = "NAME, store:NAME, oci:FOLDER[:TAG], oci-archive:FILE[:NAME], docker-archive:FILE[:NAME], docker://NAME"


def copy(source: str, destination: str, /, *, json: bool = False) -> None:
    """Copy an image between the store, an image layout, an archive and a registry; digests stay as they are.

    A place is NAME or store:NAME, oci:FOLDER[:TAG], oci-archive:FILE[:NAME], docker-archive:FILE[:NAME] or docker://NAME.

    Args:
        source: where from.
        destination: where to.
        json: print one JSON document.
    """
    used = context.store().in_use()
    with used, bars.shown(quiet=json) as progress, _source(source, progress) as (place, found):
        sent = _send(destination, place, found, progress)
    if json:
        report.result({"source": source, "destination": destination, "digest": str(sent.digest)})
    else:
        print(f"{destination} {sent.digest}")


def _split(text: str) -> tuple[str, str, str]:
    """Kind, path or name, and tag of a place."""
    kind, colon, rest = text.partition(":")
    if colon and kind in ("oci", "oci-archive", "docker-archive"):
        path, _, tag = rest.partition(":")
        return kind, path, tag
    if text.startswith("docker://"):
        return "docker", text.removeprefix("docker://"), ""
    if colon and kind == "store":
        return "store", rest, ""
    if "://" in text:
        raise UsageError(f"not a place for images: {text!r}", hint=f"Places: {_PLACES}")
    return "store", text, ""


@contextmanager
def _source(text: str, progress: Progress) -> Iterator[tuple[Layout, Descriptor]]:
    import tempfile

    from dockyard.images.archive import load
    from dockyard.oci.reference import Reference

    kind, path, tag = _split(text)
    if kind == "store":
        yield context.store(), context.resolve(Reference.parse(path))
    elif kind == "oci":
        layout = Layout(Path(path))
        yield layout, _only(layout, tag, path)
    elif kind == "docker":
        from dockyard.cli.registry_client import client
        from dockyard.registry.pull import pull

        with tempfile.TemporaryDirectory(dir=context.data_folder()) as folder:
            layout = Layout(Path(folder), create=True)
            yield layout, pull(Reference.parse(path), layout, client=client(), every_platform=True, progress=progress)
    else:
        with tempfile.TemporaryDirectory(dir=context.data_folder()) as folder, open(path, "rb") as stream:
            layout = Layout(Path(folder), create=True)
            found = load(stream, layout)
            wanted = str(Reference.parse(tag)) if tag else next(iter(found), "")
            yield layout, layout.resolve(wanted)


def _only(layout: Layout, tag: str, path: str) -> Descriptor:
    if tag:
        return layout.resolve(tag)
    roots = layout.roots()
    if len(roots) != 1:
        raise UsageError(f"{path} has {len(roots)} images", hint=f"Say which: oci:{path}:TAG")
    return roots[0]


def _send(text: str, place: Layout, found: Descriptor, progress: Progress) -> Descriptor:
    from dockyard.content.copy import copy as copy_graph
    from dockyard.images.archive import save
    from dockyard.images.image import open_image
    from dockyard.oci.reference import Reference

    kind, path, tag = _split(text)
    bare = Descriptor(found.media_type, found.digest, found.size, {}, found.platform)
    if kind == "docker":
        from dockyard.cli.registry_client import client
        from dockyard.registry.push import push

        return push(Reference.parse(path), place, bare, client=client(), progress=progress)
    if kind in ("store", "oci"):
        sink = context.store() if kind == "store" else Layout(Path(path), create=True)
        copy_graph(place, sink, bare, progress=progress)
        sink.tag(str(Reference.parse(path)) if kind == "store" else tag or "latest", bare)
        return bare
    image = open_image(place, bare)
    name = str(Reference.parse(tag or f"localhost/{Path(path).stem.lower()}"))
    save({name: image}, Path(path), "docker-archive" if kind == "docker-archive" else "oci-archive")
    return image.descriptor
