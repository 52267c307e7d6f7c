"""What is not in the context, taken by us and by a real BuildKit: URLs, Git repositories, named contexts."""

import gzip
import hashlib
import http.server
import io
import os
import shutil
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from msgspec.structs import replace

from conftest import ROOT
from dockyard.build.build import build
from dockyard.build.options import Options
from dockyard.build.packed import Packed, fetched
from dockyard.build.secrets.secret import Secret
from dockyard.build.sources import git
from dockyard.build.sources.bases import Bases
from dockyard.build.sources.repository import parse
from dockyard.content.layout import Layout
from dockyard.errors import Error
from dockyard.images.image import Image
from dockyard.progress import SILENT
from making.asked import ASKED, Asked
from making.buildkit import BuildKit, PeerFailedError, running
from making.cases import TIME
from making.compare import differences
from making.images import image, layer, rootfs
from making.repositories import Repositories, served

PEERS = ROOT / "bench" / "peers" / "bin"


class _Files(http.server.BaseHTTPRequestHandler):
    files: ClassVar[dict[str, tuple[bytes, dict[str, str]]]] = {}

    def do_GET(self) -> None:
        found = self.files.get(self.path.partition("?")[0])
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", "/file.txt")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif found is None:
            self.send_error(404)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(found[0])))
            for name, value in found[1].items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(found[0])

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass
class Both:
    """One store, one daemon and the servers for all."""

    path: Path
    peer: BuildKit
    store: Layout
    base: Image
    words: dict[str, str]

    def ours(self, name: str, asked: Asked) -> Image | str:
        """What we make of it; the error's text where it is refused."""
        folder = self._folder(name, asked)
        file = folder / asked.filename
        contexts = {each: self._filled(source) for each, source in asked.contexts.items()}
        secrets = {each: Secret(each, value.encode()) for each, value in asked.secrets.items()}
        options = Options(build_args=asked.args, contexts=contexts, secrets=secrets)
        data = self.path / "data"
        try:
            if asked.url:
                found = self._fetched(name, asked)
                folder, file = found.folder, found.dockerfile or found.folder / asked.filename
                options = replace(options, made=found.made, origin=found.origin)
            return build(
                folder, dockerfile=file, store=self.store, data=data, bases=Bases(self.store), options=options
            ).image
        except Error as error:
            return f"{type(error).__name__}: {error.message} {error.context}"

    def _fetched(self, name: str, asked: Asked) -> Packed:
        address, cache = self._filled(asked.url), self.path / "data" / "cache"
        repository = parse(address)
        if repository is None:
            place = self.path / "packed" / name
            place.mkdir(parents=True)
            (cache / "http").mkdir(parents=True, exist_ok=True)
            return fetched(address, place, cache / "http", SILENT)
        if asked.args:
            repository = replace(repository, mtime="commit")
        found = git.checkout(repository, cache / "git", SILENT)
        return Packed(found.folder, None, found.made, "git")

    def theirs(self, name: str, asked: Asked) -> Image | str:
        """What BuildKit makes of it."""
        extra: list[str] = []
        for each, text in asked.contexts.items():
            source = self._filled(text)
            if source.startswith("oci-layout://"):
                source = f"oci-layout://bases@{source.partition('@')[2]}"
            elif "://" not in source:
                extra.append(f"--local={each}={source}")
                source = f"local:{each}"
            extra.append(f"--opt=context:{each}={source}")
        for each, value in asked.secrets.items():
            file = self.path / f"secret-{name}-{each}"
            file.write_text(value)
            extra.append(f"--secret=id={each},src={file}")
        if "mtime" in asked.url:
            extra.append("--no-cache")  # its cache knows the same content from before, under the checkout's time
        if asked.url:
            extra.append(f"--opt=context={self._filled(asked.url)}")
        try:
            return self.peer.build(
                self._folder(name, asked),
                self.path / "theirs" / name,
                dockerfile=asked.filename,
                args=asked.args,
                bases={"busybox": str(self.base.descriptor.digest)},
                extra=tuple(extra),
                output="rewrite-timestamp=true" if "SOURCE_DATE_EPOCH" in asked.args else "",
            )
        except PeerFailedError as error:
            return str(error)

    def _folder(self, name: str, asked: Asked) -> Path:
        folder = self.path / "contexts" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "one").write_bytes(b"1\n")
        (folder / "Dockerfile").write_text(self._filled(asked.text))
        for each in (*folder.iterdir(), folder):
            os.utime(each, (TIME, TIME))
        return folder

    def _filled(self, text: str) -> str:
        for word, value in self.words.items():
            text = text.replace(f"{{{word}}}", value)
        return text.replace("{{", "{").replace("}}", "}")


