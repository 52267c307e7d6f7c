"""COPY and ADD beyond the context's plain files: patterns, links, attributes, URLs, Git, named contexts."""

import hashlib
import http.server
import io
import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockyard.build.copy.destination import DestinationInvalidError
from dockyard.build.copy.owner import OwnerUnknownError
from dockyard.build.copy.remote import ChecksumUseError
from dockyard.build.fault import SourceMissingError
from dockyard.build.sources.contexts import NamedContextError
from dockyard.build.sources.download import ChecksumMismatchError, UrlRefusedError
from dockyard.build.sources.git import GitError
from dockyard.build.sources.repository import GitSourceInvalidError, Repository, parse
from dockyard.layers.tar import Entry
from dockyard.layers.write import FileChangedError
from making.builds import Yard, members
from making.images import image, layer
from making.ports import free_port, listening
from making.repositories import Repositories


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path)
    yard.write({"a/x.txt": "1", "a/b/y.txt": "2", "a/b/z.md": "3", "c/x.txt": "4", "one.txt": "5"})
    return yard


def paths(yard: Yard, *lines: str) -> set[str]:
    return set(members(yard.build("\n".join(["FROM scratch", *lines, ""]))))


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("COPY --parents a/b/y.txt /d/", {"d", "d/a", "d/a/b", "d/a/b/y.txt"}),
        ("COPY --parents a/./b/y.txt /d/", {"d", "d/b", "d/b/y.txt"}),
        ("COPY --parents */x.txt /d/", {"d", "d/a", "d/a/x.txt", "d/c", "d/c/x.txt"}),
        (
            "COPY --parents **/*.txt /d/",
            {"d", "d/a", "d/a/b", "d/a/b/y.txt", "d/a/x.txt", "d/c", "d/c/x.txt", "d/one.txt"},
        ),
        ("COPY --parents a/./**/*.md /d/", {"d", "d/b", "d/b/z.md"}),
        ("COPY --parents --exclude=**/*.md a/b /d/", {"d", "d/a", "d/a/b", "d/a/b/y.txt"}),
    ],
)
def test_parents_are_kept_from_the_pivot_on(yard: Yard, line: str, found: set[str]) -> None:
    assert paths(yard, line) == found


def test_a_missing_literal_path_is_an_error_with_parents_and_a_missing_pattern_is_none(yard: Yard) -> None:
    with pytest.raises(SourceMissingError):
        paths(yard, "COPY --parents a/nothing /d/")
    assert paths(yard, "COPY --parents a/no*thing /d/") == {"d"}


def test_folders_above_keep_their_mode_with_parents(yard: Yard) -> None:
    (yard.context / "a").chmod(0o750)
    found = members(yard.build("FROM scratch\nCOPY --parents a/x.txt /d/\n"))
    assert found["d"][1] == 0o755
    assert found["d/a"][1] == 0o750


@pytest.mark.parametrize(
    ("excludes", "left"),
    [
        (["b"], {"d", "d/x.txt"}),
        (["**/*.txt"], {"d", "d/b", "d/b/z.md"}),
        (["**/*.txt", "!b/y.txt"], {"d", "d/b", "d/b/y.txt", "d/b/z.md"}),
        (["b", "!b/z.md"], {"d", "d/x.txt", "d/b", "d/b/z.md"}),
    ],
)
def test_excluded_files_stay_out(yard: Yard, excludes: list[str], left: set[str]) -> None:
    flags = " ".join(f"--exclude={each}" for each in excludes)
    assert paths(yard, f"COPY {flags} a /d") == left


def test_a_folder_that_copy_makes_has_its_own_mode_and_one_below_it_the_source_s(yard: Yard) -> None:
    (yard.context / "a").chmod(0o700)
    (yard.context / "a" / "b").chmod(0o711)
    found = members(yard.build("FROM scratch\nCOPY a /d\n"))
    assert (found["d"][1], found["d/b"][1]) == (0o755, 0o711)
    found = members(yard.build("FROM scratch\nCOPY --chmod=640 --chown=5:6 one.txt /n/ew/\n"))
    assert found == {"n": ("dir", 0o640, 5, 6), "n/ew": ("dir", 0o640, 5, 6), "n/ew/one.txt": ("file", 0o640, 5, 6)}


def test_hard_links_stay_links_inside_what_one_source_names(yard: Yard) -> None:
    os.link(yard.context / "a" / "x.txt", yard.context / "a" / "b" / "again")
    found = members(yard.build("FROM scratch\nCOPY a /d\n"))
    assert sorted(found[each][0] for each in ("d/x.txt", "d/b/again")) == ["file", "hardlink"]
    tree = yard.build("FROM scratch AS s\nCOPY a /d\nFROM scratch\nCOPY --from=s /d /e\n").image.tree()
    assert tree.read("e/b/again") == tree.read("e/x.txt") == b"1"


