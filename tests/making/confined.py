"""A container without privileges, such as a CI job runs in: Docker's capabilities, no mounts and no user namespaces."""

import os
import shutil
import subprocess
from pathlib import Path

from dockyard.runtime import container
from dockyard.runtime.bundle import Mount, spec
from dockyard.runtime.rootfs import Overlay
from dockyard.runtime.user import User
from making.ordinary import packages

_REFUSED = ["mount", "umount2", "pivot_root", "unshare", "setns", "fsopen", "move_mount", "open_tree"]
_NEW_USER = 0x10000000


def confined(python: str, work: Path, folder: Path, *words: str, uid: int = 0, env: dict[str, str]) -> tuple[int, str]:
    """Run `python` with `words` on this machine's files, in a container that may neither mount nor make namespaces.

    Changes to files go to memory and are dropped, but for those below `folder`.

    Args:
        python: an interpreter on the root file system.
        work: a folder in memory, for the overlay: it may not lie on the file system that it covers.
        folder: shown at its own path.
        words: the interpreter's arguments.
        uid: who runs it.
        env: further variables.
    """
    document = spec(
        args=[python, *words],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", "PYTHONPATH": packages(), **env},
        cwd="/",
        user=User(uid, uid, (), "/tmp"),
        mounts=[Mount(str(folder), str(folder), False)],
    )
    document["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [
            {"names": _REFUSED, "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
            {
                "names": ["clone"],
                "action": "SCMP_ACT_ERRNO",
                "errnoRet": 1,
                "args": [{"index": 0, "value": _NEW_USER, "valueTwo": _NEW_USER, "op": "SCMP_CMP_MASKED_EQ"}],
            },
            {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
        ],
    }
    said = bytearray()
    overlay = Overlay([Path("/")], work / "upper", work / "work")
    code = container.run(
        document,
        overlay=overlay,
        folder=work / "bundle",
        name=f"confined-{os.getpid()}-{os.urandom(3).hex()}",
        output=said.extend,
        timeout=300,
    )
    return code, said.decode(errors="replace")


def memory(name: str) -> Path:
    """A folder in memory; whoever makes it removes it."""
    folder = Path("/dev/shm", name)
    folder.mkdir()
    assert subprocess.run(["stat", "-fc", "%T", str(folder)], capture_output=True).stdout.strip() == b"tmpfs"
    return folder


def forget(folder: Path) -> None:
    """Remove such a folder."""
    shutil.rmtree(folder)
