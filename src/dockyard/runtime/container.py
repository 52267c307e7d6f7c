"""Containers under runc in the foreground, as for a step of a build, and what every container is made from."""

import contextlib
import json
import os
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from dockyard._internal import interrupt, process
from dockyard.errors import Error
from dockyard.runtime import inside
from dockyard.runtime.apart import Apart, die_with_parent
from dockyard.runtime.namespace import ids
from dockyard.runtime.network import Network, NetworkFailedError, attached, private
from dockyard.runtime.rootfs import Overlay, need_root
from dockyard.runtime.rootless import adapted
from dockyard.runtime.way import ROOT, Way

Served = Literal["", "input", "fifo"]
FIFO = "served"
_POLL = 0.2
_MERCY = 5.0
_BEGINNING = 5.0  # seconds that making a folder takes at most
_RUN = ("run", "--no-new-keyring")
UMASK = 0o022  # runc makes what it mounts on under this process's own, which must not show in an image
# Mounts overlays in this process's own mount namespace, then becomes runc, whose container inherits the view.
_IN_NAMESPACE = (
    'while [ "$1" != -- ]; do mount -t overlay overlay -o "$1" "$2" || exit 125; shift 2; done; shift; exec "$@"'
)
# With a network of its own, it waits for a line that tells that this is served: on standard input, which is nothing
# afterwards, or from a file where standard input is somebody's.
_ONCE_SERVED = "read -r go || exit 125; exec </dev/null; " + _IN_NAMESPACE


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
    overlay: Overlay | Path,
    folder: Path,
    name: str,
    output: Callable[[bytes], None],
    timeout: float | None = None,
    overlays: Sequence[tuple[Overlay, Path]] = (),
    cancelled: Callable[[], bool] = lambda: False,
    way: Way = ROOT,
    network: Network = "host",
    memory: Path | None = None,
) -> int:
    """Run a container to its end and return its exit code.

    Args:
        spec: from `bundle.spec`.
        overlay: the root file system; afterwards `overlay.upper` holds what was changed. A path is that of a root file
            system which is changed itself.
        folder: for the bundle and runc's state; made, and removed afterwards.
        name: unique on this machine.
        output: called with each piece of what it prints, standard output and error together.
        timeout: seconds until it is killed.
        overlays: further ones, each mounted on its folder before the container's own mounts are made.
        cancelled: asked a few times a second whether to kill it.
        way: how it can be run here.
        network: the machine's, none (the specification says so, too), or the program that serves one of its own.
        memory: a folder in memory for the configuration, where its variables hold secrets.

    The container is gone when this returns or raises, also on Ctrl-C; what a killed process leaves is removed by
    `sweep`.

    Raises:
        ContainerError: it could not be started.
        ContainerTimeoutError: it took longer than `timeout`.
        ContainerCancelledError: `cancelled` said so.
        NetworkFailedError: its network could not be set up.
        RootNeededError: this process is not root, and `way` is root's.
    """
    own = private(network)
    before: Callable[[], None] = die_with_parent
    with contextlib.ExitStack() as stack:
        children: list[subprocess.Popen[bytes]] = []
        stack.enter_context(interrupt.ended(partial(ended, children, name, folder, way)))
        if way == ROOT and not own:
            need_root()
            before = Apart(_laid(overlay, folder, overlays))
            words = [*_bundled(spec, overlay, folder, way, memory), *_RUN, name]
        else:
            words = command(spec, overlay, folder, name, overlays, way, own="input" if own else "", memory=memory)
        with interrupt.held():
            child = subprocess.Popen(
                words,
                stdin=subprocess.PIPE if own else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                umask=UMASK,
                preexec_fn=before,  # noqa: PLW1509 (no lock is held across it: it only makes system calls)
            )
            children.append(child)
        if child.stdin is not None:
            stack.enter_context(attached(network, child.pid, folder))
            with child.stdin as stream:
                stream.write(b"go\n")
        _pump(child, output, None if timeout is None else time.monotonic() + timeout, cancelled)
        return child.wait()
    raise AssertionError("not reached")  # the type checker cannot see that the stack lets every exception through


