"""`dockyard build --push` on a base that only the registry has: its layers are linked there and never come here."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockyard.content.layout import Layout
from dockyard.images.image import Image
from dockyard.oci.reference import Reference
from dockyard.registry.client import Client
from dockyard.registry.push import push
from making.images import synthesize
from making.serving import Server

pytestmark = pytest.mark.slow


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "server").mkdir()
    found = Server(tmp_path / "server")
    yield found
    found.stop()


@pytest.fixture
def base(server: Server, tmp_path: Path) -> Image:
    store = Layout(tmp_path / "made", create=True)
    image = synthesize(store, 3, layers=3, files=20, size=50_000)
    push(Reference.parse(f"{server.address}/bases/one:1"), store, image.descriptor, client=Client(None, lambda _: None))
    return image


def dockyard(home: Path, *words: str) -> str:
    command = [sys.executable, "-m", "dockyard.cli.main", *words]
    environment = {**os.environ, "DOCKYARD_HOME": str(home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_pushed_image_s_base_is_linked_and_does_not_come_here(server: Server, base: Image, tmp_path: Path) -> None:
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "Dockerfile").write_text(f'FROM {server.address}/bases/one:1\nENV A=b\nCMD ["true"]\n')
    name, home = f"{server.address}/shop/web:1", tmp_path / "home"
    said = dockyard(home, "build", "--push", "-t", name, str(tmp_path / "context"))
    assert "not needed: 3" in said
    assert "tagged" not in said
    blobs = {path.name for path in (home / "store" / "blobs" / "sha256").iterdir()}
    layers = {layer.descriptor.digest.hex for layer in base.layers}
    assert not blobs & layers
    dockyard(home, "pull", name)
    assert layers <= {path.name for path in (home / "store" / "blobs" / "sha256").iterdir()}
    # What stays here, too, is whole here.
    said = dockyard(tmp_path / "other", "build", "-t", name, str(tmp_path / "context"))
    assert "tagged" in said
    assert layers <= {path.name for path in (tmp_path / "other" / "store" / "blobs" / "sha256").iterdir()}


def test_a_push_to_another_registry_takes_the_base_along(server: Server, base: Image, tmp_path: Path) -> None:
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "Dockerfile").write_text(f"FROM {server.address}/bases/one:1\nENV A=b\n")
    (tmp_path / "second").mkdir()
    second = Server(tmp_path / "second")
    try:
        name = f"{second.address}/shop/web:1"
        dockyard(tmp_path / "home", "build", "--push", "-t", name, str(tmp_path / "context"))
        dockyard(tmp_path / "fresh", "pull", name)
    finally:
        second.stop()
