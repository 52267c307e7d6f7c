"""Taking over a storage folder: whole images only, resumable, by links."""

import json
import os
import shutil
from pathlib import Path

import pytest

from dockyard.oci.digest import Digest
from dockyard.oci.mediatype import OCI_INDEX, OCI_MANIFEST
from dockyard.server.importing.distribution import ImportFolderError, open_source
from dockyard.server.importing.take import take
from dockyard.server.stored import linking, verify
from making.pushed import descriptor, image, manifest, opened


class Folder:
    """A storage folder as distribution writes it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.root = path / "docker" / "registry" / "v2"
        for name in ("blobs", "repositories"):
            (self.root / name).mkdir(parents=True)

    def data(self, digest: Digest) -> Path:
        return self.root / "blobs" / digest.algorithm / digest.hex[:2] / digest.hex / "data"

    def blob(self, data: bytes) -> Digest:
        digest = Digest.of(data)
        self.data(digest).parent.mkdir(parents=True, exist_ok=True)
        self.data(digest).write_bytes(data)
        return digest

    def link(self, path: Path, digest: Digest) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(digest))

    def put(self, name: str, raw: bytes, tag: str = "") -> Digest:
        digest = self.blob(raw)
        place = self.root / "repositories" / name / "_manifests"
        self.link(place / "revisions" / "sha256" / digest.hex / "link", digest)
        if tag:
            self.link(place / "tags" / tag / "current" / "link", digest)
            self.link(place / "tags" / tag / "index" / "sha256" / digest.hex / "link", digest)
        return digest

    def image(self, name: str, tag: str, *layers: bytes) -> Digest:
        for each in (b"{}", *layers):
            self.blob(each)
        return self.put(name, manifest(b"{}", layers), tag)

    def index(self, name: str, tag: str, *children: Digest, media_type: str = OCI_INDEX) -> Digest:
        items = [descriptor(OCI_MANIFEST, each, self.data(each).stat().st_size) for each in children]
        return self.put(name, json.dumps({"schemaVersion": 2, "manifests": items}).encode(), tag)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "other")
    children = [folder.image("team/web", "", b"shared", each) for each in (b"amd64", b"arm64")]
    inner = folder.index("team/web", "", *children)
    folder.index("team/web", "1", inner, children[0])
    folder.image("team/deep/api", "2", b"shared")
    return folder


def test_everything_is_taken_over_once_and_by_links(folder: Folder, tmp_path: Path) -> None:
    with opened(tmp_path / "ours") as instance:
        holdings = instance.registry.holdings
        source = open_source(folder.path)
        dry = take(holdings, source, dry=True)
        assert (dry.repositories, dry.manifests, dry.tags, dry.blobs, dry.problems) == (2, 5, 2, 4, [])
        assert instance.registry.repositories(last="", count=9).items == []
        changed: list[str] = []
        done = take(holdings, source, changed=changed.append)
        assert done == dry
        assert changed == ["team/deep/api", "team/web"]
        assert instance.registry.manifest("team/web", "1").media_type == OCI_INDEX
        assert verify.verify(holdings, deep=True).whole
        path = holdings.blobs.place(Digest.of(b"shared"), 6).path
        assert path is not None
        assert path.samefile(folder.data(Digest.of(b"shared")))
        again = take(holdings, source)
        assert (again.manifests, again.tags, again.blobs, again.bytes, again.problems) == (0, 0, 0, 0, [])


def test_it_goes_on_where_it_was_cut_off(folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path / "ours") as instance:
        holdings = instance.registry.holdings
        original, calls = linking.publish, [0]

        def publish(*words: object) -> None:
            calls[0] += 1
            if calls[0] == 3:
                raise KeyboardInterrupt
            original(*words)  # type: ignore[arg-type]

        monkeypatch.setattr(linking, "publish", publish)
        with pytest.raises(KeyboardInterrupt):
            take(holdings, open_source(folder.path))
        assert verify.verify(holdings).whole
        monkeypatch.setattr(linking, "publish", original)
        take(holdings, open_source(folder.path / "docker" / "registry" / "v2"))
        assert instance.registry.tags("team/web", last="", count=9).items == ["1"]
        report = verify.verify(holdings, deep=True)
        assert report.whole
        assert report.manifests == 5


def test_what_is_damaged_there_is_named_and_left_out(folder: Folder, tmp_path: Path) -> None:
    bad = folder.image("team/bad", "changed", b"good")
    folder.data(Digest.of(b"good")).write_bytes(b"evil")
    lost = folder.image("team/bad", "lost", b"lost")
    folder.data(Digest.of(b"lost")).unlink()
    folder.index("team/bad", "index", lost)
    torn = folder.put("team/bad", b'{"schemaVersion": 1}', "old")
    gone = folder.image("team/bad", "gone", b"fine")
    folder.data(gone).write_bytes(b"{")
    with opened(tmp_path / "ours") as instance:
        done = take(instance.registry.holdings, open_source(folder.path))
        for each in (bad, lost, torn, gone):
            assert any(f"@{each}" in problem for problem in done.problems)
        assert sum("could not be taken over" in problem for problem in done.problems) == 5
        assert (done.manifests, done.tags) == (5, 2)
        assert instance.registry.tags("team/bad", last="", count=9).items == []
        assert verify.verify(instance.registry.holdings, deep=True).whole


def test_what_is_odd_or_half_written_there_is_named_and_stops_nothing(folder: Folder, tmp_path: Path) -> None:
    tags = folder.root / "repositories" / "team" / "web" / "_manifests" / "tags"
    layer = folder.data(folder.blob(b"elsewhere"))
    digest = folder.image("team/web", "moved", b"elsewhere")
    layer.rename(tmp_path / "elsewhere")
    layer.symlink_to(tmp_path / "elsewhere")
    folder.image("team/web", "empty", b"e")
    (tags / "empty" / "current" / "link").write_bytes(b"")
    folder.image("team/web", "crashed", b"c")
    for link in (tags.parent / "revisions").glob("*/*/link"):
        link.write_bytes(b"")
    (tags / "none" / "current").mkdir(parents=True)
    (tags / "folder" / "current" / "link").mkdir(parents=True)
    (tags / "pipe" / "current").mkdir(parents=True)
    os.mkfifo(tags / "pipe" / "current" / "link")
    (tags / os.fsdecode(b"\xff") / "current").mkdir(parents=True)
    piped = folder.image("team/web", "piped", b"p")
    folder.data(piped).unlink()
    os.mkfifo(folder.data(piped))
    part = folder.image("team/web", "part", b"part of it")
    folder.data(Digest.of(b"part of it")).unlink()
    os.mkfifo(folder.data(Digest.of(b"part of it")))
    folder.image("team/UPPER", "1", b"u")
    (folder.root / "repositories" / "loop").symlink_to(folder.root / "repositories")
    with opened(tmp_path / "ours") as instance:
        done = take(instance.registry.holdings, open_source(folder.path))
        told = "\n".join(done.problems)
        for each in ("empty", "none", "folder", "pipe", "\\udcff"):
            assert f"team/web:{each} is no tag, or its link cannot be read" in told
        assert f"{piped}: the manifest's file is not there" in told
        assert f"{part}: {Digest.of(b'part of it')} is missing or damaged" in told
        assert "team/UPPER: no repository can have this name" in told
        found = instance.registry.tags("team/web", last="", count=99).items
        assert found == ["1", "crashed", "moved"]
        assert str(instance.registry.manifest("team/web", "moved").digest) == str(digest)
        assert instance.registry.repositories(last="", count=9).items == ["team/deep/api", "team/web"]
        shutil.rmtree(folder.path)
        (tmp_path / "elsewhere").unlink()
        assert verify.verify(instance.registry.holdings, deep=True).whole


def test_a_tag_that_is_here_already_stays(folder: Folder, tmp_path: Path) -> None:
    with opened(tmp_path / "ours") as instance:
        mine = image(instance.registry, "team/web", "1")
        done = take(instance.registry.holdings, open_source(folder.path), repositories="team/*")
        assert instance.registry.manifest("team/web", "1").digest == mine
        assert done.repositories == 1
        assert "stays there" in done.problems[0]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFolderError, match="docker/registry/v2"):
        open_source(tmp_path)
