"""A build that adds a URL, its push and its pull, all by way of a real proxy that wants a login."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockyard.content.memory import Memory
from making.answering import Answering, Handler
from making.authority import authority
from making.images import synthesize
from making.registries import FaultyRegistry
from making.serving import Server
from making.tinyproxy import tinyproxy

NAME = "registry.example"
Said = Callable[..., "subprocess.CompletedProcess[str]"]


class Serving(Handler):
    def respond(self, body: bytes) -> None:
        self.answer(200, b"from afar")


@pytest.fixture
def proxy(root: None, program: Callable[[str], str], tmp_path: Path) -> Iterator[str]:
    with tinyproxy(program("tinyproxy"), tmp_path / "proxy", NAME) as url:
        yield url


@pytest.fixture
def dockyard(proxy: str, tmp_path: Path) -> Said:
    def say(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        known = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
        known |= {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "DOCKYARD_HOME": str(tmp_path / "home")}
        known |= {"DOCKYARD_CONFIG": str(tmp_path / "config.toml")}
        command = [sys.executable, "-m", "dockyard.cli.main", *words]
        return subprocess.run(command, env=known | environment, capture_output=True, text=True, timeout=120)

    return say


def test_a_build_s_download_a_push_and_a_pull_go_by_the_proxy(dockyard: Said, tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    server, files = Server(tmp_path / "server"), Answering(Serving)
    try:
        image = f"{NAME}:{server.port}/shop/web:1"
        (tmp_path / "config.toml").write_text(f'[registries."{NAME}:{server.port}"]\ninsecure = true\n')
        (tmp_path / "context").mkdir()
        port = files.address.rpartition(":")[2]
        (tmp_path / "context" / "Dockerfile").write_text(f"FROM scratch\nADD http://{NAME}:{port}/file /file\n")
        for words in (["build", "-t", image, str(tmp_path / "context")], ["push", image], ["pull", image]):
            done = dockyard(*words)
            assert done.returncode == 0, done.stderr
        asked = (tmp_path / "proxy" / "requests.log").read_text()
        assert f"GET http://{NAME}:{port}/file" in asked
        assert f"PUT http://{NAME}:{server.port}/v2/shop/web/manifests/1" in asked
        # Past the proxy nobody knows the name.
        done = dockyard("pull", image, NO_PROXY=f"a.example, {NAME}")
        assert done.returncode == 3
        assert "proxy" not in done.stderr
        assert NAME in done.stderr
    finally:
        files.close()
        server.stop()


def test_tls_goes_through_the_proxy_unseen(dockyard: Said, proxy: str, tmp_path: Path) -> None:
    store = Memory()
    pem, context = authority(tmp_path, "ours", NAME)
    registry = FaultyRegistry(store, synthesize(store, 1, layers=2, files=4, size=40_000), context)
    try:
        host = f"{NAME}:{registry.address.rpartition(':')[2]}"
        (tmp_path / "config.toml").write_text(f'[registries."{host}"]\nca = "{pem}"\n')
        done = dockyard("pull", f"{host}/a/b:1")
        assert done.returncode == 0, done.stderr
        asked = (tmp_path / "proxy" / "requests.log").read_text()
        assert f"CONNECT {host}" in asked
        assert "manifests" not in asked
        done = dockyard("pull", f"{host}/a/b:1", HTTPS_PROXY=proxy.replace("geheim", "falsch"))
        assert done.returncode == 2
        assert "proxy-refused" in done.stderr
        assert "falsch" not in done.stderr
    finally:
        registry.close()
