"""Containers under runc: in the foreground for a step of a build, in the background for a service."""

import contextlib
import ctypes
import json
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dockyard._internal import process
from dockyard.errors import Error
from dockyard.runtime.rootfs import Overlay, need_root

_PR_SET_PDEATHSIG = 1
_POLL = 0.2
_BEGINNING = 5.0  # seconds that making a folder takes at most
_UMASK = 0o022  # runc makes what it mounts on under this process's own, which must not show in an image
# Mounts overlays in this process's own mount namespace, then becomes runc, whose container inherits the view.
_IN_NAMESPACE = (
    'while [ "$1" != -- ]; do mount -t overlay overlay -o "$1" "$2" || exit 125; shift 2; done; shift; exec "$@"'
)


class ContainerError(Error):
    """The container runtime could not make or start a container."""

    reference = "container"
    hint = "`dockyard doctor` says what this machine can run."


class ContainerTimeoutError(ContainerError):
    """A container ran longer than it was allowed to and was killed."""

    reference = "container-timeout"


class ContainerCancelledError(ContainerError):
    """A container was killed because what it was started for has failed elsewhere."""

    reference = "container-cancelled"


def run(
    spec: Mapping[str, Any],
    *,
    overlay: Overlay,
    folder: Path,
    name: str,
    output: Callable[[bytes], None],
    timeout: float | None = None,
    overlays: Sequence[tuple[Overlay, Path]] = (),
    cancelled: Callable[[], bool] = lambda: False,
    memory: Path | None = None,
) -> int:
    """Run a container to its end and return its exit code.

    Args:
        spec: from `bundle.spec`.
        overlay: the root file system; afterwards `overlay.upper` holds what was changed.
        folder: for the bundle and runc's state; made, and removed afterwards.
        name: unique on this machine.
        output: called with each piece of what it prints, standard output and error together.
        timeout: seconds until it is killed.
        overlays: further ones, each mounted on its folder before the container's own mounts are made.
        cancelled: asked a few times a second whether to kill it.
        memory: a folder in memory for the configuration, where its variables hold secrets.

    The container is gone when this returns or raises, also on Ctrl-C; what a killed process leaves is removed by
    `sweep`.

    Raises:
        ContainerError: it could not be started.
        ContainerTimeoutError: it took longer than `timeout`.
        ContainerCancelledError: `cancelled` said so.
        RootNeededError: this process is not root.
    """
    words = _prepare(spec, overlay, folder, overlays, memory)
    command = [*words, "run", "--no-new-keyring", name]
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        umask=_UMASK,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 (no lock is held across it: it only makes one system call)
    )
    try:
        _pump(child, output, None if timeout is None else time.monotonic() + timeout, cancelled)
        return child.wait()
    finally:
        _remove(name, folder)
        if child.poll() is None:
            child.kill()
            child.wait()
        if child.stdout is not None:
            child.stdout.close()


def create(spec: Mapping[str, Any], *, overlay: Overlay, folder: Path, name: str, output: int) -> int:
    """Make and start a container in the background and return its process's number.

    `output` is a file handle that becomes its standard output and error. The container outlives this process; use
    `kill`, `alive` and `remove` with the same folder and name.

    Raises:
        ContainerError: it could not be started, with runc's own words.
    """
    words = _prepare(spec, overlay, folder)
    pid_file = folder / "pid"
    log = folder / "runc.log"
    command = [*words, "--log", str(log), "run", "--detach", "--no-new-keyring", "--pid-file", str(pid_file), name]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder, umask=_UMASK)
    if done.returncode != 0:
        said = _runc_log(log)
        _remove(name, folder)
        raise ContainerError(f"the container could not be started: {said}", context={"container": name})
    return int(pid_file.read_text())


def alive(pid: int, folder: Path) -> bool:
    """Whether the container's process still runs; a number that another process got since does not count."""
    return (folder / "state").is_dir() and _started(pid) not in (None, "Z")


def heeds(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler for the signal; without one the first process of a container ignores it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (int(number) - 1) & 1)


