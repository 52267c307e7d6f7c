"""A registry on a disk that runs full: what does not fit is refused, what was acknowledged stays, and room helps."""

import hashlib
import http.client
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockyard.oci.mediatype import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST
from making.pushed import opened
from making.serving import Server

MIB = 1 << 20
SIZE_MIB = 48


@pytest.fixture
def small(tmp_path: Path, root: None) -> Iterator[Path]:
    """A file system of its own."""
    folder = tmp_path / "registry"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m", "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True).returncode != 0:
        pytest.skip("no file system may be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


class Client:
    """Keeps what was acknowledged."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.blobs: dict[str, bytes] = {}

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = "") -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, {"Content-Type": kind} if kind else {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def push(self, data: bytes) -> tuple[int, bytes]:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        status, body = self.ask("POST", f"/v2/team/web/blobs/uploads/?digest={digest}", data)
        if status == 201:
            self.blobs[digest] = data
        return status, body

    def manifest(self, tag: str, padding: int = 0) -> tuple[int, bytes]:
        named = [{"mediaType": OCI_LAYER, "digest": key, "size": len(data)} for key, data in self.blobs.items()]
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "layers": named[1:],
            "annotations": {"x": "y" * padding},
        }
        document["config"] = {**named[0], "mediaType": OCI_CONFIG}
        return self.ask("PUT", f"/v2/team/web/manifests/{tag}", json.dumps(document).encode(), OCI_MANIFEST)


def test_a_full_disk_refuses_loses_nothing_and_serves_again_once_there_is_room(tmp_path: Path, small: Path) -> None:
    ballast = small / "ballast"
    server = Server(tmp_path, storage=str(small))
    client = Client(server.port)
    try:
        assert client.push(b"config")[0] == 201
        assert client.push(os.urandom(MIB))[0] == 201
        assert client.manifest("whole")[0] == 201
        # Too large for what is left: refused while it comes, and what had come takes no room for long.
        status, body = client.push(os.urandom(SIZE_MIB * MIB))
        assert (status, json.loads(body)["errors"][0]["code"]) == (507, "DENIED")
        assert b"disk is full" in body
        # Not a byte left, not even for the database.
        with open(ballast, "wb", buffering=0) as out:
            try:
                while True:
                    out.write(bytes(65536))
            except OSError:
                pass
            try:
                while True:
                    out.write(b"0")
            except OSError:
                pass
        for number in range(5):
            for status, body in (
                client.push(os.urandom(10_000)),
                client.manifest(f"more{number}", padding=300_000),
            ):
                assert status in (503, 507), (status, body)
                assert json.loads(body)["errors"][0]["code"] in ("UNAVAILABLE", "DENIED")
        for digest, data in client.blobs.items():
            assert client.ask("GET", f"/v2/team/web/blobs/{digest}") == (200, data)
        assert client.ask("GET", "/v2/team/web/manifests/whole")[0] == 200
        assert client.ask("GET", "/v2/team/web/tags/list") == (200, b'{"name":"team/web","tags":["whole"]}')
        ballast.unlink()
        data = os.urandom(MIB)
        assert client.push(data)[0] == 201
        assert client.manifest("again")[0] == 201
        assert client.push(os.urandom(10_000))[0] == 201
        server.kill()  # and what the full disk left behind is sound after a crash, too
        server.start()
        for digest, data in client.blobs.items():
            assert client.ask("GET", f"/v2/team/web/blobs/{digest}") == (200, data)
    finally:
        server.stop()
    from dockyard.server.stored.verify import verify

    with opened(small, grace=0) as instance:
        report = verify(instance.registry.holdings, deep=True)
        assert report.flaws == []
        kinds = {each.kind for each in report.leftovers}
    assert kinds <= {"orphan-file"}
