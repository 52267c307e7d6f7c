"""Dockerfiles built by us and by a real BuildKit: configuration, history and files are the same.

The files of the folder `buildkit` hold the cases, all over one context. What BuildKit refuses we refuse, too.
"""

import gzip
import io
import os
import subprocess
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zstandard

from conftest import ROOT
from dockyard.build.build import build
from dockyard.build.options import Options
from dockyard.build.sources.bases import Bases
from dockyard.content.layout import Layout
from dockyard.errors import Error
from dockyard.images.image import Image
from dockyard.layers.layer import Layer
from dockyard.layers.tar import Entry
from dockyard.oci.platform import Platform
from making.buildkit import BuildKit, PeerFailedError, running
from making.cases import TIME, Case, cases
from making.compare import differences
from making.images import image, layer, rootfs

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
    with tarfile.open(
        folder / "global.tar", "w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "of all"}
    ) as archive:
        member = tarfile.TarInfo("in/global")
        member.size, member.mtime, member.pax_headers = 2, TIME, {"SCHILY.xattr.user.a": "b"}
        archive.addfile(member, io.BytesIO(b"g\n"))
    strange(folder)
    relinked(folder)
    for path in sorted(folder.rglob("*"), reverse=True):
        os.utime(path, (TIME, TIME), follow_symlinks=False)


def relinked(folder: Path) -> None:
    """Archives whose hard links say something else of a file than the file's own header."""
    for name, members in {
        "relinked.tar": (
            ("r/file", tarfile.REGTYPE, "", 0o644, 31, 100),
            ("r/other", tarfile.REGTYPE, "", 0o4755, 41, 110),
            ("r/symlink", tarfile.SYMTYPE, "file", 0o777, 51, 120),
            ("r/hard", tarfile.LNKTYPE, "r/file", 0o4711, 32, 200),
            ("r/again", tarfile.LNKTYPE, "r/hard", 0o600, 33, 300),
            ("r/same", tarfile.LNKTYPE, "./r/other", 0o4755, 41, 110),
            ("r/sym", tarfile.LNKTYPE, "r/symlink", 0o640, 52, 220),
        ),
        # A file that was linked is written over, by a file and by a link: the names part.
        "parted.tar": (
            ("r/file", tarfile.REGTYPE, "", 0o644, 31, 100),
            ("r/one", tarfile.LNKTYPE, "r/file", 0o600, 32, 200),
            ("r/one", tarfile.REGTYPE, "", 0o444, 33, 300),
            ("r/two", tarfile.LNKTYPE, "r/one", 0o755, 34, 400),
            ("r/three", tarfile.LNKTYPE, "r/file", 0o700, 35, 500),
            ("r/two", tarfile.LNKTYPE, "r/three", 0o711, 36, 600),
        ),
        "onto.tar": (("etc/mine", tarfile.LNKTYPE, "etc/passwd", 0o600, 32, 200),),
    }.items():
        with tarfile.open(folder / name, "w", format=tarfile.PAX_FORMAT) as archive:
            for path, type_, target, mode, owner, age in members:
                member = tarfile.TarInfo(path)
                member.type, member.linkname, member.mode, member.mtime = type_, target, mode, TIME - age
                member.uid = member.gid = owner
                data = path.encode() if type_ == tarfile.REGTYPE else b""
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))


