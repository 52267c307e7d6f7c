"""The real cosign verifies our signatures, and we verify its own, in both formats."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import ROOT
from dockyard.content.layout import Layout
from making.images import synthesize

NO_LOG = '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}'


class Peers:
    """A registry with one image, our keys, and cosign."""

    def __init__(self, path: Path, cosign: str, port: int) -> None:
        self.path, self.cosign = path, cosign
        self.image = f"127.0.0.1:{port}/team/web:1"
        self.environment = {
            **os.environ,
            "DOCKYARD_HOME": str(path / "home"),
            "COSIGN_PASSWORD": "x",
            "HOME": str(path),
        }

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(words, cwd=self.path, env=self.environment, capture_output=True, text=True, timeout=90)

    def dockyard(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return self.run(sys.executable, "-m", "dockyard.cli.main", *words)


@pytest.fixture
def peers(tmp_path: Path) -> Iterator[Peers]:
    built = ROOT / "bench" / "peers" / "bin" / "cosign"
    cosign = str(built) if built.exists() else shutil.which("cosign")
    if cosign is None:
        pytest.skip("cosign is not built here: `make peers` builds it from the Go registry")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    peers = Peers(tmp_path, cosign, port)
    store = Layout(tmp_path / "home" / "store", create=True)
    store.tag(peers.image, synthesize(store, 1).descriptor)
    words = [sys.executable, "-m", "dockyard.cli.main", "serve", "--listen", f"127.0.0.1:{port}"]
    server = subprocess.Popen(words, env=peers.environment, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 15
        while peers.dockyard("push", peers.image).returncode != 0:
            assert time.monotonic() < deadline
        assert peers.dockyard("keygen").returncode == 0
        assert peers.dockyard("keygen", "--output-key-prefix", "other").returncode == 0
        (tmp_path / "config.json").write_text(NO_LOG)
        yield peers
    finally:
        server.terminate()
        server.wait(10)


@pytest.mark.parametrize("format", ["bundle", "tag"])
def test_cosign_verifies_ours_and_refuses_another_key(peers: Peers, format: str) -> None:
    signed = peers.dockyard("sign", "--key", "cosign.key", "--format", format, peers.image)
    assert signed.returncode == 0, signed.stderr
    flags = [
        "--insecure-ignore-tlog=true",
        "--allow-insecure-registry",
        f"--new-bundle-format={str(format == 'bundle').lower()}",
    ]
    good = peers.run(peers.cosign, "verify", "--key", "cosign.pub", *flags, peers.image)
    assert good.returncode == 0, good.stderr
    assert peers.run(peers.cosign, "verify", "--key", "other.pub", *flags, peers.image).returncode != 0


@pytest.mark.parametrize("format", ["bundle", "tag"])
def test_we_verify_cosign_s_and_refuse_another_key(peers: Peers, format: str) -> None:
    flags = ["--yes", "--allow-insecure-registry", "--key", "cosign.key"]
    if format == "bundle":
        flags += ["--signing-config", "config.json"]
    else:
        flags += ["--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false"]
    signed = peers.run(peers.cosign, "sign", *flags, peers.image)
    assert signed.returncode == 0, signed.stderr
    good = peers.dockyard("verify", "--key", "cosign.pub", "--format", format, peers.image)
    assert good.returncode == 0, good.stderr
    assert peers.dockyard("verify", "--key", "other.pub", peers.image).returncode == 1


def test_we_open_cosign_s_key_files(peers: Peers) -> None:
    assert peers.run(peers.cosign, "generate-key-pair", "--output-key-prefix", "theirs").returncode == 0
    signed = peers.dockyard("sign", "--key", "theirs.key", peers.image)
    assert signed.returncode == 0, signed.stderr
    assert peers.dockyard("verify", "--key", "theirs.pub", peers.image).returncode == 0
