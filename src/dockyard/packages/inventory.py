"""The packages of an image, read from its layers in one pass each, without unpacking them.

What each layer holds is kept by its diff ID and this extractor's version, so an image that shares its base with
another is read only where it differs. Whiteouts count: a package whose evidence a later layer hides is gone.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from dockyard._internal import atomic
from dockyard._internal.limits import read_bounded
from dockyard.layers.layer import Layer
from dockyard.layers.tree import FileTree
from dockyard.packages import databases
from dockyard.packages.package import Distribution, Package

EXTRACTOR = 2
_FILE_BYTES = 64 << 20
_READERS = (
    (re.compile(r"var/lib/dpkg/status"), databases.dpkg),
    (re.compile(r"var/lib/dpkg/status\.d/[^/]+"), databases.dpkg),
    (re.compile(r"lib/apk/db/installed"), databases.apk),
    (re.compile(r"(?:.*/)?[^/]+\.dist-info/METADATA"), databases.wheel),
    (re.compile(r"(?:.*/)?[^/]+\.egg-info(?:/PKG-INFO)?"), databases.wheel),
    (re.compile(r"(?:.*/)?node_modules/(?:@[^/]+/)?[^/]+/package\.json"), databases.npm),
)
_RELEASE = ("etc/os-release", "usr/lib/os-release")
_OWNED = re.compile(r"var/lib/dpkg/info/[^/]+\.list")


class _Read(msgspec.Struct):
    """What one layer holds: packages by the path of their evidence, the system's release, files that packages own."""

    packages: dict[str, list[Package]]
    release: dict[str, Distribution]
    owned: dict[str, list[str]]


class Inventory(msgspec.Struct, frozen=True):
    """The packages of an image, sorted, and its distribution."""

    packages: list[Package]
    distribution: Distribution


def inventory(layers: Sequence[Layer], *, cache: Path | None = None) -> Inventory:
    """The packages in `layers`, lowest first; `cache` keeps what each layer holds.

    Packages of a language that a distribution's package brought are left out: that package stands for them.

    Raises:
        TooLargeError: a package database is larger than it may be.
        ArchiveInvalidError, DigestMismatchError: a layer is damaged.
    """
    read = [_layer(layer, cache) for layer in layers]
    tree = FileTree.of(layers, cache=cache)
    packages: list[Package] = []
    owned: set[str] = set()
    release = Distribution()
    for number, (layer, found) in enumerate(zip(layers, read, strict=True)):
        for path, held in found.packages.items():
            if _shows(tree, path, number):
                packages += [msgspec.structs.replace(each, path=path, layer=str(layer.diff_id)) for each in held]
        for path, names in found.owned.items():
            if _shows(tree, path, number):
                owned.update(names)
        for path, said in found.release.items():
            if _shows(tree, path, number) and said.id:
                release = said
    kept = [each for each in packages if each.ecosystem in ("debian", "alpine") or each.path not in owned]
    return Inventory(sorted(set(kept)), release)


def _shows(tree: FileTree, path: str, number: int) -> bool:
    node = tree.get(path, follow=False)
    return node is not None and node.layer == number


def _layer(layer: Layer, cache: Path | None) -> _Read:
    path = cache / f"{layer.diff_id.hex}.v{EXTRACTOR}.packages" if cache is not None else None
    if path is not None:
        try:
            return msgspec.msgpack.decode(path.read_bytes(), type=_Read)
        except (OSError, msgspec.MsgspecError):
            pass  # not read yet
    found = _Read({}, {}, {})
    for entry, content in layer.entries():
        if entry.kind != "file":
            continue
        if entry.path in _RELEASE:
            found.release[entry.path] = databases.os_release(read_bounded(content, _FILE_BYTES, entry.path))
        elif _OWNED.fullmatch(entry.path):
            found.owned[entry.path] = _language_files(
                read_bounded(content, _FILE_BYTES, entry.path).decode("utf-8", "replace")
            )
        else:
            for pattern, reader in _READERS:
                if pattern.fullmatch(entry.path):
                    data = read_bounded(content, _FILE_BYTES, entry.path)
                    found.packages[entry.path] = list(reader(data))
                    if reader is databases.apk:
                        found.owned[entry.path] = [each for each in databases.apk_files(data) if _is_language(each)]
                    break
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write(path, msgspec.msgpack.encode(found), durable=False)
    return found


def _language_files(text: str) -> list[str]:
    names = [line.lstrip("/") for line in text.split("\n") if _is_language(line)]
    # dpkg knows files by their packages' names for them, which on a merged system lie below usr.
    return names + [f"usr/{name}" for name in names if name.startswith("lib/")]


def _is_language(path: str) -> bool:
    return path.endswith(("/METADATA", ".egg-info", "/PKG-INFO", "/package.json"))
