"""haproxy in front of an application: two slots, switched at run time, without losing a request."""

import contextlib
import hashlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from dockyard._internal import atomic, process
from dockyard.errors import Error

SLOTS = ("blue", "green")
_CONFIG = """# Written by Dockyard for one application; changed only at run time, through the socket.
global
    maxconn 4096
    stats socket {socket} mode 600 level admin
    hard-stop-after 30s
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout http-keep-alive 10s
    option redispatch
    retries 3
frontend people
    bind 127.0.0.1:{port}
    default_backend versions
backend versions
    balance roundrobin
    option forwardfor
    server blue 127.0.0.1:1 disabled
    server green 127.0.0.1:1 disabled
"""


class ProxyError(Error):
    """haproxy could not be started or does not answer."""

    reference = "proxy"
    hint = "Is the port free? `dockyard status` and the application's haproxy.log say more."


class Proxy:
    """The haproxy of the application in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # The path of a socket is at most 107 bytes, so it is not put below a deep data folder.
        self._socket = Path(f"/run/dockyard-{_short(folder)}.sock")

    def start(self, port: int) -> int:
        """Start it and return its number.

        Raises:
            ProxyError: with haproxy's own words.
        """
        config = self._folder / "haproxy.cfg"
        self._socket.unlink(missing_ok=True)
        atomic.write(config, _CONFIG.format(socket=self._socket, port=port).encode())
        with open(self._folder / "haproxy.log", "wb") as log:
            words = [process.find("haproxy"), "-db", "-f", str(config)]
            child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + 10
        while not self.answers():
            if child.poll() is not None or time.monotonic() > deadline:
                said = (self._folder / "haproxy.log").read_text(errors="replace")[-1000:]
                raise ProxyError(f"haproxy could not be started: {said}")
            time.sleep(0.02)
        return child.pid

    def answers(self) -> bool:
        """Whether it runs and can be talked to."""
        try:
            return "Name: HAProxy" in self._say("show info")
        except OSError:  # nobody listens at its socket
            return False

    def port_of(self) -> int:
        """The port in its configuration."""
        text = (self._folder / "haproxy.cfg").read_text()
        return int(text.partition("bind 127.0.0.1:")[2].split()[0])

    def serve(self, slot: str, port: int) -> None:
        """Send new requests to `slot` at `port`."""
        self._say(f"set server versions/{slot} addr 127.0.0.1 port {port}")
        self._say(f"set server versions/{slot} state ready")

    def drain(self, slot: str) -> None:
        """Send no new requests to `slot`; those under way go on."""
        self._say(f"set server versions/{slot} state drain")

    def close(self, slot: str) -> None:
        """Cut `slot` off."""
        self._say(f"set server versions/{slot} state maint")
        self._say(f"shutdown sessions server versions/{slot}")

    def sessions(self, slot: str) -> int:
        """Requests under way in `slot`."""
        for line in self._say("show stat").splitlines():
            parts = line.split(",")
            if parts[:2] == ["versions", slot]:
                return int(parts[4] or 0)
        return 0

    def stop(self, pid: int) -> None:
        """End it."""
        if self.answers():
            with process_gone():
                os.kill(pid, signal.SIGUSR1)
                deadline = time.monotonic() + 3
                while time.monotonic() < deadline and Path(f"/proc/{pid}").exists():
                    with process_gone():
                        os.waitpid(pid, os.WNOHANG)
                    time.sleep(0.05)
                os.kill(pid, signal.SIGKILL)
        self._socket.unlink(missing_ok=True)

    def _say(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(5)
            line.connect(str(self._socket))
            line.sendall(command.encode() + b"\n")
            parts = []
            while data := line.recv(1 << 16):
                parts.append(data)
        return b"".join(parts).decode()


def process_gone() -> "contextlib.suppress":
    """Pass over that a process is gone already."""
    return contextlib.suppress(ProcessLookupError, ChildProcessError)


def _short(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
