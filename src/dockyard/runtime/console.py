"""A container that somebody sits at: standard input, output and error are this process's own."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dockyard.runtime import container
from dockyard.runtime.rootfs import Overlay


def attached(
    spec: Mapping[str, Any],
    *,
    overlay: Overlay,
    folder: Path,
    name: str,
    overlays: Sequence[tuple[Overlay, Path]] = (),
) -> int:
    """Run a container to its end and return its exit code. Arguments are those of `container.run`.

    Where `spec` asks for a terminal, runc makes one for the container and copies between it and this process's, which
    is in raw mode meanwhile: Ctrl-C reaches the container.

    Raises:
        ContainerError: it could not be started.
        RootNeededError: this process is not root.
    """
    words = container._prepare(spec, overlay, folder, overlays)
    # While somebody sits at the container, an interrupt is meant for it.
    before = None
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:
        pass  # not the main thread: Python delivers signals elsewhere
    try:
        child = subprocess.Popen(
            [*words, "run", "--no-new-keyring", name],
            cwd=folder,
            preexec_fn=_begun,  # noqa: PLW1509 (no lock is held across it)
        )
        return child.wait()
    finally:
        container._remove(name, folder)
        if before is not None:
            signal.signal(signal.SIGINT, before)


def _begun() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    container._die_with_parent()