def _archive() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, mtime in (("in/a", 1_400_000_000), ("in/b", 1_400_000_007)):
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.uid, member.mode = 2, mtime, 21, 0o640
            archive.addfile(member, io.BytesIO(b"x\n"))
    return made.getvalue()


def _packed() -> bytes:
    """A context as an archive, with owners of its own."""
    made = io.BytesIO()
    text = (
        b"FROM busybox\nARG SOURCE_DATE_EPOCH\nLABEL e=${SOURCE_DATE_EPOCH-none}\nCOPY . /all/\nCOPY one sub /d/\n"
        b"COPY --chown=3:4 one /e/\nADD inner.tar /i/\nCOPY --parents sub/* /p/\n"
        b"RUN --mount=target=/m ls -ln /m/one > /l\n"
    )
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, data, mode in (
            ("./Dockerfile", text, 0o644),
            ("./.dockerignore", b"one\n", 0o600),
            ("one", b"1\n", 0o4755),
            ("sub/other", b"FROM scratch\nCOPY one /o\n", 0o640),
            ("inner.tar", _archive(), 0o644),
        ):
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.uid, member.gid, member.mode = len(data), 1_400_000_000, 21, 22, mode
            archive.addfile(member, io.BytesIO(data))
        for name, type_ in (("empty", tarfile.DIRTYPE), ("link", tarfile.SYMTYPE), ("again", tarfile.LNKTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.mtime, member.uid, member.gid, member.mode = type_, 1_400_000_000, 21, 22, 0o4755
            member.linkname = "" if type_ == tarfile.DIRTYPE else "one"
            archive.addfile(member)
    return made.getvalue()


def _repositories(repositories: Repositories) -> dict[str, str]:
    folder = repositories.begin("plain.git")
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "one").write_text("first\n")
    (folder / "sub" / "deep" / "file").write_text("deep\n")
    (folder / "sub" / "Dockerfile").write_text("FROM scratch\nCOPY . /s/\n")
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    (folder / "link").symlink_to("one")
    (folder / "tosub").symlink_to("sub")
    (folder / "crlf").write_bytes(b"a\r\nb\r\n")
    first = repositories.commit("plain.git", "first")
    repositories.run("plain.git", "tag", "-a", "v1", "-m", "v1")
    repositories.run("plain.git", "tag", "light")
    repositories.run("plain.git", "checkout", "-qb", "dev/x")
    (folder / "one").write_text("dev\n")
    repositories.commit("plain.git", "dev")
    repositories.run("plain.git", "checkout", "-q", "main")
    (folder / "one").write_text("last\n")
    last = repositories.commit("plain.git", "last")
    outer = repositories.begin("outer.git")
    text = "FROM scratch\nARG SOURCE_DATE_EPOCH\nLABEL e=${SOURCE_DATE_EPOCH-none}\nCOPY . /d/\n"
    (outer / "Dockerfile").write_text(text)
    (outer / "other.Dockerfile").write_text("FROM scratch\nCOPY other.Dockerfile /\n")
    repositories.commit("outer.git", "outer")
    repositories.run("outer.git", "submodule", "--quiet", "add", f"{repositories.url}/plain.git", "inner")
    repositories.commit("outer.git", "with a submodule")
    ignored = repositories.begin("ignored.git")
    (ignored / "deep" / "er").mkdir(parents=True)
    (ignored / "Dockerfile").write_text("FROM scratch\nCOPY . /d/\nCOPY --chown=5 left.out /e\n")
    (ignored / "deep" / "other.Dockerfile").write_text("FROM scratch\nCOPY er /f\n")
    (ignored / "deep" / "er" / "Dockerfile").write_text("FROM scratch\nCOPY . /g/\n")
    (ignored / "deep" / "er" / "up").symlink_to("../../left.out")
    (ignored / ".dockerignore").write_text("*.out\n")
    (ignored / "left.out").write_text("kept\n")
    repositories.commit("ignored.git", "ignored")
    repositories.run("ignored.git", "tag", "v1")
    return {
        "git": f"{repositories.url}/plain.git",
        "ignored": f"{repositories.url}/ignored.git",
        "outer": f"{repositories.url}/outer.git",
        "first": first,
        "short": first[:8],
        "last": last,
        "lastshort": last[:10],
        "last3": last[:3],
        "tag": repositories.run("plain.git", "rev-parse", "v1"),
    }


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if not (PEERS / "buildkitd").exists():
        pytest.skip("buildkitd is not built: make peers")
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    path = tmp_path_factory.mktemp("sources")
    store = Layout(path / "data" / "store", create=True)
    archive = ROOT.parent / "shared" / "data" / "images" / "busybox-glibc-amd64.tar.gz"
    if not archive.exists():
        pytest.skip(f"{archive} is absent")
    files = rootfs(store, archive), layer(store, {"f": b"of the base\n"})
    base = image(store, *files, config={"Env": ["A=b", "PATH=/bin"]})
    store.tag("docker.io/library/busybox:latest", base.descriptor)
    folder = path / "named"
    (folder / "sub").mkdir(parents=True)
    for name in ("named.txt", "sub/left-out", "one"):
        (folder / name).write_text(f"{name}\n")
    (folder / ".dockerignore").write_text("**/left-out\n")
    for each in (*folder.rglob("*"), folder):
        os.utime(each, (TIME, TIME))
    dated = {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
    _Files.files = {
        "/file.txt": (b"file\n", dated),
        "/undated": (b"undated\n", {}),
        "/odd-date": (b"odd\n", {"Last-Modified": "yesterday"}),
        "/": (b"root\n", dated),
        "/folder/": (b"folder\n", dated),
        "/with%20space": (b"space\n", dated),
        "/disposition": (b"d\n", {"Content-Disposition": 'attachment; filename="other"', **dated}),
        "/arch.tar.gz": (gzip.compress(_archive()), dated),
        "/undated.tar": (_archive(), {}),
        "/context.tar.gz": (gzip.compress(_packed()), dated),
        "/undated-context.tar": (_packed(), {}),
        "/broken.tar.gz": (gzip.compress(_packed())[:-60], dated),
        "/Dockerfile.txt": (b"FROM scratch\nCOPY context /c\nCOPY . /all/\nCOPY --chown=3 context /d/\n", dated),
    }
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    right = "sha256:" + hashlib.sha256(b"file\n").hexdigest()
    words = {"http": f"http://127.0.0.1:{server.server_port}", "sum": right, "wrong": right[:-4] + "0000"}
    words |= {"folder": str(folder), "layout": f"oci-layout://{store.path}@{base.descriptor.digest}"}
    try:
        with (
            served(path / "repositories") as repositories,
            running(str(PEERS / "buildkitd"), str(PEERS / "buildctl"), path / "buildkitd", store.path) as peer,
        ):
            yield Both(path, peer, store, base, words | _repositories(repositories))
    finally:
        server.shutdown()
        server.server_close()


def _tolerated(name: str, line: str) -> bool:
    """What may differ.

    A submodule's file `.git` has, with BuildKit, a path inside its own state folder, another one each time; we leave
    it out, as we do the repository's own. Where the files of a named folder are a base, BuildKit knows no history for
    them and ends with a line of its exporter's, out of order; we tell them first.
    """
    if "/inner/.git: None / " in line and "gitdir: ../" in line:
        return True
    return name == "named-folder-from" and line.startswith("history ")


@pytest.mark.parametrize("name", ASKED)
def test_what_is_fetched_is_as_with_buildkit(both: Both, name: str) -> None:
    theirs, ours = both.theirs(name, ASKED[name]), both.ours(name, ASKED[name])
    assert isinstance(theirs, Image) == isinstance(ours, Image), f"{ours}\n{theirs}"
    if isinstance(ours, Image) and isinstance(theirs, Image):
        found = [each for each in differences(ours, theirs, context_time=TIME) if not _tolerated(name, each)]
        assert not found, "\n".join(["", *found])
