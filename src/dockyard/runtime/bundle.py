"""The configuration of a container for an OCI runtime (runtime-spec 1.0, config.md)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from dockyard.runtime import seccomp
from dockyard.runtime.user import User

# What Docker gives a container that asks for nothing.
CAPABILITIES = (
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
)
# In the order of their numbers (linux/capability.h).
_EVERY = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)
_MASKED = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
]
_READONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


class Mount(msgspec.Struct, frozen=True):
    """A file or folder of the host inside the container, or with another `type` what the kernel makes there."""

    source: str
    target: str
    readonly: bool = True
    type: str = "bind"
    options: tuple[str, ...] = ()


def spec(
    *,
    args: Sequence[str],
    env: Mapping[str, str],
    cwd: str,
    user: User,
    readonly: bool = False,
    network: str = "host",
    mounts: Sequence[Mount] = (),
    hostname: str = "dockyard",
    capabilities: Sequence[str] = CAPABILITIES,
    cgroup: str = "",
    memory: int | None = None,
    processes: int | None = None,
    privileged: bool = False,
) -> dict[str, Any]:
    """The document for `config.json`; the root file system is the bundle's folder `rootfs`.

    Args:
        args: the command; `args[0]` is looked up in the PATH of `env`.
        env: its whole environment.
        cwd: absolute; made if the root file system can be written and lacks it.
        user: as resolved by `user.resolve_user`.
        readonly: whether the root file system is.
        network: `host` shares the host's; `none` has only a loopback of its own.
        mounts: files and folders of the host; one takes the place of an earlier one at the same path.
        hostname: the name inside.
        capabilities: for root inside; other users have none but those of set-uid programs.
        cgroup: path below the cgroup root; empty leaves it to the runtime.
        memory: most bytes of memory.
        processes: most processes and threads.
        privileged: every capability, device and system call, nothing masked: as good as root on the host.
    """
    namespaces = ["pid", "ipc", "uts", "mount", *(["network"] if network == "none" else [])]
    resources: dict[str, Any] = {"devices": [{"allow": privileged, "access": "rwm"}]}
    if memory is not None:
        resources["memory"] = {"limit": memory}
    if processes is not None:
        resources["pids"] = {"limit": processes}
    held = _possible() if privileged else list(capabilities)
    linux: dict[str, Any] = {
        "namespaces": [{"type": kind} for kind in namespaces],
        "resources": resources,
        "maskedPaths": [] if privileged else _MASKED,
        "readonlyPaths": [] if privileged else _READONLY,
    }
    filtered = None if privileged else seccomp.profile()
    if filtered is not None:
        linux["seccomp"] = filtered
    if cgroup:
        linux["cgroupsPath"] = cgroup
    effective = held if user.uid == 0 else []
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": user.uid, "gid": user.gid, "additionalGids": _groups(user)},
            "args": list(args),
            "env": [f"{key}={value}" for key, value in env.items()],
            "cwd": cwd or "/",
            "capabilities": {"bounding": held, "effective": effective, "permitted": effective},
            "noNewPrivileges": False,
        },
        "root": {"path": "rootfs", "readonly": readonly},
        "hostname": hostname,
        # What is mounted where the system's own would be takes its place.
        "mounts": list({each["destination"]: each for each in (*_system_mounts(), *map(_mounted, mounts))}.values()),
        "linux": linux,
    }


def _possible() -> list[str]:
    """Every capability that this process may hand on; naming one that it may not stops the runtime."""
    bound = int(Path("/proc/self/status").read_text().partition("CapBnd:")[2].split()[0], 16)
    return [name for number, name in enumerate(_EVERY) if bound >> number & 1]


def _groups(user: User) -> list[int]:
    """The further groups with the first one among them, as Docker has it."""
    return list(dict.fromkeys([user.gid, *user.groups]))


def _system_mounts() -> list[dict[str, Any]]:
    nodev = ["nosuid", "noexec", "nodev"]
    return [
        {"destination": "/proc", "type": "proc", "source": "proc", "options": nodev},
        {
            "destination": "/dev",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "strictatime", "mode=755", "size=65536k"],
        },
        {
            "destination": "/dev/pts",
            "type": "devpts",
            "source": "devpts",
            "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        },
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": [*nodev, "mode=1777", "size=65536k"]},  # noqa: S108
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": nodev},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [*nodev, "ro"]},
    ]


def _mounted(mount: Mount) -> dict[str, Any]:
    mode = "ro" if mount.readonly else "rw"
    options = [*(["rbind", "rprivate"] if mount.type == "bind" else []), *mount.options, mode]
    return {"destination": mount.target, "type": mount.type, "source": mount.source, "options": options}