def kill(name: str, folder: Path, number: signal.Signals) -> None:
    """Send a signal to the container's process; no error if it is gone."""
    _runc(folder, "kill", name, str(int(number)))


def remove(name: str, folder: Path) -> None:
    """Kill and remove a container and its folder; no error if it is gone."""
    _remove(name, folder)


def sweep(parent: Path) -> None:
    """Remove the containers of processes that are gone. `parent` holds the folders given to `run`."""
    for folder in parent.iterdir() if parent.is_dir() else ():
        with contextlib.suppress(OSError):
            if not _is_owned(folder):
                for state in (folder / "state").iterdir() if (folder / "state").is_dir() else ():
                    _runc(folder, "delete", "--force", state.name)
                shutil.rmtree(folder, ignore_errors=True)


def _is_owned(folder: Path) -> bool:
    """Whether the process that made the folder still runs."""
    try:
        return Path(f"/proc/{int((folder / 'owner').read_text())}").exists()
    except (FileNotFoundError, ValueError):
        # Killed before it could write its number, or just about to write it.
        return time.time() - folder.stat().st_mtime < _BEGINNING


def _prepare(
    spec: Mapping[str, Any],
    overlay: Overlay,
    folder: Path,
    overlays: Sequence[tuple[Overlay, Path]] = (),
    memory: Path | None = None,
) -> list[str]:
    need_root()
    runc, unshare, _ = process.find("runc"), process.find("unshare"), process.find("mount")
    (folder / "rootfs").mkdir(parents=True, exist_ok=True)
    (folder / "state").mkdir(exist_ok=True)
    (folder / "owner").write_text(str(os.getpid()))
    if memory is not None:
        (folder / "config.json").symlink_to(memory / "config.json")
    (folder / "config.json").write_text(json.dumps(spec))
    for path in (overlay.upper, overlay.work):
        if path is not None:
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o755)  # it becomes the container's /, whatever this process's mask is
    namespace = [unshare, "--mount", "--propagation", "private", "sh", "-c", _IN_NAMESPACE, "sh"]
    mounted = [
        word for each, place in [(overlay, folder / "rootfs"), *overlays] for word in (each.options(), str(place))
    ]
    return [*namespace, *mounted, "--", runc, "--root", str(folder / "state")]


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _pump(
    child: "subprocess.Popen[bytes]",
    output: Callable[[bytes], None],
    deadline: float | None,
    cancelled: Callable[[], bool],
) -> None:
    assert child.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            ready = selector.select(_POLL)
            if deadline is not None and time.monotonic() > deadline:
                raise ContainerTimeoutError("the container took too long and was killed")
            if cancelled():
                raise ContainerCancelledError("the container was killed, as what it was for has failed")
            if not ready:
                continue
            data = os.read(child.stdout.fileno(), 1 << 16)
            if not data:
                return
            output(data)


def _runc(folder: Path, *words: str) -> None:
    subprocess.run([process.find("runc"), "--root", str(folder / "state"), *words], capture_output=True, timeout=60)


def _remove(name: str, folder: Path) -> None:
    if (folder / "state" / name).exists():
        _runc(folder, "delete", "--force", name)
    shutil.rmtree(folder, ignore_errors=True)


def _runc_log(path: Path) -> str:
    lines: Iterator[str] = iter(path.read_text(errors="replace").splitlines() if path.exists() else ())
    return " ".join(line for line in lines)[-500:] or "runc gave no reason"


def _started(pid: int) -> str | None:
    """The state letter of the process, or None."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None


def execute(name: str, folder: Path, words: list[str], timeout: float) -> tuple[int, str]:
    """Run a command inside a running container; its exit code (124 when it took too long) and output."""
    command = [process.find("runc"), "--root", str(folder / "state"), "exec", name, *words]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
    except subprocess.TimeoutExpired:
        return 124, f"no answer within {timeout:.0f} s"
    return done.returncode, done.stdout.decode(errors="replace")
