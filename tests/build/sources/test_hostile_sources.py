"""ADD of URLs and Git repositories whose servers and authors mean harm, or do not know better."""

import contextlib
import http.server
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockyard._internal import retry
from dockyard._internal.limits import TooLargeError
from dockyard.build.fault import SourceMissingError
from dockyard.build.secrets.secret import Secret
from dockyard.build.sources import download
from dockyard.build.sources.download import DownloadError, UrlRefusedError
from dockyard.build.sources.git import GitError
from dockyard.build.sources.repository import AddressInvalidError, GitSourceInvalidError
from dockyard.errors import DiskFullError, Error
from dockyard.progress import SILENT
from making.builds import Yard
from making.repositories import served as repositories


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    monkeypatch.setattr(retry, "pauses", lambda: iter([0.0] * 9))
    return Yard(tmp_path)


class _Odd(http.server.BaseHTTPRequestHandler):
    """Answers as its address says."""

    protocol_version = "HTTP/1.1"
    seen: list[tuple[int, str]]

    def do_GET(self) -> None:
        self.close_connection = True
        port = str(self.headers["Host"]).rpartition(":")[2]
        self.seen.append((int(port), self.headers.get("Authorization", "")))
        match self.path.strip("/").split("-"):
            case ["loop"]:
                self._answer(302, {"Location": "/loop"})
            case ["to", where]:
                self._answer(302, {"Location": where if "://" in where else f"http://127.0.0.1:{where}/x"})
            case ["file"]:
                self._answer(302, {"Location": "file:///etc/passwd"})
            case ["short"]:
                self._answer(200, {"Content-Length": "1000"}, b"x" * 10)
            case ["huge"]:
                self._answer(200, {"Content-Length": str(1 << 50)}, b"x")
            case ["endless"]:
                self._answer(200, {}, b"")
                with contextlib.suppress(OSError):
                    while True:
                        self.wfile.write(b"x" * (1 << 16))
            case ["slow"]:
                self._answer(200, {"Content-Length": "5"}, b"x")
                time.sleep(3)
            case ["headers"]:
                with contextlib.suppress(OSError):
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 100_000)
            case ["junk"]:
                self.wfile.write(b"\0\xff junk\r\n\r\n")
            case ["busy"]:
                self._answer(503, {"Retry-After": "1000", "Content-Length": "0"})
            case ["named"]:
                odd = {"Content-Disposition": 'attachment; filename="../../evil"', "Last-Modified": "n\xffnsense"}
                self._answer(200, {**odd, "Content-Length": "2"}, b"ok")
            case ["nothing"]:
                self._answer(404, {"Content-Length": "0"})
            case _:
                self._answer(200, {"Content-Length": "2"}, b"ok")

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def odd_server(seen: list[tuple[int, str]]) -> Iterator[int]:
    handler = type("Handler", (_Odd,), {"seen": seen})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def port() -> Iterator[int]:
    with odd_server([]) as port:
        yield port


def untouched(yard: Yard) -> bool:
    """Nothing was tagged, nothing half-fetched is left, and nothing is left out of the data folder."""
    http_, ingest = yard.data / "cache" / "http", yard.store.path / "ingest"
    left = [path for path in http_.glob("*") if path.suffix != ".lock"] if http_.exists() else []
    return not yard.store.tags() and not left and not list(ingest.glob("*"))


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("loop", DownloadError, "too many redirects"),
        ("file", DownloadError, "No host"),
        ("short", DownloadError, "990 more expected"),
        ("huge", DiskFullError, "are free"),
        ("headers", DownloadError, "headers"),
        ("junk", DownloadError, "junk"),
        ("busy", DownloadError, "503"),
        ("%2e%2e", AddressInvalidError, "names no file"),
        ("a%00b", AddressInvalidError, "names no file"),
        ("n" * 300, AddressInvalidError, "names no file"),
    ],
)
def test_a_server_that_misleads_is_refused(yard: Yard, port: int, path: str, kind: type[Error], words: str) -> None:
    with pytest.raises(kind, match=words):
        yard.build(f"FROM scratch\nADD http://127.0.0.1:{port}/{path} /d/\n")
    assert untouched(yard)


