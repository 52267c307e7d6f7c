"""A container that somebody sits at: standard input, output and error are this process's own."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from dockyard._internal import interrupt
from dockyard.runtime import container
from dockyard.runtime.apart import die_with_parent
from dockyard.runtime.network import Network, attached, private
from dockyard.runtime.rootfs import Overlay
from dockyard.runtime.way import ROOT, Way


def sit(
    spec: Mapping[str, Any],
    *,
    overlay: Overlay | Path,
    folder: Path,
    name: str,
    overlays: Sequence[tuple[Overlay, Path]] = (),
    way: Way = ROOT,
    network: Network = "host",
) -> int:
    """Run a container to its end and return its exit code. Arguments and errors are those of `container.run`.

    Where `spec` asks for a terminal and runc makes the container, it gets a terminal that is copied to and from this
    process's, which is in raw mode meanwhile: Ctrl-C reaches the container.
    """
    own = private(network)
    with contextlib.ExitStack() as stack:
        children: list[subprocess.Popen[bytes]] = []
        stack.enter_context(interrupt.ended(partial(container.ended, children, name, folder, way)))
        command = container.command(spec, overlay, folder, name, overlays, way, own="fifo" if own else "")
        if own:
            os.mkfifo(folder / container.FIFO)
            # Opened for both, so that neither side waits for the other.
            teller = os.open(folder / container.FIFO, os.O_RDWR | os.O_CLOEXEC)
            stack.callback(os.close, teller)
        # While somebody sits at the container, an interrupt is meant for it.
        with contextlib.suppress(ValueError):  # not the main thread: Python delivers signals elsewhere
            stack.callback(signal.signal, signal.SIGINT, signal.signal(signal.SIGINT, signal.SIG_IGN))
        with interrupt.held():
            child = subprocess.Popen(command, cwd=folder, preexec_fn=_begun)  # noqa: PLW1509 (it holds no lock)
            children.append(child)
        if own:
            stack.enter_context(attached(network, child.pid, folder))
            os.write(teller, b"go\n")
        return child.wait()
    raise AssertionError("not reached")  # the type checker cannot see that the stack lets every exception through


def _begun() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    die_with_parent()
