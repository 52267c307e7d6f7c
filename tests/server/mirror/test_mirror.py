"""One registry as the mirror of another, both real, over HTTP on loopback."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from dockyard.content.memory import Memory
from dockyard.images.image import Image
from making.images import image, layer
from making.registries import FaultyRegistry
from making.serving import Server

pytestmark = pytest.mark.slow

TTL = 1


@pytest.fixture
def upstream() -> Iterator[FaultyRegistry]:
    store = Memory()
    made = image(store, layer(store, {"big": bytes(range(256)) * 20_000}))
    registry = FaultyRegistry(store, made)
    yield registry
    registry.close()


@pytest.fixture
def mirror(tmp_path: Path, upstream: FaultyRegistry) -> Iterator[Server]:
    settings = tmp_path / "registry.toml"
    settings.write_text(f'[[mirrors]]\nupstream = "{upstream.address}"\nprefix = "there"\nttl = {TTL}\npatience = 1\n')
    server = Server(tmp_path, "--config", str(settings))
    yield server
    server.stop()


def get(server: Server, path: str) -> "urllib3.BaseHTTPResponse":
    return urllib3.request("GET", f"http://{server.address}{path}", retries=False, timeout=20)


def pull(server: Server, made: Image) -> None:
    manifest = get(server, "/v2/there/a/b/manifests/1")
    assert (manifest.status, manifest.data) == (200, made.manifest.raw)
    for target in made.manifest.references:
        blob = get(server, f"/v2/there/a/b/blobs/{target.digest}")
        assert (blob.status, len(blob.data)) == (200, target.size)


def test_an_image_is_fetched_once_and_served_when_the_upstream_is_gone(
    mirror: Server, upstream: FaultyRegistry
) -> None:
    pull(mirror, upstream.image)
    seen = dict(upstream.seen)
    pull(mirror, upstream.image)
    assert dict(upstream.seen) == seen
    upstream.close()
    time.sleep(TTL + 0.2)
    pull(mirror, upstream.image)


def test_what_is_kept_is_given_while_the_upstream_hangs(mirror: Server, upstream: FaultyRegistry) -> None:
    pull(mirror, upstream.image)
    time.sleep(TTL + 0.2)
    upstream.slow = 6.0
    began = time.monotonic()
    for path in ("manifests/1", "tags/list", f"referrers/{upstream.image.descriptor.digest}"):
        assert get(mirror, f"/v2/there/a/b/{path}").status == 200, path
    assert time.monotonic() - began < 5


def test_one_fetch_serves_everybody_who_waits(mirror: Server, upstream: FaultyRegistry) -> None:
    get(mirror, "/v2/there/a/b/manifests/1")
    target = upstream.image.manifest.layers[0]
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(len(get(mirror, f"/v2/there/a/b/blobs/{target.digest}").data)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [target.size] * 8
    assert upstream.seen[str(target.digest)] == 1


def test_bytes_that_are_not_what_they_are_called_are_never_a_whole_blob(
    mirror: Server, upstream: FaultyRegistry
) -> None:
    get(mirror, "/v2/there/a/b/manifests/1")
    upstream.wrong_bytes = True
    target = upstream.image.manifest.layers[0]
    try:
        answer = get(mirror, f"/v2/there/a/b/blobs/{target.digest}")
        whole = answer.status == 200 and len(answer.data) == target.size
    except urllib3.exceptions.HTTPError:
        whole = False
    assert not whole
    upstream.wrong_bytes = False
    pull(mirror, upstream.image)


def test_a_line_that_is_cut_is_taken_up_where_it_broke(mirror: Server, upstream: FaultyRegistry) -> None:
    upstream.cut_first = 1
    pull(mirror, upstream.image)
    assert upstream.ranges


def test_only_blobs_of_mirrored_images_are_fetched_and_faults_are_told(
    mirror: Server, upstream: FaultyRegistry
) -> None:
    target = upstream.image.manifest.layers[0]
    assert get(mirror, f"/v2/there/a/b/blobs/{target.digest}").status == 404
    assert not upstream.seen
    upstream.fail_first = 100
    answer = get(mirror, "/v2/there/a/b/manifests/1")
    assert answer.status == 503
    assert answer.headers["Retry-After"]
    assert get(mirror, "/v2/elsewhere/a/manifests/1").status == 404


def test_a_client_that_uses_it_as_a_mirror_names_the_registry_it_means(
    mirror: Server, upstream: FaultyRegistry
) -> None:
    answer = get(mirror, f"/v2/a/b/manifests/1?ns={upstream.address}")
    assert answer.status == 200
    assert answer.headers["OCI-Namespace"] == upstream.address
