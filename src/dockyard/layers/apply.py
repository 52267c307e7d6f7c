"""Unpacking one layer into a folder, without trusting it.

Every step of a path is opened relative to the folder before it and without following symbolic links, so nothing that
an archive holds can lead outside, whatever else changes the folder meanwhile.
"""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Literal

from dockyard._internal import atomic
from dockyard.errors import Error
from dockyard.layers.fault import ArchiveEscapeError, ArchiveInvalidError
from dockyard.layers.layer import Layer
from dockyard.layers.tar import Entry
from dockyard.layers.tree import OPAQUE, WHITEOUT

Whiteouts = Literal["overlay", "apply"]
# Which user and group IDs the process can give to files: every one, those of its user namespace, or one alone.
Ids = Literal["all", "subordinate", "single"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PIECE = 1 << 18
_ZEROS = bytes(_PIECE)
_MOST_OPEN = 64  # folders at a time, however deep they are nested
_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class IdNotMappedError(Error):
    """A file in a layer belongs to a user or group ID that is not among those this process has."""

    reference = "id-not-mapped"
    hint = "Give this user more subordinate IDs: usermod --add-subuids FIRST-LAST --add-subgids FIRST-LAST USER"


class UnpackError(Error):
    """A layer has a member that this file system does not take, or that this user may not make."""

    reference = "unpack-failed"
    hint = "Devices need root; names, owners and attributes depend on the file system of the data folder."


def opaque_attribute(ids: Ids) -> str:
    """The extended attribute by which overlayfs knows that a folder hides what lies below."""
    return "trusted.overlay.opaque" if ids == "all" else "user.overlay.opaque"


def apply(layer: Layer, target: Path, *, whiteouts: Whiteouts, ids: Ids = "all") -> None:
    """Unpack `layer` into the folder `target`.

    Args:
        layer: its blob and its diff ID are verified to the end before this returns.
        target: exists; usually empty for `overlay`, holds the layers below for `apply`.
        whiteouts: `overlay` makes them what overlayfs understands (device 0:0, opaque attribute: needs root);
            `apply` deletes what they hide.
        ids: in a user namespace, what it has: devices are left out there, and with a `single` ID owners, too.

    Owner, mode, time, extended attributes, hard links and devices are kept as far as the process may set them. What
    the header of a hard link says of these, it says of the file, as it does to containerd.

    Raises:
        IdNotMappedError: an owner is not among the `subordinate` IDs.
        ArchiveEscapeError: a member leads outside; what was unpacked before stays inside `target`.
        ArchiveInvalidError, DigestMismatchError, LayerMismatchError: the layer is damaged or forged.
        DiskFullError: the disk is full.
        UnpackError: the file system refuses a member.
    """
    with atomic.disk_errors(target):
        root = os.open(target, _FOLDER)
        try:
            _Unpacker(root, whiteouts, ids).run(layer)
        finally:
            os.close(root)


def lay(members: Iterable[tuple[Entry, BinaryIO | None]], target: Path, *, ids: Ids = "all") -> None:
    """Write the members of a merged tree into the folder `target`, over what is there; they belong to this user.

    Nothing else in the folder is touched, and no link in it is followed: what stands where a member goes is replaced.

    Raises:
        ArchiveEscapeError, ArchiveInvalidError, DigestMismatchError, DiskFullError, UnpackError: see `apply`; what was
            written before stays.
    """
    with atomic.disk_errors(target):
        root = os.open(target, _FOLDER)
        try:
            _Unpacker(root, "apply", ids, owners=False).place(members)
        finally:
            os.close(root)


class _Unpacker:
    def __init__(self, root: int, whiteouts: Whiteouts, ids: Ids, *, owners: bool = True) -> None:
        self._root = root
        self._whiteouts = whiteouts
        self._ids = ids
        self._privileged = owners and os.geteuid() == 0 and ids != "single"
        # Folders get their times last: what is put into them would change those.
        self._folder_times: dict[str, int] = {}
        self._written: set[str] = set()
        # Open handles of the folder that the last member went into, and of those above it, the root's first.
        self._way: list[tuple[str, int]] = [("", root)]

    def run(self, layer: Layer) -> None:
        self.place(layer.entries(check=True))

    def place(self, members: Iterable[tuple[Entry, BinaryIO | None]]) -> None:
        try:
            for entry, content in members:
                self._member(entry, content)
            for path in sorted(self._folder_times, reverse=True):
                with self._folder(path, make=False) as parent:
                    os.utime(".", (self._folder_times[path],) * 2, dir_fd=parent)
        finally:
            self._leave(1)

    def _member(self, entry: Entry, content: BinaryIO | None) -> None:
        try:
            self._placed(entry, content)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise UnpackError(
                f"/{entry.path} cannot be unpacked: {error.strerror}", context={"kind": entry.kind}
            ) from error

    def _placed(self, entry: Entry, content: BinaryIO | None) -> None:
        folder, _, name = entry.path.rpartition("/")
        if not entry.path:
            if entry.kind == "dir":
                self._attributes(entry, self._root, ".")
                self._folder_times[""] = entry.mtime
            return
        parent = self._enter(folder)
        if name == OPAQUE:
            self._opaque(parent, folder)
        elif name.startswith(WHITEOUT):
            self._whiteout(parent, folder, name.removeprefix(WHITEOUT))
        else:
            self._make(entry, content, parent, name)
            self._written.add(entry.path)

    def _make(self, entry: Entry, content: BinaryIO | None, parent: int, name: str) -> None:
        # Whether something is there is not asked beforehand: mostly nothing is.
        try:
            self._create(entry, content, parent, name)
        except FileExistsError:
            present = _stat(parent, name)
            if entry.kind == "dir" and present is not None and stat.S_ISDIR(present.st_mode):
                self._folder_times[entry.path] = entry.mtime
                self._attributes(entry, parent, name)
                return
            self._clear(entry, parent, name)
            self._create(entry, content, parent, name)

    def _clear(self, entry: Entry, parent: int, name: str) -> None:
        self._forget_below(entry.path)
        _delete(parent, name)

    def _create(self, entry: Entry, content: BinaryIO | None, parent: int, name: str) -> None:
        if entry.kind == "dir":
            os.mkdir(name, 0o700, dir_fd=parent)
            self._folder_times[entry.path] = entry.mtime
        elif entry.kind == "file":
            handle = os.open(name, _FILE, 0o600, dir_fd=parent)
            with FileIO(handle, "wb") as out:
                assert content is not None
                _pour(content, out)
                if not entry.xattrs:
                    self._attributes_of(entry, handle)
                    return
        elif entry.kind == "symlink":
            os.symlink(entry.target, name, dir_fd=parent)
        elif entry.kind == "hardlink":
            self._link(entry, parent, name)
        else:
            if (entry.major, entry.minor) == (0, 0) and entry.kind == "char" and self._whiteouts == "overlay":
                raise ArchiveInvalidError(f"/{entry.path} is a device that overlayfs takes for a deletion")
            if entry.kind != "fifo" and self._ids != "all":
                self._clear(entry, parent, name)
                return  # the kernel lets nobody make devices in a user namespace; containers get theirs mounted
            kinds = {"char": stat.S_IFCHR, "block": stat.S_IFBLK, "fifo": stat.S_IFIFO}
            os.mknod(name, kinds[entry.kind] | 0o600, os.makedev(entry.major, entry.minor), dir_fd=parent)
        self._attributes(entry, parent, name)

    def _link(self, entry: Entry, parent: int, name: str) -> None:
        folder, _, target = entry.target.rpartition("/")
        with self._folder(folder, make=False) as source:
            try:
                os.link(target, name, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
            except FileNotFoundError as error:
                raise ArchiveInvalidError(
                    f"the hard link {entry.path!r} points to nothing: {entry.target!r}"
                ) from error

    def _attributes(self, entry: Entry, parent: int, name: str) -> None:
        if self._privileged:
            self._own(entry, parent, name)
        if entry.kind != "symlink" and not (entry.kind == "hardlink" and _is_link(parent, name)):
            os.chmod(name, entry.mode, dir_fd=parent)
        for key, value in entry.xattrs.items():
            if key.startswith(("trusted.overlay.", "user.overlay.")):
                continue  # a layer must not speak to overlayfs
            # Not every file system takes every one, nor from every user. The base's own layer keeps them in any case.
            with contextlib.suppress(OSError):
                os.setxattr(f"/proc/self/fd/{parent}/{name}", key, value, follow_symlinks=False)
        if entry.kind != "dir":
            os.utime(name, (entry.mtime, entry.mtime), dir_fd=parent, follow_symlinks=False)

    def _attributes_of(self, entry: Entry, handle: int) -> None:
        """The same for an open file, which spares the kernel looking for it."""
        if self._privileged:
            self._own(entry, handle)
        os.chmod(handle, entry.mode)
        os.utime(handle, (entry.mtime, entry.mtime))

    def _own(self, entry: Entry, parent: int, name: str = "") -> None:
        """Set the owner of `name` in the folder `parent`, or of `parent` itself, which is an open file then."""
        try:
            if name:
                os.chown(name, entry.uid, entry.gid, dir_fd=parent, follow_symlinks=False)
            else:
                os.chown(parent, entry.uid, entry.gid)
        except OSError as error:
            if error.errno != errno.EINVAL or self._ids == "all":
                raise
            raise IdNotMappedError(
                f"{entry.path!r} belongs to {entry.uid}:{entry.gid}, which this user namespace does not have"
            ) from error

    def _opaque(self, parent: int, folder: str) -> None:
        if self._whiteouts == "overlay":
            os.setxattr(f"/proc/self/fd/{parent}", opaque_attribute(self._ids), b"y")
            return
        for name in os.listdir(parent):
            path = f"{folder}/{name}" if folder else name
            if path not in self._written and not any(each.startswith(path + "/") for each in self._written):
                self._forget_below(path)
                _delete(parent, name)

    def _whiteout(self, parent: int, folder: str, name: str) -> None:
        if name in ("", ".", "..") or "/" in name:
            raise ArchiveEscapeError(f"a whiteout hides {name!r}")
        path = f"{folder}/{name}" if folder else name
        if path in self._written:
            return
        self._forget_below(path)
        _delete(parent, name)
        if self._whiteouts == "overlay":
            os.mknod(name, stat.S_IFCHR, os.makedev(0, 0), dir_fd=parent)

    def _enter(self, folder: str) -> int:
        """An open handle on `folder`, kept for the next member, which is mostly in the same one or near it."""
        way = self._way
        if folder == way[-1][0]:
            return way[-1][1]
        kept = len(way)
        while kept > 1 and not f"{folder}/".startswith(f"{way[kept - 1][0]}/"):
            kept -= 1
        self._leave(kept)
        below = folder.removeprefix(way[-1][0]).lstrip("/")
        path = way[-1][0]
        for part in below.split("/") if below else ():
            path = f"{path}/{part}" if path else part
            way.append((path, _step(way[-1][1], part, folder, make=True)))
            if len(way) > _MOST_OPEN:
                os.close(way.pop(1)[1])
        return way[-1][1]

    @contextlib.contextmanager
    def _folder(self, folder: str, *, make: bool) -> Iterator[int]:
        handle = self._open(folder, make=make)
        try:
            yield handle
        finally:
            os.close(handle)

    def _open(self, folder: str, *, make: bool) -> int:
        handle = os.dup(self._root)
        for part in folder.split("/") if folder else ():
            try:
                below = _step(handle, part, folder, make=make)
            finally:
                os.close(handle)
            handle = below
        return handle

    def _leave(self, kept: int) -> None:
        """Close all but the first handles of the way; the root's belongs to somebody else."""
        while len(self._way) > kept:
            os.close(self._way.pop()[1])

    def _forget_below(self, path: str) -> None:
        """Before something is deleted: its times and those below it are not to be set any more."""
        for folder in [each for each in self._folder_times if each == path or each.startswith(path + "/")]:
            del self._folder_times[folder]


def _pour(content: BinaryIO, out: FileIO) -> None:
    """Write a file's content. Long zeros become holes: a disk takes far longer to write them than to be told."""
    hole = False
    while data := content.read(_PIECE):
        hole = data == _ZEROS
        if hole:
            out.seek(_PIECE, os.SEEK_CUR)
            continue
        left = memoryview(data)
        while left:
            left = left[out.write(left) or 0 :]
    if hole:
        out.truncate()


def _step(handle: int, part: str, folder: str, *, make: bool) -> int:
    """An open handle on `part` of the open folder `handle`, on the way to `folder`."""
    try:
        try:
            return os.open(part, _FOLDER, dir_fd=handle)
        except FileNotFoundError:
            if not make:
                raise
            os.mkdir(part, 0o755, dir_fd=handle)
            return os.open(part, _FOLDER, dir_fd=handle)
    except FileNotFoundError as error:
        raise ArchiveInvalidError(f"there is no folder {folder!r} in the layer") from error
    except OSError as error:
        # A link or a file where a folder should be: a layer that writes through it is refused.
        raise ArchiveEscapeError(f"{folder!r} leads through a link or file", context={"member": folder}) from error


def _is_link(parent: int, name: str) -> bool:
    found = _stat(parent, name)
    return found is not None and stat.S_ISLNK(found.st_mode)


def _stat(parent: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _delete(parent: int, name: str) -> None:
    """Delete a file or a whole folder; no error if it is not there. Never follows links."""
    found = _stat(parent, name)
    if found is None:
        return
    if stat.S_ISDIR(found.st_mode):
        shutil.rmtree(name, dir_fd=parent)
    else:
        os.unlink(name, dir_fd=parent)
