"""How this process can run a container: the best of what the kernel lets it do."""

import ctypes
import os
import subprocess
from pathlib import Path

import msgspec

from dockyard._internal import process
from dockyard.errors import Error
from dockyard.layers.apply import Ids
from dockyard.runtime import namespace

_SYS_CHROOT, _SYS_ADMIN = 18, 21
# File systems that cannot hold the upper folder of an overlay (linux/magic.h): overlayfs itself and NFS.
_NO_UPPER = (0x794C7630, 0x6969)
_PROBE = """
mount -t tmpfs tmpfs "$1" && echo mounts && umount "$1"
mount -t overlay overlay -o "lowerdir=$1/a,upperdir=$1/b,workdir=$1/c,userxattr" "$1/d" && echo overlay
mount -t proc proc "$1/d" && echo proc
"""


class NoWayError(Error):
    """This process may neither mount nor change its root, so it cannot run a container; and Dockyard never runs a
    step in the builder's own root.
    """

    reference = "no-way-to-run"
    hint = "`dockyard doctor` says what is missing; root, user namespaces or the capability SYS_CHROOT would do."


class IdsMissingError(Error):
    """A step needs a user or group ID, and the build runs without subordinate IDs, so that it has only one."""

    reference = "ids-missing"
    hint = "`dockyard doctor` gives the commands that give you subordinate IDs; or build as root."


class Way(msgspec.Struct, frozen=True):
    """How containers run.

    Attributes:
        ids: which user IDs files can have.
        overlay: whether overlayfs stacks the layers; else they are unpacked into one folder, a copy for the step.
        runc: whether runc makes the container; else a changed root, without namespaces of its own.
        mounts: whether anything can be mounted in it.
    """

    ids: Ids = "all"
    overlay: bool = True
    runc: bool = True
    mounts: bool = True

    @property
    def attributes(self) -> str:
        """The namespace of overlayfs's own extended attributes."""
        return "trusted" if self.ids == "all" else "user"

    @property
    def layers(self) -> str:
        """The folder in the data folder where layers are unpacked for this way: owners and attributes differ."""
        return "layers" if self.ids == "all" else f"layers-{self.ids}"

    @property
    def name(self) -> str:
        """For people."""
        who = {
            "all": "root",
            "subordinate": "rootless, with subordinate IDs",
            "single": "rootless, with a single ID",
        }[self.ids]
        how = "runc" if self.runc else "a changed root"
        return f"{who}: {how} on {'overlayfs' if self.overlay else 'a copy of the root file system'}"


ROOT = Way()


def way(data: Path) -> Way:
    """How this process can run containers whose files are in `data`. As root that costs next to nothing to know.

    Raises:
        NoWayError: in no way.
    """
    powers, held = namespace.powers(), namespace.ids()
    if os.geteuid() != 0:
        raise NoWayError("this user can run no container: the kernel allows no user namespace")
    if powers >> _SYS_ADMIN & 1:
        if held == "all":
            return Way(overlay=_upper_can_be(data))
        can = _probed(data)
        if "mounts" in can:
            return Way(held, "overlay" in can, "proc" in can)
    if not powers >> _SYS_CHROOT & 1 or (held != "all" and powers >> _SYS_ADMIN & 1):
        raise NoWayError("this process can run no container: it may neither mount nor change its root")
    return Way(held, False, False, False)


def _upper_can_be(data: Path) -> bool:
    data.mkdir(parents=True, exist_ok=True)
    found = ctypes.create_string_buffer(256)  # struct statfs begins with the type
    if ctypes.CDLL(None, use_errno=True).statfs(os.fsencode(data), found) != 0:
        return True
    return ctypes.c_long.from_buffer(found).value not in _NO_UPPER


def _probed(data: Path) -> list[str]:
    """What can be mounted in namespaces of a container: tried, in a mount namespace that is gone afterwards."""
    data.mkdir(parents=True, exist_ok=True)
    import tempfile  # seldom needed, and loads what makes random numbers

    with tempfile.TemporaryDirectory(prefix=".way-", dir=data) as folder:
        for name in "abcd":
            Path(folder, name).mkdir()
        words = [process.find("unshare"), "--mount", "--ipc", "--pid", "--fork", "--propagation", "private"]
        done = subprocess.run([*words, "sh", "-c", _PROBE, "sh", folder], capture_output=True, timeout=60)
    return done.stdout.decode().split()
