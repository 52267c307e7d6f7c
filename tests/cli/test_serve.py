"""What `dockyard serve` says to whoever starts it."""

import socket
import subprocess
import sys
from pathlib import Path

from making.ports import free_port

DOCKYARD = [sys.executable, "-m", "dockyard.cli.main"]


def test_clients_are_told_to_trust_a_name_by_which_they_reach_the_machine(tmp_path: Path) -> None:
    storage = ["--storage", str(tmp_path / "registry")]
    made = [*DOCKYARD, "registry", "user", "add", "ada", "--admin", "--password-stdin", *storage]
    subprocess.run(made, input="correct horse\n", text=True, check=True, capture_output=True, timeout=60)
    port = free_port()
    serve = [*DOCKYARD, "serve", "--listen", f"0.0.0.0:{port}", "--tls-self-made", *storage]
    server = subprocess.Popen(serve, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        said = server.stderr.readline() + server.stderr.readline()
    finally:
        server.terminate()
        server.communicate(timeout=20)
    assert f"/etc/docker/certs.d/{socket.getfqdn()}:{port}/ca.crt" in said
