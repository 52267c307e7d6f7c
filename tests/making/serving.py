"""A registry server of ours as a process, on a port of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from making.ports import free_port, listening


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
        listening(self.port, self.child, self.folder / "serve.log")

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