def test_no_extended_attribute_comes_from_the_context(yard: Yard) -> None:
    capability = bytes.fromhex("0100000200040000000000000000000000000000")
    try:
        os.setxattr(yard.context / "one.txt", "user.note", b"of this machine")
        os.setxattr(yard.context / "one.txt", "security.capability", capability)
    except OSError:
        pytest.skip("the file system has no extended attributes")
    built = yard.build("FROM scratch AS s\nCOPY one.txt /\nFROM scratch\nCOPY --from=s /one.txt /two.txt\n")
    (entry,) = [entry for entry, _ in built.image.layers[-1].entries()]
    assert dict(entry.xattrs) == {}  # as with BuildKit, which loses even capabilities


def based(yard: Yard, **entries: Entry | bytes) -> None:
    named = {name.replace("__", "/"): entry for name, entry in entries.items()}
    yard.store.tag("docker.io/library/base:1", image(yard.store, layer(yard.store, named)).descriptor)


def test_what_is_there_already_keeps_its_mode_unless_the_source_brings_it(yard: Yard) -> None:
    based(yard, d=Entry("", "dir", 0o700, 7, 7), d__b=Entry("", "dir", 0o700, 7, 7))
    tree = yard.build("FROM base:1\nCOPY a /d\n").image.tree()
    kept, brought = tree.get("d"), tree.get("d/b")
    assert kept is not None
    assert brought is not None
    assert (kept.entry.mode, kept.entry.uid) == (0o700, 7)
    assert (brought.entry.mode, brought.entry.uid) == (0o755, 0)


def test_a_link_as_destination_is_followed_and_one_below_it_replaced(yard: Yard) -> None:
    based(yard, real=b"r", link=Entry("", "symlink", 0o777, target="real"), d__x__txt=b"")
    tree = yard.build("FROM base:1\nCOPY one.txt /link\n").image.tree()
    assert tree.read("real") == b"5"
    link = tree.get("link", follow=False)
    assert link is not None
    assert link.entry.kind == "symlink"
    based(yard, **{"d__x.txt": Entry("", "symlink", 0o777, target="/etc"), "d": Entry("", "dir", 0o755)})
    tree = yard.build("FROM base:1\nCOPY a /d\n").image.tree()
    replaced = tree.get("d/x.txt", follow=False)
    assert replaced is not None
    assert replaced.entry.kind == "file"


def test_a_file_does_not_replace_a_folder_nor_a_folder_a_file(yard: Yard) -> None:
    based(yard, **{"d__x.txt__deep": b""})
    with pytest.raises(DestinationInvalidError, match=r"d/x\.txt"):
        yard.build("FROM base:1\nCOPY a /d\n")
    based(yard, d__b=b"a file")
    with pytest.raises(DestinationInvalidError, match="d/b"):
        yard.build("FROM base:1\nCOPY a /d\n")
    based(yard, one=Entry("", "symlink", 0o777, target="two"), two=Entry("", "symlink", 0o777, target="one"))
    with pytest.raises(DestinationInvalidError, match="circle"):
        yard.build("FROM base:1\nCOPY one.txt /one/\n")


def test_a_linked_copy_does_not_look_at_the_image(yard: Yard) -> None:
    based(yard, link=Entry("", "symlink", 0o777, target="real"))
    assert "link" in members(yard.build("FROM base:1\nCOPY --link one.txt /link/\n"))
    with pytest.raises(OwnerUnknownError, match="--link"):
        yard.build("FROM base:1\nCOPY --link --chown=app one.txt /x\n")


def test_archives_are_unpacked_where_they_are_told_to_be(yard: Yard) -> None:
    with tarfile.open(yard.context / "x.tar.gz", "w:gz") as archive:
        for name in (".", "./deep/er/file"):
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.uid = (tarfile.DIRTYPE if name == "." else tarfile.REGTYPE), 0o711, 9
            archive.addfile(member, io.BytesIO(b""))
    found = members(yard.build("FROM scratch\nADD x.tar.gz /d\n"))
    assert found == {
        "d": ("dir", 0o755, 0, 0),
        "d/deep": ("dir", 0o755, 0, 0),
        "d/deep/er": ("dir", 0o755, 0, 0),
        "d/deep/er/file": ("file", 0o711, 9, 0),
    }
    assert set(members(yard.build("FROM scratch\nADD --unpack=false x.tar.gz /d\n"))) == {"d"}
    assert members(yard.build("FROM scratch\nADD --chown=3:4 x.tar.gz /d\n"))["d/deep/er/file"][2:] == (3, 4)


