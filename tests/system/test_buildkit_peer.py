"""Dockerfiles built by us and by a real BuildKit: configuration, history and files are the same.

The files of the folder `buildkit` hold the cases, all over one context. What BuildKit refuses we refuse, too.
"""

import gzip
import io
import os
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import ROOT
from dockyard.build.bases import Bases
from dockyard.build.build import build
from dockyard.build.options import Options
from dockyard.content.layout import Layout
from dockyard.errors import Error
from dockyard.images.image import Image
from dockyard.layers import tar
from dockyard.layers.layer import Layer
from dockyard.layers.write import LayerWriter
from dockyard.oci.platform import Platform
from making.buildkit import BuildKit, PeerFailedError, running
from making.cases import TIME, Case, cases
from making.compare import differences
from making.images import image

FOLDER = Path(__file__).parent / "buildkit"
PEERS = ROOT / "bench" / "peers" / "bin"


def context(folder: Path) -> None:
    """The context of every case."""
    files: dict[str, bytes] = {
        "one.txt": b"1\n",
        "two.txt": b"2\n",
        "sp ace.txt": b"3\n",
        "app/main.py": b"print()\n",
        "app/sub/deep.txt": b"deep\n",
        "app/sub/more.py": b"\n",
        "links/file": b"linked\n",
        "links/dir/deep.txt": b"below\n",
        "modes/a": b"a",
        "modes/b": b"b",
        "hard/one": b"hard",
        "notreally.tar": b"this is no archive\n" * 40,
        "[weird].txt": b"weird\n",
    }
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "emptydir").mkdir(mode=0o711)
    os.link(folder / "hard" / "one", folder / "hard" / "two")
    (folder / "links" / "to-file").symlink_to("file")
    (folder / "links" / "to-dir").symlink_to("dir")
    (folder / "links" / "dangling").symlink_to("nowhere")
    (folder / "modes" / "a").chmod(0o4755)
    (folder / "modes" / "b").chmod(0o600)
    (folder / "modes").chmod(0o1777)
    (folder / "app" / "sub").chmod(0o750)
    for opened in (
        tarfile.open(folder / "arch.tar", "w"),
        tarfile.open(folder / "arch.tar.gz", "w:gz"),
        tarfile.open(folder / "arch.tar.xz", "w:xz"),
        tarfile.open(folder / "arch.tar.bz2", "w:bz2"),
    ):
        with opened as archive:
            for name, type_, mode, data in (
                (".", tarfile.DIRTYPE, 0o711, b""),
                ("top", tarfile.DIRTYPE, 0o750, b""),
                ("top/file", tarfile.REGTYPE, 0o640, b"in archive\n"),
                ("implied/dir/file", tarfile.REGTYPE, 0o644, b"implied\n"),
                ("top/link", tarfile.SYMTYPE, 0o777, b""),
                ("top/hard", tarfile.LNKTYPE, 0o640, b""),
            ):
                member = tarfile.TarInfo(name)
                member.type, member.mode, member.size, member.mtime = type_, mode, len(data), TIME - 5000
                member.uid, member.gid = 21, 22
                member.linkname = {tarfile.SYMTYPE: "file", tarfile.LNKTYPE: "top/file"}.get(type_, "")
                archive.addfile(member, io.BytesIO(data))
    for path in sorted(folder.rglob("*"), reverse=True):
        os.utime(path, (TIME, TIME), follow_symlinks=False)


def _name(case: Case) -> str:
    return case.name


CASES = [case for path in sorted(FOLDER.glob("*.cases")) for case in cases(path)]


class Both:
    """One store and one daemon for all cases; BuildKit begins with all of them at once, a few beside each other."""

    def __init__(self, path: Path, peer: BuildKit, store: Layout, base: Image, pool: ThreadPoolExecutor) -> None:
        self._path, self._peer, self._store, self._base = path, peer, store, base
        self._theirs = {}
        for case in CASES:
            folder = path / "contexts" / case.name
            folder.mkdir(parents=True)
            self._theirs[case.name] = pool.submit(self._build, case, folder)

    def _build(self, case: Case, folder: Path) -> Image | str:
        context(folder)
        case.write(folder)
        bases = {"busybox": str(self._base.descriptor.digest)}
        platform = ("--opt", f"platform={case.platform}") if case.platform else ()
        # Our layers are written with SOURCE_DATE_EPOCH in mind; BuildKit's exporter has to be told.
        output = "rewrite-timestamp=true" if "SOURCE_DATE_EPOCH" in case.args else ""
        try:
            return self._peer.build(
                folder,
                self._path / "theirs" / case.name,
                args=case.args,
                target=case.target,
                bases=bases,
                extra=platform,
                output=output,
            )
        except PeerFailedError as error:
            return str(error)

    def build(self, case: Case) -> tuple[Image | str, Image | str]:
        """What we make of a context and what BuildKit does; the error's text where it is refused."""
        theirs = self._theirs[case.name].result()
        ours: Image | str
        options = Options(
            build_args=case.args,
            target=case.target,
            platforms=[Platform.parse(case.platform)] if case.platform else (),
        )
        folder = self._path / "contexts" / case.name
        try:
            ours = build(
                folder, store=self._store, data=self._path / "data", bases=Bases(self._store), options=options
            ).image
        except Error as error:
            ours = f"{type(error).__name__}: {error.message} {error.context}"
        return ours, theirs


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if not (PEERS / "buildkitd").exists():
        pytest.skip("buildkitd is not built: make peers")
    archive = ROOT.parent / "shared" / "data" / "images" / "busybox-glibc-amd64.tar.gz"
    if not archive.exists():
        pytest.skip(f"{archive} is absent")
    path = tmp_path_factory.mktemp("peer")
    store = Layout(path / "data" / "store", create=True)
    base = image(store, rootfs(store, archive), config={"Env": ["PATH=/bin"], "Cmd": ["sh"]})
    store.tag("docker.io/library/busybox:latest", base.descriptor)
    with (
        running(str(PEERS / "buildkitd"), str(PEERS / "buildctl"), path / "buildkitd", store.path) as peer,
        ThreadPoolExecutor(3) as pool,
    ):
        yield Both(path, peer, store, base, pool)
        pool.shutdown(cancel_futures=True)


def rootfs(store: Layout, archive: Path) -> Layer:
    with LayerWriter(store) as writer, gzip.open(archive) as stream:
        for entry, content in tar.read(io.BufferedReader(stream)):
            writer.add(entry, content if entry.kind == "file" else None)
        return writer.commit()


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_the_result_is_buildkit_s(both: Both, case: Case) -> None:
    ours, theirs = both.build(case)
    assert isinstance(theirs, Image) == isinstance(ours, Image), f"{ours}\n{theirs}"
    if isinstance(ours, Image) and isinstance(theirs, Image):
        found = differences(ours, theirs, context_time=TIME)
        assert not found, "\n".join(["", *found])
