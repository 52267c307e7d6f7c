"""The suite over every store, and what only the layout on disk promises."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockyard.content.copy import copy
from dockyard.content.held import held
from dockyard.content.layout import Layout, LayoutInvalidError, TagNotFoundError
from dockyard.content.memory import Memory
from dockyard.errors import DiskFullError
from dockyard.images.image import open_image
from dockyard.images.remove import remove
from dockyard.oci.digest import Digest
from making.images import synthesize
from suites.stores import StoreSuite

Damage = Callable[[Digest, Callable[[bytes], bytes]], None]


class TestLayout(StoreSuite):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Layout:
        return Layout(tmp_path, create=True)

    @pytest.fixture
    def damage(self, store: Layout) -> Damage:
        def change(digest: Digest, how: Callable[[bytes], bytes]) -> None:
            path = store.blob_path(digest)
            path.write_bytes(how(path.read_bytes()))

        return change


class TestMemory(StoreSuite):
    @pytest.fixture
    def store(self) -> Memory:
        return Memory()

    @pytest.fixture
    def damage(self, store: Memory) -> Damage:
        def change(digest: Digest, how: Callable[[bytes], bytes]) -> None:
            store.blobs[digest] = how(store.blobs[digest])

        return change


def test_tags_point_move_and_go(tmp_path: Path) -> None:
    store = Layout(tmp_path, create=True)
    one, two = synthesize(store, 1).descriptor, synthesize(store, 2).descriptor
    store.tag("a", one)
    store.tag("b", one)
    store.tag("a", two)
    assert {name: each.digest for name, each in store.tags().items()} == {"a": two.digest, "b": one.digest}
    assert store.resolve("a") == two
    store.untag("a")
    with pytest.raises(TagNotFoundError):
        store.resolve("a")
    with pytest.raises(TagNotFoundError):
        store.untag("a")
    assert held(store, two.digest) == two


TAG_MANY = """
import sys
from pathlib import Path
from dockyard.content.layout import Layout
from dockyard.oci.descriptor import Descriptor
store = Layout(Path(sys.argv[1]))
target = Descriptor.of("application/vnd.oci.image.manifest.v1+json", b"{}")
for number in range(25):
    store.tag(f"{sys.argv[2]}{number}", target)
"""


def test_processes_that_tag_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    Layout(tmp_path, create=True)
    workers = [subprocess.Popen([sys.executable, "-c", TAG_MANY, str(tmp_path), prefix]) for prefix in "abc"]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    assert len(Layout(tmp_path).tags()) == 75


def test_a_copy_keeps_digests_and_is_free_the_second_time(tmp_path: Path) -> None:
    source, sink = Memory(), Layout(tmp_path, create=True)
    made = synthesize(source, 3, layers=3)
    copy(source, sink, made.descriptor)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "blobs").rglob("*")}
    copy(source, sink, made.descriptor)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "blobs").rglob("*")}
    assert open_image(sink, made.descriptor).config.raw == made.config.raw


def test_files_that_others_leave_among_the_blobs_are_passed_over(tmp_path: Path) -> None:
    store = Layout(tmp_path, create=True)
    made = synthesize(store, 1)
    before = set(store.walk())
    (tmp_path / "blobs" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "blobs" / "sha256" / ".nfs0001").write_bytes(b"x")
    (tmp_path / "blobs" / "md5").mkdir()
    (tmp_path / "blobs" / "md5" / "d41d8cd98f00b204e9800998ecf8427e").write_bytes(b"")
    assert made.descriptor.digest in before
    assert set(store.walk()) == before


def test_removing_an_image_keeps_what_others_need(tmp_path: Path) -> None:
    store = Layout(tmp_path, create=True)
    one, two = synthesize(store, 1), synthesize(store, 2)
    store.tag("one", one.descriptor)
    store.tag("also-one", one.descriptor)
    store.tag("two", two.descriptor)
    layers = len(two.layers)
    assert remove(store, ["one"], grace=0) == (0, 0)
    count, size = remove(store, ["two"], grace=0)
    assert count == layers + 2
    assert size > 0
    assert {each.hex for each in store.walk()} == {
        each.digest.hex for each in [*one.manifest.references, one.descriptor]
    }
    synthesize(store, 5)
    assert remove(store, ["also-one"])[0] == 0, "young blobs may belong to an image that is just being made"


@pytest.mark.parametrize("content", [None, b"{", b"[]", b'{"manifests": 3}', b'{"manifests": [{}]}'])
def test_a_folder_that_is_no_layout_is_refused(tmp_path: Path, content: bytes | None) -> None:
    with pytest.raises(LayoutInvalidError):
        Layout(tmp_path)
    store = Layout(tmp_path / "layout", create=True)
    if content is not None:
        (tmp_path / "layout" / "index.json").write_bytes(content)
        with pytest.raises(Exception, match=r"index.json|descriptor"):
            store.tags()


def test_what_is_written_is_a_layout_by_the_specification(tmp_path: Path) -> None:
    store = Layout(tmp_path, create=True)
    store.tag("x", synthesize(store, 1).descriptor)
    assert json.loads((tmp_path / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    assert json.loads((tmp_path / "index.json").read_bytes())["schemaVersion"] == 2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(small_disk: Path) -> None:
    store = Layout(small_disk / "store", create=True)
    with pytest.raises(DiskFullError) as caught, store.ingest() as ingest:
        ingest.write(os.urandom(3 << 20))
    assert caught.value.exit_code == 3
    assert list(store.walk()) == []
    assert list((store.path / "ingest").iterdir()) == []
    store.tag("x", synthesize(store, 1).descriptor)