def test_a_link_in_an_archive_has_the_mode_that_file_systems_give_links(yard: Yard) -> None:
    with tarfile.open(yard.context / "x.tar", "w") as archive:
        member = tarfile.TarInfo("link")
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, "file", 0o4750
        archive.addfile(member)
        member.name, member.type, member.linkname = "again", tarfile.LNKTYPE, "link"
        archive.addfile(member)
    found = members(yard.build("FROM scratch\nADD x.tar /\n"))
    assert [each[1] for each in found.values()] == [0o777, 0o777]


def test_an_archive_that_begins_with_an_extended_header_is_one(yard: Yard) -> None:
    with tarfile.open(yard.context / "pax.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        member = tarfile.TarInfo("x" * 150)
        member.mtime = 1.5
        archive.addfile(member)
    (yard.context / "short.gz").write_bytes(b"\x1f\x8b\x08nothing more")
    assert "d/" + "x" * 150 in paths(yard, "ADD pax.tar /d")
    assert "d/short.gz" in paths(yard, "ADD short.gz /d/")


def test_a_context_that_changes_while_it_is_read_is_read_again_or_refused(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, count = os.fstat, iter(range(1000))

    def meddling(handle: int) -> os.stat_result:
        path = os.readlink(f"/proc/self/fd/{handle}")
        if path.endswith("one.txt") and next(count) < times:
            Path(path).write_text("changed " * (next(count) + 3))
        return real(handle)

    monkeypatch.setattr(os, "fstat", meddling)
    times = 1
    assert yard.build("FROM scratch\nCOPY one.txt /\n").image.tree().read("one.txt").startswith(b"changed")
    assert any("changed while it was read" in line for line in yard.progress.lines)
    times = 1000
    with pytest.raises(FileChangedError, match=r"one\.txt"):
        yard.build("FROM scratch\nCOPY one.txt /again\n")


class Served(http.server.ThreadingHTTPServer):
    """Serves `files`, counts requests, knows ETag and asks for a token below /private."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, int]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Served

    def do_GET(self) -> None:
        data = self.server.files.get(self.path.partition("?")[0])
        status = 404 if data is None else 200
        if self.path.startswith("/private") and self.headers.get("Authorization") != "Bearer token":
            status = 403
        etag = f'"{hashlib.sha256(data or b"").hexdigest()[:8]}"'
        if status == 200 and self.headers.get("If-None-Match") == etag:
            status = 304
        self.server.asked.append((self.path, status))
        self.send_response(status)
        self.send_header("ETag", etag)
        self.send_header("Last-Modified", "Tue, 14 Nov 2023 22:13:20 GMT")
        body = (data or b"") if status == 200 else b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def served() -> Iterator[Served]:
    server = Served()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_url_becomes_a_file_that_is_fetched_again_only_when_it_changed(yard: Yard, served: Served) -> None:
    served.files["/a%20b"] = b"content"
    line = f"FROM scratch\nADD {served.url}/a%20b /d/\n"
    built = yard.build(line)
    ((_, _), (entry, _)) = built.image.layers[-1].entries()
    assert (entry.path, entry.mode, entry.uid, entry.mtime) == ("d/a b", 0o600, 0, 1_700_000_000)
    assert yard.build(line).steps[0].cached
    assert [status for _, status in served.asked] == [200, 304]
    served.files["/a%20b"] = b"other"
    assert yard.build(line).image.tree().read("d/a b") == b"other"


def test_what_comes_from_a_url_has_its_own_time_though_the_same_bytes_were_copied_before(
    yard: Yard, served: Served
) -> None:
    served.files["/one.txt"] = b"5"
    (yard.context / "one.txt").chmod(0o600)
    os.utime(yard.context / "one.txt", (1_000_000_000, 1_000_000_000))
    for line, time in (
        ("COPY one.txt /", 1_000_000_000),
        (f"ADD {served.url}/one.txt /", 1_700_000_000),
        (f"ADD --chmod=600 {served.url}/one.txt /", 1_700_000_000),
    ):
        ((entry, _),) = yard.build(f"FROM scratch\n{line}\n").image.layers[-1].entries()
        assert entry.mtime == time, line


def test_a_checksum_is_kept_to_and_spares_asking(yard: Yard, served: Served) -> None:
    served.files["/x"] = b"content"
    digest = hashlib.sha256(b"content").hexdigest()
    line = f"FROM scratch\nADD --checksum=sha256:{{}} {served.url}/x /x\n"
    with pytest.raises(ChecksumMismatchError) as refused:
        yard.build(line.format("0" * 64))
    assert refused.value.context["found"] == f"sha256:{digest}"
    yard.build(line.format(digest))
    asked = len(served.asked)
    yard.build(line.format(digest))
    assert len(served.asked) == asked
    with pytest.raises(ChecksumUseError):
        yard.build(f"FROM scratch\nADD --checksum=sha256:{digest} one.txt /x\n")


def test_a_url_that_is_not_there_is_an_error_and_a_secret_opens_a_closed_one(yard: Yard, served: Served) -> None:
    with pytest.raises(UrlRefusedError, match="404"):
        yard.build(f"FROM scratch\nADD {served.url}/nothing /x\n")
    served.files["/private/x"] = b"1"
    with pytest.raises(UrlRefusedError, match="403"):
        yard.build(f"FROM scratch\nADD {served.url}/private/x /x\n")
    from dockyard.build.secrets.secret import Secret

    secret = Secret("HTTP_AUTH_TOKEN_127.0.0.1", b"token\n")
    assert yard.build(f"FROM scratch\nADD {served.url}/private/x /x\n", secrets={secret.id: secret})


def test_a_remote_archive_is_unpacked_only_where_that_is_asked_for(yard: Yard, served: Served) -> None:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:xz") as archive:
        archive.addfile(tarfile.TarInfo("in/side"), io.BytesIO())
    served.files["/x.tar.xz"] = made.getvalue()
    assert "d/x.tar.xz" in paths(yard, f"ADD {served.url}/x.tar.xz /d/")
    assert "d/in/side" in paths(yard, f"ADD --unpack=true {served.url}/x.tar.xz /d/")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://h/a/b.git", Repository("https://h/a/b.git")),
        ("https://h/a/b.git#v1:sub/dir", Repository("https://h/a/b.git", "v1", "sub/dir")),
        ("https://h/a/b.git?branch=main&subdir=x", Repository("https://h/a/b.git", "refs/heads/main", "x")),
        ("https://h/b.git?tag=v1&keep-git-dir", Repository("https://h/b.git", "refs/tags/v1", keep=True)),
        ("https://h/b.git?submodules=false", Repository("https://h/b.git", submodules=False)),
        ("https://h/b.git?mtime=commit", Repository("https://h/b.git", mtime="commit")),
        (
            "https://h/b.git?branch=m&commit=12ab&fetch-by-commit",
            Repository("https://h/b.git", "refs/heads/m", checksum="12ab", direct=True),
        ),
        ("https://h/b.git#v1:a/../b/./c", Repository("https://h/b.git", "v1", "b/c")),
        ("git@h:a/b.git#v1", Repository("git@h:a/b.git", "v1")),
        ("ssh://git@h/a/b", Repository("ssh://git@h/a/b")),
        ("git://h/a", Repository("git://h/a")),
        ("https://h/a/b", None),
        ("./x.git", None),
        ("file.txt", None),
        ("user@host", None),
    ],
)
def test_an_address_is_told_to_be_a_repository_s_or_none(text: str, found: Repository | None) -> None:
    assert parse(text) == found


@pytest.mark.parametrize(
    "query", ["ref=a&ref=b", "what=1", "keep-git-dir=maybe", "ref=", "tag=a&branch=b", "mtime=never"]
)
def test_unsound_addresses_of_repositories(query: str) -> None:
    with pytest.raises(GitSourceInvalidError):
        parse(f"https://h/a.git?{query}")


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """A real repository behind a real git daemon: its address, and the commits of v1 and main."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    folder = tmp_path / "served" / "project.git"
    folder.mkdir(parents=True)
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]

    def run(*words: str) -> str:
        return subprocess.run([git, *identity, *words], cwd=folder, check=True, capture_output=True, text=True).stdout

    run("init", "--quiet", "--initial-branch=main")
    (folder / "sub").mkdir()
    (folder / "sub" / "run.sh").write_text("one")
    (folder / "sub" / "run.sh").chmod(0o755)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY sub /\n")
    run("add", "-A")
    run("commit", "-qm", "one")
    run("tag", "-a", "v1", "-m", "v1")
    (folder / "sub" / "run.sh").write_text("two")
    run("commit", "-qam", "two")
    commits = [run("rev-parse", "v1^{}").strip(), run("rev-parse", "main").strip()]
    port = free_port()
    words = [git, "daemon", "--export-all", f"--base-path={folder.parent}", "--listen=127.0.0.1", f"--port={port}"]
    daemon = subprocess.Popen(words, stderr=subprocess.DEVNULL, start_new_session=True)
    listening(port, daemon)
    yield f"git://127.0.0.1:{port}/project.git", commits
    os.killpg(daemon.pid, 15)
    daemon.wait()


def test_a_repository_is_added_at_a_ref_and_checked_against_a_commit(
    yard: Yard, repository: tuple[str, list[str]]
) -> None:
    url, (first, last) = repository
    tree = yard.build(f"FROM scratch\nADD {url} /src\n").image.tree()
    assert tree.read("src/sub/run.sh") == b"two"
    node = tree.get("src/sub/run.sh")
    assert node is not None
    assert node.entry.mode == 0o755
    assert tree.get("src/.git") is None
    assert yard.build(f"FROM scratch\nADD {url}#v1:sub /src/\n").image.tree().read("src/run.sh") == b"one"
    assert yard.build(f"FROM scratch\nADD {url}#{first} /\n").image.tree().read("sub/run.sh") == b"one"
    assert yard.build(f"FROM scratch\nADD --keep-git-dir=true {url} /\n").image.tree().get(".git/HEAD") is not None
    assert yard.build(f"FROM scratch\nADD --checksum={last} {url}#main /\n").steps
    with pytest.raises(ChecksumMismatchError):
        yard.build(f"FROM scratch\nADD --checksum={first} {url}#main /\n")
    with pytest.raises(GitError, match="no branch or tag"):
        yard.build(f"FROM scratch\nADD {url}#nothing /\n")
    with pytest.raises(GitError, match="no folder"):
        yard.build(f"FROM scratch\nADD {url}#main:none /\n")


def test_a_repository_on_a_server_of_plain_files_is_fetched_with_its_submodules(
    yard: Yard, tmp_path: Path, served: Served
) -> None:
    repositories = Repositories(shutil.which("git") or "", tmp_path / "repositories", 0)
    for name in ("inner", "outer"):
        (repositories.begin(name) / "file").write_text(name)
        repositories.commit(name, "first")
    repositories.run("outer", "submodule", "--quiet", "add", "--name", "part", "../inner", "part")
    repositories.run("outer", "config", "-f", ".gitmodules", "submodule.part.url", f"{served.url}/inner.git")
    commit = repositories.commit("outer", "with a part")
    for name in ("inner", "outer"):
        repositories.run(name, "update-server-info")
        for path in (repositories.folder / name / ".git").rglob("*"):
            if path.is_file():
                served.files[f"/{name}.git/{path.relative_to(repositories.folder / name / '.git')}"] = path.read_bytes()
    for ref in ("", "#main", f"#{commit}"):
        tree = yard.build(f"FROM scratch\nADD {served.url}/outer.git{ref} /d/\n").image.tree()
        assert (tree.read("d/file"), tree.read("d/part/file")) == (b"outer", b"inner")


def test_named_contexts_serve_from_and_replace_images_and_stages(yard: Yard, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").write_text("named")
    (other / "left-out").write_text("")
    (other / ".dockerignore").write_text("left-out\n")
    built = yard.build("FROM scratch\nCOPY --from=extra / /\n", contexts={"extra": str(other)})
    assert {"file", ".dockerignore"} <= set(members(built))
    assert "left-out" not in members(built)
    based(yard, there=b"1")
    built = yard.build("FROM alpine\nCOPY one.txt /\n", contexts={"alpine": "docker-image://base:1"})
    assert built.image.tree().read("there") == b"1"
    text = "FROM absent:1 AS stage\nRUN never\nFROM scratch\nCOPY --from=stage /file /\n"
    assert yard.build(text, contexts={"stage": str(other)}).image.tree().read("file") == b"named"
    assert yard.build("FROM folder\n", contexts={"folder": str(other)}).image.tree().read("file") == b"named"
    with pytest.raises(NamedContextError):
        yard.build("FROM x\n", contexts={"x": "/nowhere"})


def test_an_oci_layout_is_a_named_context(yard: Yard, tmp_path: Path) -> None:
    from dockyard.content.layout import Layout

    layout = Layout(tmp_path / "layout", create=True)
    layout.tag("docker.io/library/one:1", image(layout, layer(layout, {"a": b"1"})).descriptor)
    layout.tag("docker.io/library/one:2", image(layout, layer(layout, {"a": b"2"})).descriptor)
    for tag in ("1", "2"):
        built = yard.build("FROM base\n", contexts={"base": f"oci-layout://{layout.path}:{tag}"})
        assert built.image.tree().read("a") == tag.encode()
    with pytest.raises(NamedContextError):
        yard.build("FROM base\n", contexts={"base": f"oci-layout://{layout.path}"})
