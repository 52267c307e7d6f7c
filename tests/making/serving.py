"""A registry server of ours as a process, on a port of its own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """`dockyard serve` with its storage in `folder`; `stop` it at the end, or `kill` it."""

    def __init__(
        self, folder: Path, *words: str, environment: Mapping[str, str] | None = None, port: int = 0, storage: str = ""
    ) -> None:
        self.folder, self.words, self.port = folder, words, port or free_port()
        self.storage = storage or str(folder / "registry")
        self.environment = {**os.environ, "DOCKYARD_HOME": str(folder / "home"), **(environment or {})}
        self.start()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        words = ["serve", "--listen", self.address, "--storage", self.storage, *self.words]
        log = open(self.folder / "serve.log", "ab")
        self.child = subprocess.Popen(
            [sys.executable, "-m", "dockyard.cli.main", *words], env=self.environment, stdout=log, stderr=log
        )
        log.close()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.child.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError((self.folder / "serve.log").read_text())

    def stop(self) -> None:
        """Tell it to stop, and wait until it has."""
        self.child.terminate()
        try:
            self.child.wait(20)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it at once, if it still runs."""
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