def strange(folder: Path) -> None:
    """Archives with what is seldom in one, and such as hold nothing or end too early."""
    with tarfile.open(folder / "strange.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        for name, type_, mode, data, more in (
            ("dir/late", tarfile.REGTYPE, 0o600, b"before its folder\n", {}),
            ("dir", tarfile.DIRTYPE, 0o2750, b"", {"SCHILY.xattr.user.note": "of a folder"}),
            ("./dot/./file", tarfile.REGTYPE, 0o4755, b"dots\n", {"mtime": "1500000000.75", "atime": "1.5"}),
            ("file", tarfile.REGTYPE, 0o644, b"first\n", {}),
            ("file", tarfile.REGTYPE, 0o640, b"second\n", {"SCHILY.xattr.user.a": "b", "comment": "c"}),
            ("hard", tarfile.LNKTYPE, 0o640, b"", {}),
            ("sub", tarfile.DIRTYPE, 0o1777, b"", {}),
            ("sub/l", tarfile.SYMTYPE, 0o4750, b"", {}),
            ("fifo", tarfile.FIFOTYPE, 0o622, b"", {}),
            ("null", tarfile.CHRTYPE, 0o666, b"", {}),
            ("x" * 120 + "/" + "y" * 90, tarfile.REGTYPE, 0o444, b"long\n", {}),
            ("\u00fc/\u6f22", tarfile.REGTYPE, 0o644, b"names\n", {}),
            ("big", tarfile.REGTYPE, 0o644, b"owner\n", {}),
            ("named", tarfile.REGTYPE, 0o644, b"by name\n", {}),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.size, member.mtime = type_, mode, len(data), TIME - 9000
            member.pax_headers = dict(more)
            member.uid, member.gid = (3_000_000, 4_000_000) if name == "big" else (31, 32)
            member.uname, member.gname = ("root", "daemon") if name == "named" else ("", "")
            member.linkname = {tarfile.SYMTYPE: "../dir/late", tarfile.LNKTYPE: "file"}.get(type_, "")
            member.devmajor, member.devminor = (1, 3) if type_ == tarfile.CHRTYPE else (0, 0)
            archive.addfile(member, io.BytesIO(data))
    whole = (folder / "strange.tar").read_bytes()
    (folder / "strange.tar.zst").write_bytes(zstandard.ZstdCompressor().compress(whole))
    (folder / "cut.tar.gz").write_bytes(gzip.compress(whole)[:-900])
    for name in ("none.tar", "none.tar.gz"):
        tarfile.open(folder / name, "w:gz" if name.endswith("gz") else "w").close()
    (folder / "empty.txt").write_bytes(b"")
    with open(folder / "holes", "wb") as stream:
        stream.write(b"begin")
        stream.seek(1 << 20)
        stream.write(b"middle")
        stream.truncate(3 << 20)
    command = ["tar", "--sparse", "--format=pax", "--owner=0", "--group=0", f"--mtime=@{TIME}", "-C", str(folder)]
    subprocess.run([*command, "-cf", str(folder / "sparse.tar"), "holes"], check=True)
    (folder / "holes").unlink()


# As Docker's own builder left it: with traces of the machine, and with settings that say nothing.
OLD = {
    "Hostname": "4f2a",
    "Domainname": "",
    "AttachStdin": False,
    "Tty": False,
    "Image": "sha256:4f2a",
    "MacAddress": "",
    "User": "",
    "WorkingDir": "",
    "Entrypoint": None,
    "OnBuild": [],
    "Labels": None,
    "Volumes": {},
    "Shell": [],
    "Healthcheck": {"Test": ["CMD", "true"], "Interval": 0, "Else": 1},
    "Env": ["PATH=/bin"],
    "Cmd": ["sh"],
    "ArgsEscaped": False,
    "StopSignal": "",
    "ExposedPorts": {},
}

# Instructions that take from the stage that they become part of, as far as it is.
TAKING = [
    "COPY --from=itself /etc /taken",
    "RUN echo new > /new",
    "COPY --from=0 /new /again",
    "RUN --mount=from=itself,target=/m cp /m/new /mounted",
]


def _name(case: Case) -> str:
    return case.name


CASES = [case for path in sorted(FOLDER.glob("*.cases")) for case in cases(path)]


class Both:
    """One store and one daemon for all; BuildKit begins with every wanted case at once, a few beside each other."""

    def __init__(
        self,
        path: Path,
        peer: BuildKit,
        store: Layout,
        bases: dict[str, Image],
        pool: ThreadPoolExecutor,
        wanted: list[Case],
    ) -> None:
        self._path, self._peer, self._store, self._bases = path, peer, store, bases
        self._theirs = {}
        pattern = path / "pattern"
        pattern.mkdir()
        context(pattern)
        (path / "contexts").mkdir()
        for case in wanted:
            folder = path / "contexts" / case.name
            # Much quicker than to make it anew each time, with its archives.
            subprocess.run(["cp", "-a", str(pattern), str(folder)], check=True)
            self._theirs[case.name] = pool.submit(self._build, case, folder)

    def _build(self, case: Case, folder: Path) -> Image | str:
        case.write(folder)
        platform = ("--opt", f"platform={case.platform}") if case.platform else ()
        # Our layers are written with SOURCE_DATE_EPOCH in mind; BuildKit's exporter has to be told.
        output = "rewrite-timestamp=true" if "SOURCE_DATE_EPOCH" in case.args else ""
        try:
            return self._peer.build(
                folder,
                self._path / "theirs" / case.name,
                args=case.args,
                target=case.target,
                bases={name: str(base.descriptor.digest) for name, base in self._bases.items()},
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
def both(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Both]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if not (PEERS / "buildkitd").exists():
        pytest.skip("buildkitd is not built: make peers")
    folder = ROOT.parent / "shared" / "data" / "images"
    archive, alpine = folder / "busybox-glibc-amd64.tar.gz", folder / "alpine-minirootfs-3.20.3-x86_64.tar.gz"
    if not archive.exists() or not alpine.exists():
        pytest.skip(f"{archive} or {alpine} is absent")
    path = tmp_path_factory.mktemp("peer")
    names = {item.name for item in request.session.items}
    wanted = [case for case in CASES if f"test_the_result_is_buildkit_s[{case.name}]" in names]
    store = Layout(path / "data" / "store", create=True)
    files = rootfs(store, archive)
    bases = {
        "busybox": image(store, files, config={"Env": ["PATH=/bin"], "Cmd": ["sh"]}),
        "alpine": image(store, rootfs(store, alpine), config={"Cmd": ["/bin/sh"]}),
        "odd": image(store, files, odd(store), config={"Env": ["PATH=/bin"], "User": "worker"}),
        "hard": image(store, files, hard(store), config={"Env": ["PATH=/bin"]}),
        "old": image(store, files, config=OLD),
        "relative": image(store, files, config={"Env": ["PATH=/bin"], "WorkingDir": "a/b", "OnBuild": ["WORKDIR c"]}),
        "taking": image(store, files, config={"Env": ["PATH=/bin"], "OnBuild": TAKING}),
        "nowhere": image(store, files, config={"Env": ["PATH=/bin"], "WorkingDir": "/home/a/b", "User": "7:8"}),
    }
    for name, base in bases.items():
        store.tag(f"docker.io/library/{name}:latest", base.descriptor)
    with (
        running(str(PEERS / "buildkitd"), str(PEERS / "buildctl"), path / "buildkitd", store.path) as peer,
        ThreadPoolExecutor(3) as pool,
    ):
        yield Both(path, peer, store, bases, pool, wanted)
        pool.shutdown(cancel_futures=True)


def odd(store: Layout) -> Layer:
    """A layer with what is seldom in one: attributes, several names of a file, devices, set bits, users of its own."""
    capability = {"security.capability": bytes.fromhex("0100000200040000000000000000000000000000")}
    mixed = {"user.note": b"seen", "trusted.note": b"kept", **capability}
    entries: dict[str, bytes | Entry] = {
        "odd": Entry("", "dir", 0o2775, 5, 6, mtime=TIME, xattrs={"user.note": b"of the folder"}),
        "odd/cap": Entry("", mode=0o755, mtime=TIME, xattrs=capability),
        "odd/mixed": Entry("", mode=0o640, uid=7, gid=8, mtime=TIME, xattrs=mixed),
        "odd/setuid": Entry("", mode=0o4755, mtime=TIME),
        "odd/setgid": Entry("", mode=0o2755, gid=9, mtime=TIME),
        "odd/one": Entry("", mode=0o4600, uid=11, gid=12, mtime=TIME),
        "odd/two": Entry("", "hardlink", 0o4600, 11, 12, mtime=TIME, target="odd/one"),
        "odd/sub": Entry("", "dir", 0o1777, mtime=TIME),
        "odd/sub/three": Entry("", "hardlink", 0o4600, 11, 12, mtime=TIME, target="odd/one"),
        "odd/fifo": Entry("", "fifo", 0o600, mtime=TIME),
        "odd/null": Entry("", "char", 0o666, mtime=TIME, major=1, minor=3),
        "odd/link": Entry("", "symlink", 0o755, 13, 14, mtime=TIME, target="sub/three"),
        "etc": Entry("", "dir", mtime=TIME),
        "etc/passwd": b"root:x:0:0::/root:/bin/sh\nworker:x:1000:1001:A, worker:/home/worker:/bin/sh\n7:x:70:71::/:\n",
        "etc/group": b"root:x:0:\nworker:x:1001:\nextra:x:1002:worker\nmore:x:1003:root,worker\n8:x:80:\n",
        "home": Entry("", "dir", mtime=TIME),
        "home/worker": Entry("", "dir", 0o750, 1000, 1001, mtime=TIME),
    }
    return layer(store, entries)


def hard(store: Layout) -> Layer:
    """A layer whose hard links say something else of a file than its own header."""
    entries: dict[str, bytes | Entry] = {
        "h": Entry("", "dir", mtime=TIME),
        "h/one": Entry("", mode=0o600, uid=1, gid=2, mtime=TIME - 100),
        "h/two": Entry("", "hardlink", 0o4755, 3, 4, mtime=TIME - 200, target="h/one"),
        "h/three": Entry("", "hardlink", 0o640, 5, 6, mtime=TIME - 300, target="h/two"),
        "h/s": Entry("", "symlink", 0o777, 1, 2, mtime=TIME - 100, target="one"),
        "h/t": Entry("", "hardlink", 0o600, 3, 4, mtime=TIME - 200, target="h/s"),
        "h/x": Entry("", mode=0o600, mtime=TIME, xattrs={"user.a": b"1"}),
        "h/y": Entry("", "hardlink", 0o644, mtime=TIME, target="h/x", xattrs={"user.b": b"2"}),
    }
    return layer(store, entries)


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_the_result_is_buildkit_s(both: Both, case: Case) -> None:
    ours, theirs = both.build(case)
    assert isinstance(theirs, Image) == isinstance(ours, Image), f"{ours}\n{theirs}"
    if isinstance(ours, Image) and isinstance(theirs, Image):
        found = differences(ours, theirs, context_time=TIME)
        assert not found, "\n".join(["", *found])