def command(
    spec: Mapping[str, Any],
    overlay: Overlay | Path,
    folder: Path,
    name: str,
    overlays: Sequence[tuple[Overlay, Path]],
    way: Way,
    *,
    own: Served,
    memory: Path | None = None,
) -> list[str]:
    """The words that run a container in the foreground; its folder is ready then.

    `own` is where a line tells that its own network is served, if it has one: standard input, or `FIFO` in the folder.

    Raises:
        NetworkFailedError: a network of its own needs a namespace, and this way has none.
    """
    if way == ROOT:
        need_root()
    if own and not way.mounts:
        raise NetworkFailedError("a network of its own needs a namespace, which is not allowed here")
    if way.runc:
        words = prepare(spec, overlay, folder, overlays, way, own=own, memory=memory)
        return [*words, *_RUN, name]
    return _changed_root(spec, overlay, folder, overlays, way, own=own, memory=memory)


def sweep(parent: Path) -> None:
    """Remove the containers of processes that are gone. `parent` holds the folders given to `run`."""
    for folder in parent.iterdir() if parent.is_dir() else ():
        with contextlib.suppress(OSError):  # another process clears it away too
            if not _is_owned(folder):
                # Without root the container went with its builder, and runc's state means nothing outside.
                for state in (folder / "state").glob("*") if ids() == "all" else ():
                    quietly(folder, "delete", "--force", state.name)
                shutil.rmtree(folder, ignore_errors=True)


def _is_owned(folder: Path) -> bool:
    """Whether the process that made the folder still runs."""
    try:
        return Path(f"/proc/{int((folder / 'owner').read_text())}").exists()
    except (FileNotFoundError, ValueError):
        # Killed before it could write its number, or just about to write it.
        return time.time() - folder.stat().st_mtime < _BEGINNING


def prepare(
    spec: Mapping[str, Any],
    overlay: Overlay | Path,
    folder: Path,
    overlays: Sequence[tuple[Overlay, Path]] = (),
    way: Way = ROOT,
    *,
    own: Served = "",
    memory: Path | None = None,
) -> list[str]:
    """Make a container's folder ready, and return the words that begin a command of runc on it. Arguments are those of
    `command`.
    """
    process.find("mount")
    words = _isolated(overlay, folder, overlays, own=own, dying=way.ids != "all")
    return [*words, *_bundled(spec, overlay, folder, way, memory)]


def _bundled(
    spec: Mapping[str, Any], overlay: Overlay | Path, folder: Path, way: Way, memory: Path | None
) -> list[str]:
    """The bundle in the container's folder, and the words that begin a command of runc on it."""
    runc = process.find("runc")
    (folder / "state").mkdir(parents=True, exist_ok=True)
    document = dict(spec) if way.ids == "all" else adapted(spec, way.ids)
    if isinstance(overlay, Path):
        document["root"] = {**document["root"], "path": str(overlay)}
    _configured(folder, document, memory)
    return [runc, "--root", str(folder / "state")]


def _configured(folder: Path, document: Mapping[str, Any], memory: Path | None) -> None:
    """Write the configuration; where its variables hold secrets, into a folder in memory."""
    if memory is not None:
        (folder / "config.json").symlink_to(memory / "config.json")
    (folder / "config.json").write_text(json.dumps(document))


def _isolated(
    overlay: Overlay | Path,
    folder: Path,
    overlays: Sequence[tuple[Overlay, Path]],
    *,
    own: Served,
    alone: bool = False,
    dying: bool = False,
) -> list[str]:
    """The words before a command that make its mount namespace with the overlays, and its network namespace.

    With `dying` it has a process namespace, too, in which everything ends with the first process: whoever comes later
    without root is in another user namespace and could not end it.
    """
    mounted = [word for options, place in _laid(overlay, folder, overlays) for word in (options, str(place))]
    namespaces = ["--mount", "--propagation", "private", *(["--net"] if own or alone else [])]
    if dying:
        namespaces += ["--pid", "--fork", "--kill-child", "--mount-proc"]
    return [
        process.find("unshare"),
        *namespaces,
        "sh",
        "-c",
        _waiting(own),
        "sh",
        *mounted,
        "--",
    ]


