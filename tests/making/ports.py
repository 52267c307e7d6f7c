"""Ports of this machine: a free one, and one on which a server that was just started comes to listen."""

import socket
import subprocess
import time
from pathlib import Path


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listening(port: int, child: "subprocess.Popen[bytes]", log: Path | None = None) -> None:
    """Wait until `child` listens on `port`.

    Raises:
        AssertionError: it ended, or took 20 seconds; with what stands in `log`.
    """
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and child.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(log.read_text(errors="replace") if log is not None else "the server did not start")
