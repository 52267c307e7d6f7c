"""Packages unpacked into one layer, with the database that dpkg and scanners read."""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from dockyard._internal.limits import read_bounded
from dockyard.build.base.system import (
    BUNDLE,
    DEFAULT_BUNDLE,
    certificate_bundle,
    is_certificate,
    merged,
    skeleton,
    status,
)
from dockyard.content.layout import Layout
from dockyard.layers.layer import Layer
from dockyard.layers.tar import Entry
from dockyard.layers.write import LayerWriter
from dockyard.packages.deb import Deb
from dockyard.packages.debian_index import Candidate
from dockyard.progress import Progress

_CERTIFICATE_BYTES = 1 << 20
_INFO = "var/lib/dpkg/info"


class _Tree:
    """Writes members once; folders that packages share are written for the first of them."""

    def __init__(self, writer: LayerWriter, mtime: int) -> None:
        self._writer, self._mtime = writer, mtime
        self.seen: set[str] = set()
        self.newest = 0

    def parents(self, path: str) -> None:
        folder = path.rpartition("/")[0]
        if folder and folder not in self.seen:
            self.parents(folder)
            self.seen.add(folder)
            self._writer.add(Entry(folder, "dir", 0o755, mtime=self._mtime))

    def text(self, path: str, data: bytes, mode: int = 0o644) -> None:
        self.parents(path)
        self.seen.add(path)
        self._writer.add(Entry(path, mode=mode, size=len(data), mtime=self._mtime), data)


def unpack(
    candidates: Sequence[Candidate], files: Sequence[Path], store: Layout, *, mtime: int, full: bool, progress: Progress
) -> Layer:
    """One layer with the files of `candidates`, sorted by package.

    A minimal system (`full` false) gets one file a package in `var/lib/dpkg/status.d`, as distroless images have it,
    and its certificates joined; a full one gets `var/lib/dpkg/status` with every package unpacked and not yet
    configured, and all control files.
    """
    task = progress.start("unpack", total=len(files), unit="packages")
    statuses: list[str] = []
    certificates: dict[str, bytes] = {}
    with LayerWriter(store, epoch=mtime) as writer:
        tree = _Tree(writer, mtime)
        for entry, data in skeleton(mtime, full=full):
            tree.seen.add(entry.path)
            writer.add(entry, data or None)
        for candidate, path in zip(candidates, files, strict=True):
            paths = _data(Deb(path), tree, writer, certificates)
            control = Deb(path).control()
            name = candidate.name
            if full and candidate.fields.get("Multi-Arch") == "same":
                name = f"{name}:{candidate.fields['Architecture']}"
            listed = "\n".join(["/.", *(f"/{each}" for each in paths)]) + "\n"
            tree.text(f"{_INFO}/{name}.list", listed.encode())
            if full:
                statuses.append(status(control, "unpacked", paths))
                for part in sorted(set(control) - {"control"}):
                    script = part in ("preinst", "postinst", "prerm", "postrm", "config")
                    tree.text(f"{_INFO}/{name}.{part}", control[part], 0o755 if script else 0o644)
            else:
                tree.text(f"var/lib/dpkg/status.d/{name}", status(control, "installed", paths).encode())
                tree.text(f"{_INFO}/{name}.md5sums", control.get("md5sums", b""))
            task.advance(1)
        if full:
            tree.text("var/lib/dpkg/status", "\n".join(statuses).encode())
            tree.text("var/lib/dpkg/info/format", b"1\n")
            tree.text("var/lib/dpkg/available", b"")
        elif certificates:
            tree.text(BUNDLE, certificate_bundle(certificates))
            tree.parents(DEFAULT_BUNDLE)
            writer.add(Entry(DEFAULT_BUNDLE, "symlink", 0o777, mtime=mtime, target=f"/{BUNDLE}"))
        layer = writer.commit()
    task.done(f"{len(files)} packages")
    return layer


def _data(deb: Deb, tree: _Tree, writer: LayerWriter, certificates: dict[str, bytes]) -> list[str]:
    paths: list[str] = []
    for entry, content in deb.data():
        path = merged(entry.path)
        if not path:
            continue
        # The package's own name for it: its scripts ask dpkg who owns /lib64, not /usr/lib64.
        paths.append(entry.path)
        if path in tree.seen and entry.kind == "dir":
            continue
        tree.parents(path)
        tree.seen.add(path)
        target = merged(entry.target) if entry.kind == "hardlink" else entry.target
        placed = replace(entry, path=path, target=target)
        if is_certificate(path) and entry.kind == "file":
            certificates[path] = read_bounded(content, _CERTIFICATE_BYTES, path)
            writer.add(placed, certificates[path])
        else:
            writer.add(placed, content if entry.kind == "file" else None)
    return paths