def _laid(overlay: Overlay | Path, folder: Path, overlays: Sequence[tuple[Overlay, Path]]) -> list[tuple[str, Path]]:
    """The options and places of the overlays to mount, whose folders are made."""
    (folder / "rootfs").mkdir(parents=True, exist_ok=True)
    (folder / "owner").write_text(str(os.getpid()))
    below = [(overlay, folder / "rootfs")] if isinstance(overlay, Overlay) else []
    mounted = []
    for each, place in [*below, *overlays]:
        for path in (each.upper, each.work):
            if path is not None:
                path.mkdir(parents=True, exist_ok=True)
                path.chmod(0o755)  # it becomes the container's /, whatever this process's mask is
        if each.passing and each.work is not None:
            # What says that nothing brings it to the disk also keeps it from being mounted again, as `debug` does.
            shutil.rmtree(each.work / "work" / "incompat", ignore_errors=True)
        mounted.append((each.options(), place))
    return mounted


def _waiting(own: Served) -> str:
    if own == "fifo":
        return f"read -r go <{FIFO} || exit 125; {_IN_NAMESPACE}"
    return _ONCE_SERVED if own else _IN_NAMESPACE


def _changed_root(
    spec: Mapping[str, Any],
    overlay: Overlay | Path,
    folder: Path,
    overlays: Sequence[tuple[Overlay, Path]],
    way: Way,
    *,
    own: Served,
    memory: Path | None = None,
) -> list[str]:
    """The words for running without runc; see `inside`."""
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "rootfs" if isinstance(overlay, Overlay) else overlay
    document = {**spec, "root": {**spec["root"], "path": str(place)}, "mountable": way.mounts}
    _configured(folder, document, memory)
    if _alone(spec) and not way.mounts:
        raise NetworkFailedError("a network apart needs a namespace, which is not allowed here")
    words = _isolated(overlay, folder, overlays, own=own, alone=_alone(spec)) if way.mounts else []
    (folder / "owner").write_text(str(os.getpid()))
    # Alone with the standard library: what it may import must not depend on where it is started.
    return [*words, sys.executable, "-I", "-S", str(Path(inside.__file__)), str(folder / "config.json")]


def _alone(spec: Mapping[str, Any]) -> bool:
    """Whether a container has a network namespace with nothing but a loopback."""
    return any(each["type"] == "network" for each in spec["linux"]["namespaces"])


def ended(children: "Sequence[subprocess.Popen[bytes]]", name: str, folder: Path, way: Way) -> None:
    """End a container in the foreground, which is one child if it began, and remove what it left."""
    for child in children:
        if child.stdin is not None:
            with contextlib.suppress(OSError):
                child.stdin.close()  # it may wait for its network
        if way.ids == "all" and way.runc:
            _known(child, folder / "state" / name)
    if way.ids == "all" and (folder / "state" / name).exists():
        quietly(folder, "delete", "--force", name)
    for child in children:
        if child.poll() is None:
            if not way.runc:
                child.terminate()  # the keeper ends what it keeps
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(_MERCY)
            child.kill()
            child.wait()
        if child.stdout is not None:
            with contextlib.suppress(OSError):
                child.stdout.close()
    shutil.rmtree(folder, ignore_errors=True)


def _known(child: "subprocess.Popen[bytes]", state: Path) -> None:
    """Wait until runc has noted its container. Killed before, it would leave control groups that nobody knows of."""
    deadline = time.monotonic() + _MERCY
    while child.poll() is None and not (state / "state.json").exists() and time.monotonic() < deadline:
        time.sleep(0.002)


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


def quietly(folder: Path, *words: str) -> None:
    """Let runc do something with the containers of `folder`; what it says of it is nobody's business."""
    subprocess.run([process.find("runc"), "--root", str(folder / "state"), *words], capture_output=True, timeout=60)
