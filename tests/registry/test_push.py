"""Pushing from a store that is damaged."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dockyard.content.layout import Layout
from dockyard.content.store import ContentNotFoundError, DigestMismatchError
from dockyard.images.image import Image
from dockyard.oci.reference import Reference
from dockyard.registry.client import Client
from dockyard.registry.pull import pull
from dockyard.registry.push import push
from making.images import synthesize
from making.serving import Server

pytestmark = pytest.mark.slow  # a server in a process of its own


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("push"))
    yield started
    started.kill()


@pytest.fixture
def made(tmp_path: Path) -> tuple[Layout, Image]:
    store = Layout(tmp_path / "store", create=True)
    return store, synthesize(store, 1, layers=2, files=4, size=3_000_000)


def test_what_is_pushed_is_pulled_as_it_was(server: Server, made: tuple[Layout, Image], tmp_path: Path) -> None:
    store, image = made
    name, client = Reference.parse(f"{server.address}/whole/image:1"), Client(None, lambda _: None)
    push(name, store, image.descriptor, client=client)
    there = Layout(tmp_path / "there", create=True)
    assert pull(name, there, client=client).digest == image.descriptor.digest
    for layer in image.layers:
        path = there.blob_path(layer.descriptor.digest)
        assert path.read_bytes() == store.blob_path(layer.descriptor.digest).read_bytes()


@pytest.mark.parametrize("damage", ["changed", "shorter", "longer", "gone"])
def test_a_damaged_blob_is_not_pushed_and_no_tag_appears(
    server: Server, made: tuple[Layout, Image], damage: str
) -> None:
    store, image = made
    path = store.blob_path(image.layers[1].descriptor.digest)
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        changed = data[:-1] + bytes([data[-1] ^ 1])
        path.write_bytes({"changed": changed, "shorter": data[:-1], "longer": data + b"x"}[damage])
    name, client = Reference.parse(f"{server.address}/damaged/{damage}:1"), Client(None, lambda _: None)
    with pytest.raises((DigestMismatchError, ContentNotFoundError), match=str(image.layers[1].descriptor.digest)):
        push(name, store, image.descriptor, client=client)
    with pytest.raises(ContentNotFoundError):
        client.repository(name).head("1")
    path.write_bytes(data)
    assert push(name, store, image.descriptor, client=client).digest == image.descriptor.digest


def test_a_repository_that_is_not_there_has_no_tags_and_is_not_to_be_pulled_again(server: Server) -> None:
    client = Client(None, lambda _: None)
    with pytest.raises(ContentNotFoundError, match="no repository none/here") as caught:
        client.repository(Reference.parse(f"{server.address}/none/here")).tags()
    assert caught.value.hint == "Check the name and who may see it."
