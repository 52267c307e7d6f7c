"""A context that is a file: an archive or a Dockerfile, from a URL."""

import gzip
import http.server
import io
import os
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from dockyard._internal.limits import DOCKERFILE_BYTES
from dockyard.build.build import build
from dockyard.build.fault import ContextUnreadableError
from dockyard.build.options import Options
from dockyard.build.packed import fetched, unpacked
from dockyard.build.sources.bases import Bases
from dockyard.build.sources.download import UrlRefusedError
from dockyard.errors import Error
from dockyard.progress import SILENT
from making.builds import Yard


class _Files(http.server.BaseHTTPRequestHandler):
    files: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        data = self.files.get(self.path)
        if data is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def archive(**files: bytes) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as out:
        for name, data in files.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size, member.uid, member.gid, member.mtime = len(data), os.getuid(), os.getgid(), 1_400_000_000
            out.addfile(member, io.BytesIO(data))
    return made.getvalue()


def cache(path: Path) -> Path:
    (path / "http").mkdir(exist_ok=True)
    return path / "http"


def test_an_archive_becomes_a_folder_and_keeps_what_an_ignore_file_names(tmp_path: Path, address: str) -> None:
    text = b"FROM scratch\nCOPY . /all/\n"
    _Files.files = {"/c": gzip.compress(archive(Dockerfile=text, a__b=b"1", **{".dockerignore": b"a\n"}))}
    place = tmp_path / "place"
    place.mkdir()
    found = fetched(f"{address}/c", place, cache(tmp_path), SILENT)
    assert (found.dockerfile, found.made, found.origin) == (None, 1_445_412_480, "archive")
    yard = Yard(tmp_path / "yard")
    options = Options(origin=found.origin)
    built = build(found.folder, store=yard.store, data=yard.data, bases=Bases(yard.store), options=options)
    entry = next(entry for entry, _ in built.image.layers[-1].entries() if entry.path == "all/a/b")
    assert (entry.uid, entry.gid, entry.mtime) == (os.getuid(), os.getgid(), 1_400_000_000)


def test_what_is_no_archive_is_a_dockerfile_and_alone(tmp_path: Path, address: str) -> None:
    _Files.files = {"/Dockerfile": b"FROM scratch\nCOPY . /all/\n"}
    place = tmp_path / "place"
    place.mkdir()
    found = fetched(f"{address}/Dockerfile", place, cache(tmp_path), SILENT)
    assert found.dockerfile == found.folder / "context"
    assert [each.name for each in found.folder.iterdir()] == ["context"]
    assert int(found.dockerfile.stat().st_mtime) == 1_445_412_480


def test_what_cannot_be_a_context_is_refused(tmp_path: Path, address: str) -> None:
    _Files.files = {
        "/large": b"x" * (DOCKERFILE_BYTES + 1),
        "/broken": gzip.compress(archive(a=os.urandom(90_000)))[:-5000],
    }
    for path, kind in (("/none", UrlRefusedError), ("/large", ContextUnreadableError), ("/broken", Error)):
        place = tmp_path / path[1:]
        place.mkdir()
        with pytest.raises(kind):
            fetched(address + path, place, cache(tmp_path), SILENT)


def test_an_archive_that_leads_outside_stays_inside(tmp_path: Path) -> None:
    (tmp_path / "c.tar").write_bytes(archive(**{"..__out": b"1"}))
    (tmp_path / "in").mkdir()
    with pytest.raises(Error):
        unpacked(tmp_path / "c.tar", tmp_path / "in")
    assert not (tmp_path / "out").exists()
