"""Containers under runc in the background, which outlive the process that starts them."""

import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dockyard._internal import process
from dockyard.runtime.container import UMASK, ContainerError, prepare, quietly
from dockyard.runtime.rootfs import Overlay, need_root


def create(spec: Mapping[str, Any], *, overlay: Overlay, folder: Path, name: str, output: int) -> int:
    """Make and start a container in the background and return its process's number.

    `output` is a file handle that becomes its standard output and error. The container outlives this process; use
    the other functions here with the same folder and name.

    Raises:
        ContainerError: it could not be started, with runc's own words.
    """
    need_root()
    words = prepare(spec, overlay, folder)
    pid_file = folder / "pid"
    log = folder / "runc.log"
    command = [*words, "--log", str(log), "run", "--detach", "--no-new-keyring", "--pid-file", str(pid_file), name]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder, umask=UMASK)
    if done.returncode != 0:
        said = _runc_log(log)
        remove(name, folder)
        raise ContainerError(f"the container could not be started: {said}", context={"container": name})
    return int(pid_file.read_text())


def alive(pid: int, folder: Path) -> bool:
    """Whether the container's process still runs; a number that another process got since does not count."""
    return (folder / "state").is_dir() and _started(pid) not in (None, "Z")


def heeds(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler for the signal; without one the first process of a container ignores it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # it has ended
        return False
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (int(number) - 1) & 1)


def kill(name: str, folder: Path, number: signal.Signals) -> None:
    """Send a signal to the container's process; no error if it is gone."""
    quietly(folder, "kill", name, str(int(number)))


def remove(name: str, folder: Path) -> None:
    """Kill and remove a container and its folder; no error if it is gone."""
    if (folder / "state" / name).exists():
        quietly(folder, "delete", "--force", name)
    shutil.rmtree(folder, ignore_errors=True)


def execute(name: str, folder: Path, words: list[str], timeout: float) -> tuple[int, str]:
    """Run a command inside a running container; its exit code (124 when it took too long) and output.

    Args:
        name: the container's.
        folder: the one that it was started with; it has runc's state.
        words: the command and its arguments.
        timeout: in seconds.
    """
    command = [process.find("runc"), "--root", str(folder / "state"), "exec", name, *words]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout)
    except subprocess.TimeoutExpired:
        return 124, f"no answer within {timeout:.0f} s"
    return done.returncode, done.stdout.decode(errors="replace")


def _runc_log(path: Path) -> str:
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return " ".join(lines)[-500:] or "runc gave no reason"


def _started(pid: int) -> str | None:
    """The state letter of the process, or None."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:  # it has ended
        return None
