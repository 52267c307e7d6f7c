"""What `dockyard serve` says to whoever starts it."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from making.ports import free_port

pytestmark = pytest.mark.slow
DOCKYARD = [sys.executable, "-m", "dockyard.cli.main"]


def test_clients_are_told_to_trust_a_name_by_which_they_reach_the_machine(tmp_path: Path) -> None:
    storage = ["--storage", str(tmp_path / "registry")]
    made = [*DOCKYARD, "registry", "user", "add", "ada", "--admin", "--new", "--password-stdin", *storage]
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


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('[ldap]\nurl = "ldaps://[x"', "error[directory-settings]: [ldap] has a url that is none"),
        ('[ldap]\nurl = "ldaps://ldap.example"', "error[directory-settings]: [ldap] needs a url and a base"),
        ('[proxy]\ntrusted = ["proxy.example"]', "error[usage]: not a network: 'proxy.example'"),
    ],
)
def test_settings_that_no_worker_could_begin_with_are_refused_once(
    tmp_path: Path, workers: str, lines: str, said: str
) -> None:
    (tmp_path / "registry.toml").write_text(lines)
    words = ["--config", str(tmp_path / "registry.toml"), "--storage", str(tmp_path / "registry"), "--workers", workers]
    serve = [*DOCKYARD, "serve", "--listen", f"127.0.0.1:{free_port()}", *words]
    done = subprocess.run(serve, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "registry at" not in done.stderr
