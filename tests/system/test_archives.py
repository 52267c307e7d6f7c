"""Archives and layouts both ways with skopeo; docker's own archives are in test_registry_clients.py."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dockyard.content.layout import Layout
from dockyard.images.image import open_image
from dockyard.layers.layer import Layer
from making.images import image, layer

Find = Callable[[str], str]
CONFIG = {"Env": ["PATH=/bin"], "Cmd": ["/bin/cat", "/hello"], "Labels": {"a": "b"}}


class Place:
    """A store with the image `web:1`, and skopeo."""

    def __init__(self, path: Path, skopeo: str, made: str, diff_ids: list[str]) -> None:
        self.path, self.skopeo, self.digest, self.diff_ids = path, skopeo, made, diff_ids

    def dockyard(self, *words: str) -> str:
        environment = {**os.environ, "DOCKYARD_HOME": str(self.path / "home")}
        command = [sys.executable, "-m", "dockyard.cli.main", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def copy(self, source: str, target: str) -> None:
        words = [self.skopeo, "copy", "--insecure-policy", "--quiet", source, target]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    def inspect(self, name: str) -> tuple[list[str], dict[str, object]]:
        """Diff IDs and configuration as skopeo sees them."""
        done = subprocess.run([self.skopeo, "inspect", "--config", name], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        return document["rootfs"]["diff_ids"], document["config"]

    def held(self, name: str) -> tuple[list[str], bytes]:
        """Diff IDs, and a file's content, of an image in the store."""
        store = Layout(self.path / "home" / "store")
        found = open_image(store, store.resolve(name))
        for each in found.layers:
            each.verify()
        return [str(each) for each in found.config.diff_ids], found.tree().read("hello")


@pytest.fixture
def place(tmp_path: Path, program: Find, rootfs_layer: Callable[[Layout, str], Layer]) -> Place:
    skopeo = program("skopeo")
    store = Layout(tmp_path / "home" / "store", create=True)
    base = rootfs_layer(store, "busybox-glibc-amd64.tar.gz")
    made = image(store, base, layer(store, {"hello": b"world"}), config=CONFIG)
    store.tag("docker.io/library/web:1", made.descriptor)
    return Place(tmp_path, skopeo, str(made.descriptor.digest), [str(each) for each in made.config.diff_ids])


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
def test_skopeo_reads_the_archives_that_we_write(place: Place, form: str) -> None:
    archive = place.path / "saved.tar"
    place.dockyard("save", "web:1", "-o", str(archive), "--format", form)
    tag = "docker.io/library/web:1"
    assert place.inspect(f"{form}:{archive}:{tag}") == (place.diff_ids, CONFIG)
    place.dockyard("copy", "web:1", f"{form}:{place.path}/copied.tar:web:2")
    place.copy(f"{form}:{place.path}/copied.tar", f"oci:{place.path}/layout:x")
    assert place.inspect(f"oci:{place.path}/layout:x")[0] == place.diff_ids


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
def test_we_read_the_archives_that_skopeo_writes(place: Place, form: str) -> None:
    place.dockyard("copy", "web:1", f"oci:{place.path}/layout:x")
    archive = place.path / "theirs.tar"
    place.copy(f"oci:{place.path}/layout:x", f"{form}:{archive}:docker.io/library/theirs:3")
    assert "theirs:3" in place.dockyard("load", "-i", str(archive))
    assert place.held("docker.io/library/theirs:3") == (place.diff_ids, b"world")
    place.dockyard("copy", f"{form}:{archive}:theirs:3", "store:again:1")
    assert place.held("docker.io/library/again:1") == (place.diff_ids, b"world")


def test_a_layout_is_the_same_folder_for_both(place: Place) -> None:
    place.dockyard("copy", "web:1", f"oci:{place.path}/layout:ours")
    place.copy(f"oci:{place.path}/layout:ours", f"oci:{place.path}/layout:theirs")
    assert place.inspect(f"oci:{place.path}/layout:theirs") == (place.diff_ids, CONFIG)
    place.dockyard("copy", f"oci:{place.path}/layout:theirs", "store:back:1")
    store = Layout(place.path / "home" / "store")
    assert str(store.resolve("docker.io/library/back:1").digest) == place.digest


def test_compressed_archives_are_read_and_cut_ones_refused(place: Place) -> None:
    archive = place.path / "saved.tar"
    place.dockyard("save", "web:1", "-o", str(archive), "--format", "oci-archive")
    subprocess.run(["gzip", "-k", str(archive)], check=True)
    assert "web:1" in place.dockyard("load", "-i", f"{archive}.gz")
    cut = place.path / "cut.tar"
    cut.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    words = [sys.executable, "-m", "dockyard.cli.main", "load", "-i", str(cut)]
    environment = {**os.environ, "DOCKYARD_HOME": str(place.path / "other")}
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert done.returncode not in (0, 130)
    assert "archive-truncated" in done.stderr
    assert not Layout(place.path / "other" / "store").tags()
