"""Runs a container's command in a changed root, where runc cannot be used.

Started as a program of its own, with the path of a bundle's `config.json`: it becomes the command's keeper, so that
nothing that the command leaves running outlives it. It uses the standard library only. There is no namespace of its
own but for mounts, where these are allowed; the capability to change the root again is given up.
"""

import contextlib
import ctypes
import json
import os
import resource
import shutil
import signal
import stat
import sys
from typing import Any

_SUBREAPER, _DEATH_SIGNAL, _DROP, _SYS_CHROOT = 36, 1, 24, 18
_BIND, _REC, _READ_ONLY, _REMOUNT, _NO_DEV, _NO_SUID = 4096, 16384, 1, 32, 4, 2
_DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
_LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}
_INFINITE, _LOCKS = (1 << 64) - 1, 10  # Python has no name for RLIMIT_LOCKS
_NOT_STARTED, _NOT_FOUND = 125, 127
_libc = ctypes.CDLL(None, use_errno=True)


def main(path: str) -> int:
    """Run the command of the document at `path` and return its exit code."""
    with open(path, encoding="utf-8") as stream:
        document = json.load(stream)
    root = document["root"]["path"]
    try:
        if document["mountable"]:
            _mount_all(document, root)
        else:
            _make_devices(root)
        signal.signal(signal.SIGTERM, _ended)
        _libc.prctl(_SUBREAPER, 1)
        _libc.prctl(_DEATH_SIGNAL, int(signal.SIGTERM))
        child = os.fork()
        if child == 0:
            _become(document, root)
    except OSError as error:
        print(f"the step could not be started: {error}", flush=True)
        return _NOT_STARTED
    code = _waited(child)
    _end_rest()
    return code


def _become(document: dict[str, Any], root: str) -> None:
    """In the child: change the root and the user, and become the command. Does not return."""
    process = document["process"]
    code = _NOT_STARTED
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setsid()
        os.chroot(root)
        os.chdir("/")
        os.makedirs(process["cwd"], exist_ok=True)
        os.chdir(process["cwd"])
        _libc.prctl(_DROP, _SYS_CHROOT)
        for each in process.get("rlimits", ()):
            soft, hard = (-1 if each[key] == _INFINITE else each[key] for key in ("soft", "hard"))
            resource.setrlimit(getattr(resource, each["type"], _LOCKS), (soft, hard))
        user = process["user"]
        with contextlib.suppress(PermissionError):  # with a single ID groups cannot be changed
            os.setgroups(user["additionalGids"])
        os.setgid(user["gid"])
        os.setuid(user["uid"])
        os.umask(0o022)
        environment = dict(each.partition("=")[::2] for each in process["env"])
        words = process["args"]
        found = shutil.which(words[0], path=environment.get("PATH", ""))
        if found is None:
            print(f"{words[0]}: not found in PATH", flush=True)
            code = _NOT_FOUND
        else:
            os.execve(found, words, environment)  # noqa: S606 (the words are the step's own)
    except OSError as error:
        print(f"the step could not be started: {error}", flush=True)
    finally:
        os._exit(code)


def _mount_all(document: dict[str, Any], root: str) -> None:
    """/proc, /sys, /dev as the builder has them, then the container's own mounts."""
    for name in ("proc", "sys", "dev"):
        _mount("bind", f"/{name}", place(root, f"/{name}", folder=True), _BIND | _REC)
    for each in document["mounts"]:
        target, kind = each["destination"], each["type"]
        if target in ("/proc", "/sys", "/dev") or (target.startswith("/dev/") and kind != "bind"):
            continue
        read_only = "ro" in each["options"]
        if kind != "bind":
            size = ",".join(option for option in each["options"] if option.startswith("size="))
            _mount(kind, each["source"], place(root, target, folder=True), _NO_DEV | _NO_SUID, size)
            continue
        spot = place(root, target, folder=os.path.isdir(each["source"]))
        _mount("bind", each["source"], spot, _BIND | _REC)
        if read_only:
            _mount("bind", "", spot, _BIND | _REMOUNT | _READ_ONLY | _kept_flags(spot))


def _kept_flags(path: str) -> int:
    """The flags of a mount that a user namespace may not take away."""
    flags = os.statvfs(path).f_flag
    known = ((os.ST_NODEV, _NO_DEV), (os.ST_NOSUID, _NO_SUID), (os.ST_NOEXEC, 8), (os.ST_NOATIME, 1024))
    return sum(number for flag, number in (*known, (os.ST_RELATIME, 1 << 21)) if flags & flag)


def _mount(kind: str, source: str, target: str, flags: int, data: str = "") -> None:
    done = _libc.mount(source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), data.encode())
    if done != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{os.strerror(number)}: mount {kind} on {target}")


def place(root: str, target: str, *, folder: bool) -> str:
    """Where `target` is in `root`, made if it is not there. Links inside lead nowhere outside.

    Raises:
        OSError: links lead round in a circle.
    """
    at = root
    parts = [part for part in target.split("/") if part not in ("", ".", "..")]
    links = 0
    while parts:
        part = parts.pop(0)
        here = os.path.join(at, part)
        if os.path.islink(here):
            links += 1
            if links > 40:
                raise OSError(40, f"too many links: {target}")
            to = os.readlink(here)
            up = os.path.normpath(to if to.startswith("/") else os.path.join("/", os.path.relpath(at, root), to))
            at, parts = root, [each for each in up.split("/") if each] + parts
            continue
        if not os.path.lexists(here):
            if parts or folder:
                os.mkdir(here, 0o755)
            else:
                os.close(os.open(here, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        at = here
    return at


def _make_devices(root: str) -> None:
    """The devices that programs need, where the builder may make devices; else /dev/null as a file."""
    folder = place(root, "/dev", folder=True)
    for name, (major, minor) in _DEVICES.items():
        path = os.path.join(folder, name)
        if os.path.lexists(path):
            continue
        try:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(major, minor))
        except PermissionError:
            if name != "null":
                continue
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))  # reads as empty, as the device does
        os.chmod(path, 0o666)  # noqa: S103 (what these devices are like everywhere)
    for name, target in _LINKS.items():
        if not os.path.lexists(os.path.join(folder, name)):
            os.symlink(target, os.path.join(folder, name))


def _waited(child: int) -> int:
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _ended(number: int, frame: object) -> None:
    """The builder is gone or has given up: nothing of the step stays."""
    _end_rest()
    os._exit(128 + number)


def _end_rest() -> None:
    """Kill what the command left running: it has become this process's child, as its own parents are gone."""
    while True:
        children = _children()
        if not children:
            return
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for _ in children:
            with contextlib.suppress(ChildProcessError):  # reaped already
                os.wait()


def _children() -> list[int]:
    own = os.getpid()
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError), open(f"/proc/{name}/stat", "rb") as stream:
                if int(stream.read().rpartition(b")")[2].split()[1]) == own:
                    found.append(int(name))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
