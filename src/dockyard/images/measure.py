"""What an image shows of its making: files left behind with their bytes, and what its program really needs."""

import posixpath
import re
import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dockyard._internal.limits import TooLargeError
from dockyard.dockerfile.lint.measured import Leftover, Program
from dockyard.images.image import Image
from dockyard.layers import index
from dockyard.layers.tree import FileTree
from dockyard.packages.inventory import inventory

# Whose files they are, the folder that people know, and which paths belong there.
_KINDS = (
    ("the package lists of apt", "/var/lib/apt/lists", r"var/lib/apt/lists/.+"),
    ("the archives of apt", "/var/cache/apt", r"var/cache/apt/.+"),
    ("the index of apk", "/var/cache/apk", r"(?:var/cache/apk|etc/apk/cache)/.+"),
    ("the cache of yum", "/var/cache/yum", r"var/cache/yum/.+"),
    ("the cache of dnf", "/var/cache/dnf", r"var/cache/(?:lib)?dnf5?/.+"),
    ("the cache of zypper", "/var/cache/zypp", r"var/cache/zypp/.+"),
    ("pip's cache", "~/.cache/pip", r"(?:root|home/[^/]+)/\.cache/pip/.+"),
    ("uv's cache", "~/.cache/uv", r"(?:root|home/[^/]+)/\.cache/uv/.+"),
    ("npm's cache", "~/.npm", r"(?:root|home/[^/]+)/\.npm/.+"),
    ("yarn's cache", "~/.cache/yarn", r"(?:(?:root|home/[^/]+)/\.cache/yarn|usr/local/share/\.cache/yarn)/.+"),
    ("Go's build cache", "~/.cache/go-build", r"(?:root|home/[^/]+)/\.cache/go-build/.+"),
    ("Go's modules", "/go/pkg/mod/cache", r"(?:root/)?go/pkg/mod/cache/.+"),
    ("Cargo's registry", "~/.cargo/registry", r"(?:(?:root|home/[^/]+)/\.cargo|usr/local/cargo)/registry/.+"),
    ("Maven's repository", "~/.m2/repository", r"(?:root|home/[^/]+)/\.m2/repository/.+"),
    ("Gradle's cache", "~/.gradle/caches", r"(?:root|home/[^/]+)/\.gradle/caches/.+"),
    ("Composer's cache", "~/.composer/cache", r"(?:root|home/[^/]+)/\.(?:composer/cache|cache/composer)/.+"),
    (
        "Bundler's cache",
        "cache of the gems",
        r"usr/(?:local/bundle|local/lib/ruby/gems/[^/]+|lib/ruby/gems/[^/]+)/cache/.+",
    ),
    ("Python's compiled modules", "__pycache__", r"(?:.+/)?__pycache__/[^/]+\.pyc"),
    ("files in /tmp", "/tmp", r"(?:var/)?tmp/.+"),  # noqa: S108 (a path in an image)
)
_PATTERN = re.compile("|".join(f"({pattern})" for _, _, pattern in _KINDS))
_PROGRAM_BYTES = 256 << 20
_TABLE_BYTES = 1 << 20
_SEARCHED = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")


def leftovers(image: Image, *, cache: Path | None = None) -> tuple[Leftover, ...]:
    """What package managers and builds left in each layer, largest first; a layer without history has no `step`.

    Reads lists of members only (`cache` keeps them), no content.

    Raises:
        ArchiveInvalidError, DigestMismatchError: a layer is damaged.
    """
    steps = [str(item.get("created_by", "")) for item in image.config.history if not item.get("empty_layer")]
    tree = image.tree(cache)
    found: list[Leftover] = []
    for number, layer in enumerate(image.layers):
        files: dict[int, list[tuple[str, int]]] = defaultdict(list)
        for entry in index.entries(layer, cache):
            match = _PATTERN.fullmatch(entry.path) if entry.kind == "file" and entry.size else None
            if match and match.lastindex and "/.wh." not in entry.path:
                files[match.lastindex - 1].append((entry.path, entry.size))
        for kind, held in files.items():
            hidden = all((node := tree.get(path, follow=False)) is None or node.layer != number for path, _ in held)
            name, place, _ = _KINDS[kind]
            step = steps[number] if number < len(steps) else ""
            found.append(Leftover(name, place, len(held), sum(size for _, size in held), step, hidden))
    return tuple(sorted(found, key=lambda each: -each.size))


