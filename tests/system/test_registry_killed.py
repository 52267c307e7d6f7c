"""kill -9 at random moments under pushes, pulls, deletions and collections: nothing that was acknowledged is lost,
and the server itself clears what was under way.

`DOCKYARD_KILLS` says how often; 10 by default.
"""

import contextlib
import hashlib
import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

from conftest import ROOT
from dockyard.oci.digest import Digest
from dockyard.oci.mediatype import OCI_MANIFEST
from dockyard.server.stored import deleting, leftovers
from dockyard.server.stored.verify import verify
from making.ports import free_port, listening
from making.pushed import manifest, opened

GRACE_S = 2
KILLS = int(os.environ.get("DOCKYARD_KILLS", "10"))
SHARED = [bytes([each]) * 3000 for each in range(4)]


class Client:
    """Pushes, pulls and deletes tags of its own in repositories that it shares, and remembers what was acknowledged."""

    def __init__(self, number: int, port: int, up: threading.Event) -> None:
        self.number, self.port, self.up = number, port, up
        self.random = random.Random(number)
        self.tags: dict[tuple[str, str], str] = {}
        self.unsure: set[tuple[str, str]] = set()
        self.blobs: dict[tuple[str, str], float] = {}
        self.failures: list[str] = []
        self.done = threading.Event()
        self.requests = 0
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        while not self.done.is_set():
            if not self.up.wait(0.1):
                continue
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.act()

    def act(self) -> None:
        key = (f"load/{self.random.randrange(3)}", f"c{self.number}-{self.random.randrange(4)}")
        action = self.random.choice(["push", "push", "pull", "delete", "delete-digest"])
        if action == "push":
            self.push(*key)
        elif action == "pull":
            self.pull(*key)
        elif key in self.tags:
            reference = key[1] if action == "delete" else self.tags[key]
            self.unsure.add(key)
            status, _ = self.request("DELETE", f"/v2/{key[0]}/manifests/{reference}")
            self.expect(status, 202, action, key)
            self.unsure.discard(key)
            del self.tags[key]

    def push(self, name: str, tag: str) -> None:
        own = self.random.randbytes(self.random.randrange(1, 200_000))
        layers = [own, self.random.choice(SHARED)]
        for data in (b"{}", *layers):
            digest = Digest.of(data)
            status, _ = self.request("HEAD", f"/v2/{name}/blobs/{digest}")
            if status == 404:
                status, _ = self.request("POST", f"/v2/{name}/blobs/uploads/?digest={digest}", data)
                self.expect(status, 201, "blob", (name, tag))
            self.blobs[name, str(digest)] = time.monotonic()
        raw = manifest(b"{}", layers, note=f"{self.number} {self.random.random()}")
        key = (name, tag)
        self.unsure.add(key)
        status, _ = self.request("PUT", f"/v2/{name}/manifests/{tag}", raw, {"Content-Type": OCI_MANIFEST})
        self.expect(status, 201, "manifest", key)
        self.tags[key] = str(Digest.of(raw))
        self.unsure.discard(key)

    def pull(self, name: str, tag: str) -> None:
        if (name, tag) not in self.tags or (name, tag) in self.unsure:
            return
        status, raw = self.request("GET", f"/v2/{name}/manifests/{tag}")
        self.expect(status, 200, "pull", (name, tag))
        if str(Digest.of(raw)) != self.tags[name, tag]:
            self.failures.append(f"{name}:{tag} has another digest than was acknowledged")
        for each in json.loads(raw)["layers"]:
            status, data = self.request("GET", f"/v2/{name}/blobs/{each['digest']}")
            self.expect(status, 200, "blob pull", (name, each["digest"]))
            if hashlib.sha256(data).hexdigest() != each["digest"].partition(":")[2]:
                self.failures.append(f"{name}@{each['digest']} has other bytes")

    def request(
        self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, target, body, headers or {})
            answer = connection.getresponse()
            self.requests += 1
            return answer.status, answer.read()
        finally:
            connection.close()

    def expect(self, status: int, wanted: int, what: str, key: object) -> None:
        if status != wanted:
            self.failures.append(f"{what} {key}: {status}, not {wanted}")


def test_nothing_acknowledged_is_lost_however_often_the_server_is_killed(tmp_path: Path) -> None:
    port, up = free_port(), threading.Event()
    clients = [Client(number, port, up) for number in range(3)]
    chance = random.Random(KILLS)
    words = [sys.executable, "-m", "making.loaded_server", str(tmp_path / "registry"), str(port), str(GRACE_S)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])}
    restarts, orphans = 0, set[str]()
    try:
        for _ in range(KILLS):
            with open(tmp_path / "said", "ab") as said:
                server = subprocess.Popen(words, stdout=said, stderr=said, env=environment)
            try:
                listening(port, server)
                up.set()
                time.sleep(chance.uniform(0.1, 1.2))
            finally:
                up.clear()
                server.kill()
                server.wait()
            killed, restarts = time.monotonic(), restarts + 1
            for client in clients:
                assert client.failures == [], (tmp_path / "said").read_text()[-3000:]
            with opened(tmp_path / "registry", grace=GRACE_S) as instance:
                report = verify(instance.registry.holdings, deep=True)
                assert report.flaws == []
                orphans |= {each.what for each in report.leftovers}
                for client in clients:
                    for key, digest in list(client.tags.items()):
                        if key not in client.unsure:
                            assert str(instance.registry.manifest(*key).digest) == digest
                    for (name, text), at in list(client.blobs.items()):
                        if at > killed - GRACE_S / 2:
                            assert instance.registry.holdings.blobs.exists(Digest.parse(text)), (name, text)
                    # What was under way may have happened or not; from here on it is known again.
                    for key in list(client.unsure):
                        client.tags.pop(key, None)
                        client.unsure.discard(key)
    finally:
        for client in clients:
            client.done.set()
        for client in clients:
            client.thread.join()
    time.sleep(GRACE_S)  # what was in its place without a row is now older than an upload under way can be
    with opened(tmp_path / "registry", grace=GRACE_S) as instance:
        holdings = instance.registry.holdings
        orphans |= {each.what for each in verify(holdings).leftovers}
        leftovers.sweep(holdings)
        deleting.collect(holdings)
        report = verify(holdings, deep=True)
        assert (report.flaws, report.leftovers) == ([], [])
    told = [each for each in (tmp_path / "said").read_text().splitlines() if each]
    assert told == [], told[-20:]
    assert sum(client.requests for client in clients) > KILLS * 10
    assert any(client.tags for client in clients)
    print(f"{restarts} kills, {sum(client.requests for client in clients)} requests, {len(orphans)} leftovers seen")
