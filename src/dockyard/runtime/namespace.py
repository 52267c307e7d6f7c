"""A user namespace in which an ordinary user is root over the IDs that are his (user_namespaces(7), subuid(5)).

The process itself moves, so that everything it does afterwards sees a container's IDs: unpacking, mounting, comparing.
"""

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import ctypes
    import pwd

    from dockyard.layers.apply import Ids

_NEW_MOUNT, _NEW_USER = 0x00020000, 0x10000000
_BIND, _REC, _SLAVE = 1 << 12, 1 << 14, 1 << 19
_SYS_ADMIN = 21
_TIMEOUT = 20.0


class Range(msgspec.Struct, frozen=True):
    """Following IDs: `inside` is the first one's number in the namespace, `outside` where it is seen from outside."""

    inside: int
    outside: int
    count: int


def ids() -> "Ids":
    """Which user IDs this process can give to files: all, those of a namespace, or only its own."""
    ranges = _mapped("uid")
    if [(each.inside, each.outside) for each in ranges] == [(0, 0)] and ranges[0].count >= 1 << 31:
        return "all"
    return "subordinate" if sum(each.count for each in ranges) > 1 else "single"


def powers() -> int:
    """This process's effective capabilities, one bit each (capabilities(7))."""
    return int(Path("/proc/self/status").read_text().partition("CapEff:")[2].split()[0], 16)


def enter() -> str:
    """Move this process into a user namespace where it is root, unless it is as good as root already.

    With subordinate IDs and `newuidmap` the namespace has those, else only one ID; root inside a container keeps all
    IDs that it has. The process has a mount namespace of its own, too. It must not have started a thread yet.

    Returns:
        What was missing for more, or an empty text. Where the kernel allows no user namespace, nothing has changed.
    """
    if os.geteuid() == 0 and powers() >> _SYS_ADMIN & 1:
        return ""
    import ctypes  # not needed by root, whose builds may take less time than loading it

    user = _user()
    lacking, wanted = _wanted(user)
    pid, told, answer = os.getpid(), *_pipe_pair()
    child = os.fork()
    if child == 0:  # stays outside, from where alone more than one ID can be mapped
        os._exit(_map_from_outside(pid, wanted, told[0], told[1], answer[1]))
    os.close(told[0])
    os.close(answer[1])
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.geteuid(), os.getegid()
    refused = libc.unshare(_NEW_USER | _NEW_MOUNT) != 0
    reason = os.strerror(ctypes.get_errno())
    os.write(told[1], b"n" if refused else b"y")
    os.close(told[1])
    with os.fdopen(answer[0], "rb") as stream:
        said = stream.read().decode(errors="replace")
    os.waitpid(child, 0)
    if refused:
        return f"the kernel allows no user namespace: {reason}"
    if said != "ok":
        lacking = lacking or said
        _map_one(uid, gid)
    # Mounts of the machine still arrive here; ours never leave.
    libc.mount(b"none", b"/", None, ctypes.c_ulong(_SLAVE | _REC), None)
    if uid != 0:
        with contextlib.suppress(OSError):  # ssh then looks for keys in root's home
            _rename(libc, user)
    return lacking


def subordinate(kind: str, user: str, number: int, folder: Path = Path("/etc")) -> list[Range]:
    """The ranges that `/etc/subuid` (`kind` uid) or `/etc/subgid` (gid) give a user, the IDs inside from 1 on."""
    found: list[Range] = []
    with contextlib.suppress(OSError):  # no such file: none are given
        for line in (folder / f"sub{kind}").read_text().splitlines():
            parts = line.strip().split(":")
            if len(parts) == 3 and parts[0] in (user, str(number)) and parts[1].isdigit() and parts[2].isdigit():
                inside = 1 + sum(each.count for each in found)
                found.append(Range(inside, int(parts[1]), int(parts[2])))
    return found


def _user() -> "pwd.struct_passwd":
    import pwd

    uid = os.getuid()
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        return pwd.struct_passwd((str(uid), "x", uid, os.getgid(), "", os.path.expanduser("~"), "/bin/sh"))


def _rename(libc: "ctypes.CDLL", user: "pwd.struct_passwd") -> None:
    """Let the user keep name and home in his namespace, where he is number 0.

    Programs such as ssh look for keys in the home that /etc/passwd tells, which would be root's.
    """
    import ctypes
    import tempfile

    known = Path("/etc/passwd").read_bytes()
    line = f"{user.pw_name}:x:0:0:{user.pw_gecos}:{user.pw_dir}:{user.pw_shell}\n"
    with tempfile.NamedTemporaryFile(prefix="dockyard-passwd-") as file:
        file.write(os.fsencode(line) + known)
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        libc.mount(os.fsencode(file.name), b"/etc/passwd", None, ctypes.c_ulong(_BIND), None)


def _wanted(who: "pwd.struct_passwd") -> tuple[str, dict[str, list[Range]]]:
    """What is missing for several IDs, and the ranges to map; none where only one can be."""
    from dockyard._internal import process

    if os.geteuid() == 0:  # in a container: hand on what it has
        return "", {kind: [Range(each.inside, each.inside, each.count) for each in _mapped(kind)] for kind in _KINDS}
    uid, gid, user = os.getuid(), os.getgid(), who.pw_name
    ranges = {kind: subordinate(kind, user, uid) for kind in _KINDS}
    for kind, own in (("uid", uid), ("gid", gid)):
        if not ranges[kind]:
            return f"/etc/sub{kind} gives {user} no subordinate IDs", {}
        try:
            process.find(f"new{kind}map")
        except process.ProgramMissingError:
            return f"new{kind}map is not installed", {}
        ranges[kind].insert(0, Range(0, own, 1))
    return "", ranges


_KINDS = ("uid", "gid")


def _pipe_pair() -> tuple[tuple[int, int], tuple[int, int]]:
    return os.pipe(), os.pipe()


def _map_from_outside(pid: int, wanted: dict[str, list[Range]], told: int, teller: int, answer: int) -> int:
    """In the child: once the parent is in its namespace, map its IDs; say `ok`, or why not."""
    import subprocess

    from dockyard._internal import process

    said = "no range to map"
    try:
        os.close(teller)
        if os.read(told, 1) == b"y" and wanted:
            for kind in _KINDS:
                numbers = [(each.inside, each.outside, each.count) for each in wanted[kind]]
                if os.geteuid() == 0:
                    Path(f"/proc/{pid}/{kind}_map").write_text("".join(f"{a} {b} {c}\n" for a, b, c in numbers))
                else:
                    words = [process.find(f"new{kind}map"), str(pid), *(str(n) for each in numbers for n in each)]
                    subprocess.run(words, check=True, capture_output=True, timeout=_TIMEOUT)
            said = "ok"
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()[:500] or f"{error.cmd[0]} failed"
    except BaseException as error:  # noqa: BLE001 (a forked child must not run on into the parent's code)
        said = str(error)[:500] or type(error).__name__
    with contextlib.suppress(OSError):  # the parent has died
        os.write(answer, said.encode())
    return 0


def _map_one(uid: int, gid: int) -> None:
    # A map that newuidmap made before newgidmap failed stays: it can be written only once.
    for name, text in (("uid_map", f"0 {uid} 1\n"), ("setgroups", "deny"), ("gid_map", f"0 {gid} 1\n")):
        with contextlib.suppress(OSError):
            Path("/proc/self", name).write_text(text)


def _mapped(kind: str) -> list[Range]:
    lines = Path(f"/proc/self/{kind}_map").read_text().splitlines()
    return [Range(*(int(word) for word in line.split())) for line in lines if line.strip()]