def test_a_body_without_an_end_fills_no_disk(yard: Yard, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(yard.path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=4 << 20))
    with pytest.raises(TooLargeError, match="does not end"):
        yard.build(f"FROM scratch\nADD http://127.0.0.1:{port}/endless /d/\n")
    assert untouched(yard)


def test_a_server_that_stops_answering_is_given_up(yard: Yard, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_PATIENCE", 0.2)
    began = time.monotonic()
    with pytest.raises(DownloadError, match="does not answer in time"):
        yard.build(f"FROM scratch\nADD http://127.0.0.1:{port}/slow /d/\n")
    assert time.monotonic() - began < 3
    assert untouched(yard)


@pytest.mark.parametrize(
    ("path", "name"),
    [("named", "named"), ("..%2f..%2fevil", "evil"), ("", "__unnamed__"), ("a%2Fb?x=/y#z", "b"), ("caf%E9", "caf�")],
)
def test_a_file_is_called_by_the_address_and_nothing_that_the_server_says(
    yard: Yard, port: int, path: str, name: str
) -> None:
    tree = yard.build(f"FROM scratch\nADD http://127.0.0.1:{port}/{path} /d/\n").image.tree()
    assert [node.path for node in tree.walk() if node.entry.kind == "file"] == [f"d/{name}"]


@pytest.mark.parametrize("source", ["file:///etc/passwd", "ftp://127.0.0.1/x", "s3://bucket/x"])
def test_other_addresses_are_refused_with_what_can_be_fetched(yard: Yard, source: str) -> None:
    with pytest.raises(SourceMissingError, match="cannot be fetched"):
        yard.build(f"FROM scratch\nADD {source} /d/\n")


@pytest.mark.parametrize("source", ["http://[::bad/x", "http://[::bad/x.git", "http:///x", "http://127.0.0.1:99999/x"])
def test_addresses_that_are_none_are_refused(yard: Yard, source: str) -> None:
    with pytest.raises((AddressInvalidError, DownloadError)):
        yard.build(f"FROM scratch\nADD {source} /d/\n")


@pytest.mark.parametrize("login", ["me:hunter2", "hunter2"])
def test_a_login_in_an_address_that_is_none_does_not_show(yard: Yard, login: str) -> None:
    with pytest.raises(AddressInvalidError) as caught:
        yard.build("FROM scratch\nCOPY --from=there / /\n", contexts={"there": f"https://{login}@[bad"})
    assert "hunter2" not in caught.value.message


def test_a_secret_for_one_server_is_not_told_to_another(yard: Yard) -> None:
    seen: list[tuple[int, str]] = []
    secret = Secret("HTTP_AUTH_TOKEN_127.0.0.1", b"for-one-only")
    with odd_server(seen) as first, odd_server(seen) as second:
        text = f"FROM scratch\nADD http://127.0.0.1:{first}/to-{second} /d/\n"
        yard.build(text, secrets={secret.id: secret})
        assert seen == [(first, "Bearer for-one-only"), (second, "")]


def test_a_page_that_is_not_there_is_asked_for_once(yard: Yard) -> None:
    seen: list[tuple[int, str]] = []
    with odd_server(seen) as port, pytest.raises(UrlRefusedError, match="404"):
        yard.build(f"FROM scratch\nADD http://127.0.0.1:{port}/nothing /d/\n")
    assert len(seen) == 1


def test_repositories_that_mean_harm(yard: Yard, tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    with repositories(tmp_path / "served") as made:
        victim = made.begin("private")
        (victim / "key").write_text("private")
        made.commit("private", "key")

        folder = made.begin("links.git")
        (folder / "out").symlink_to("/etc")
        (folder / "up").symlink_to("../../../../etc/passwd")
        (folder / "-rf").write_text("dash")
        os.mkdir(os.fsencode(folder) + b"/caf\xe9\n")
        (folder / os.fsdecode(b"caf\xe9\n") / "f").write_text("odd")
        (folder / ".gitattributes").write_text("* filter=evil\n")
        (folder / "filtered").write_text("as it is")
        made.commit("links.git", "links")
        tree = yard.build(f"FROM scratch\nADD {made.url}/links.git /d/\n").image.tree()
        kinds = {node.path: (node.entry.kind, node.entry.target) for node in tree.walk()}
        assert kinds["d/out"] == ("symlink", "/etc")
        assert kinds["d/up"] == ("symlink", "../../../../etc/passwd")
        assert tree.read("d/-rf") == b"dash"
        assert tree.read(os.fsdecode(b"d/caf\xe9\n/f")) == b"odd"
        assert tree.read("d/filtered") == b"as it is"
        for subdir in ("out", "out/ssl", "up"):
            with pytest.raises(GitError, match="no folder"):
                yard.build(f"FROM scratch\nADD {made.url}/links.git#main:{subdir} /d/\n")

        # A submodule from this machine's own disk, or through a command, is not fetched.
        for number, address in enumerate((f"file://{victim}", str(victim), f"ext::sh -c touch% {tmp_path}/ran")):
            name = f"outer{number}.git"
            folder = made.begin(name)
            (folder / ".gitmodules").write_text(f'[submodule "s"]\n\tpath = s\n\turl = {address}\n')
            head = made.run("private", "rev-parse", "HEAD")
            made.run(name, "update-index", "--add", "--cacheinfo", f"160000,{head},s")
            made.run(name, "add", ".gitmodules")
            made.run(name, "commit", "-qm", "submodule")
            with pytest.raises(GitError):
                yard.build(f"FROM scratch\nADD {made.url}/{name} /d/\n")
            assert yard.build(f"FROM scratch\nADD {made.url}/{name}?submodules=false /d/\n")
        assert not (tmp_path / "ran").exists()

        for ref in ("nothing", "--upload-pack=touch /ran", "-x", "a..b", "refs/heads/*", "main^{tree}"):
            with pytest.raises((GitError, GitSourceInvalidError)):
                yard.build(f'FROM scratch\nADD ["{made.url}/links.git#{ref}", "/d/"]\n')
    assert not list((yard.data / "cache" / "git").glob(".*"))


@pytest.mark.parametrize(
    ("variables", "url", "words"),
    [
        ({}, "http://127.0.0.1:1/x", "x: Connection refused"),
        ({}, "https://127.0.0.1:1/x", "x: Connection refused"),
        ({}, "http://nowhere.invalid/x", "x: .*(not known|resolution)"),
        (
            {"HTTP_PROXY": "http://u:geheim@127.0.0.1:1"},
            "http://a.invalid/x",
            "127.0.0.1:1: Connection refused",
        ),
        ({"HTTPS_PROXY": "http://127.0.0.1:1"}, "https://a.invalid/x", "proxy http://127.0.0.1:1: Connection refused"),
    ],
)
def test_what_cannot_be_fetched_says_why_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], url: str, words: str
) -> None:
    monkeypatch.setattr(retry, "pauses", lambda: iter([0.0] * 9))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DownloadError, match=words) as failed:
        download.download(url, tmp_path, "", {}, SILENT)
    assert not any(word in failed.value.message for word in ("HTTPConnection", "Errno", "geheim", "("))


def test_git_s_failure_is_told_by_the_lines_that_say_something(yard: Yard) -> None:
    with pytest.raises(GitError) as failed:
        yard.build("FROM scratch\nADD ssh://git@127.0.0.1:1/x.git /\n")
    assert "Connection refused" in failed.value.message
    assert "repository exists" not in failed.value.message