def program(image: Image, *, cache: Path | None = None) -> Program | None:
    """What the image starts: the ENTRYPOINT, or the CMD where there is none; None where that is no ELF file.

    Raises:
        ArchiveInvalidError, DigestMismatchError: a layer is damaged.
    """
    execution = image.config.execution
    words = list(execution.get("Entrypoint") or []) or list(execution.get("Cmd") or [])
    if not words or not isinstance(words[0], str):
        return None
    tree = image.tree(cache)
    path = _find(tree, words[0], str(execution.get("WorkingDir") or "/"), image.config.environment)
    node = tree.get(path) if path else None
    if node is None or node.entry.kind != "file":
        return None
    total = sum(each.entry.size for each in tree.walk() if each.entry.kind == "file")
    held = len(inventory(image.layers, cache=cache).packages)
    try:
        data = tree.read(path, _PROGRAM_BYTES)
    except TooLargeError:  # no program that anybody would call small
        return None
    needed = dynamic(data)
    if needed is None:
        return None
    interpreter, libraries = needed
    return Program(f"/{path}", len(data), not interpreter and not libraries, total, held, libraries)


def _find(tree: FileTree, word: str, folder: str, env: Mapping[str, str]) -> str:
    if "/" in word:
        return posixpath.normpath(posixpath.join("/", folder, word)).strip("/")
    searched: Sequence[str] = [part.strip("/") for part in env.get("PATH", "").split(":") if part] or _SEARCHED
    return next((f"{part}/{word}" for part in searched if tree.get(f"{part}/{word}") is not None), "")


def dynamic(data: bytes) -> tuple[str, tuple[str, ...]] | None:
    """The interpreter and the libraries that an ELF file names, empty for a static one; None where it is no ELF file.

    A file that is cut off or lies about its tables counts as none.
    """
    if data[:4] != b"\x7fELF" or len(data) < 64 or data[4] not in (1, 2) or data[5] not in (1, 2):
        return None
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    try:
        return _dynamic(data, wide, order)
    except (struct.error, ValueError, OverflowError):
        return None


def _dynamic(data: bytes, wide: bool, order: str) -> tuple[str, tuple[str, ...]]:
    offset = struct.unpack_from(f"{order}Q" if wide else f"{order}I", data, 32 if wide else 28)[0]
    each, count = struct.unpack_from(f"{order}HH", data, 54 if wide else 42)
    interpreter, loads, table = "", [], b""
    for number in range(count):
        at = offset + number * each
        if wide:
            kind, _, start, address, _, size = struct.unpack_from(f"{order}IIQQQQ", data, at)
        else:
            kind, start, address, _, size = struct.unpack_from(f"{order}IIIII", data, at)
        if kind == 1:
            loads.append((address, start, size))
        elif kind == 2:
            table = data[start : start + min(size, _TABLE_BYTES)]
        elif kind == 3:
            interpreter = data[start : start + min(size, 4096)].split(b"\0")[0].decode("utf-8", "replace")
    return interpreter, tuple(_needed(data, table, loads, wide, order))


def _needed(data: bytes, table: bytes, loads: Sequence[tuple[int, int, int]], wide: bool, order: str) -> Iterator[str]:
    """The names of DT_NEEDED, found in the string table that DT_STRTAB places."""
    record = struct.Struct(f"{order}qQ" if wide else f"{order}iI")
    entries = list(record.iter_unpack(table[: len(table) // record.size * record.size]))
    strings = next((value for tag, value in entries if tag == 5), None)
    place = next(
        (
            start + strings - address
            for address, start, size in loads
            if strings is not None and address <= strings < address + size
        ),
        None,
    )
    if place is None:
        return
    for tag, value in entries:
        if tag == 1:
            name = data[place + value : place + value + 256].split(b"\0")[0]
            if name:
                yield name.decode("utf-8", "replace")
