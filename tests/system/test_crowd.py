"""Five hundred clients push, pull and delete at once while blobs are collected: none hangs, none loses anything."""

import asyncio
import hashlib
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import ROOT
from dockyard.oci.mediatype import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST
from dockyard.server.stored.verify import verify
from making.ports import free_port
from making.pushed import opened

CLIENTS = 500
SECONDS = 4.0
GRACE_S = 4
# One answer, with five hundred asking at once and two processors for all.
PATIENCE_S = 30.0


class Client:
    """One connection, kept open; pushes images with a layer of its own and one that many share."""

    def __init__(self, number: int, port: int) -> None:
        self.port, self.random = port, random.Random(number)
        self.name = f"team/app{number % 20}"
        self.number = number
        self.tags: dict[str, tuple[str, list[str]]] = {}
        self.count = self.refused = 0
        self.longest = 0.0
        self.odd: list[str] = []

    async def ask(self, method: str, path: str, body: bytes = b"", kind: str = "") -> tuple[int, bytes]:
        begun = time.monotonic()
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        head += f"Content-Type: {kind}\r\n\r\n" if kind else "\r\n"
        async with asyncio.timeout(PATIENCE_S):
            self.writer.write(head.encode() + body)
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            status = int(lines[0].split()[1])
            length = next(
                (int(each.partition(":")[2]) for each in lines if each.lower().startswith("content-length")), 0
            )
            data = await self.reader.readexactly(length)
        self.count += 1
        self.longest = max(self.longest, time.monotonic() - begun)
        if status >= 500:
            self.odd.append(f"{method} {path}: {status} {data[:200]!r}")
        return status, data

    async def blob(self, data: bytes) -> dict[str, object]:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        if (await self.ask("GET", f"/v2/{self.name}/blobs/{digest}"))[0] != 200:
            status, said = await self.ask("POST", f"/v2/{self.name}/blobs/uploads/?digest={digest}", data)
            if status != 201:
                self.odd.append(f"push of a blob: {status} {said!r}")
        return {"mediaType": OCI_LAYER, "digest": digest, "size": len(data)}

    async def work(self, until: float) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            turn = 0
            while time.monotonic() < until:
                turn += 1
                await self.turn(f"c{self.number}-{turn % 3}", turn)
        finally:
            self.writer.close()

    async def turn(self, tag: str, turn: int) -> None:
        begun = time.monotonic()
        shared = await self.blob(b"shared layer %d" % self.random.randrange(30))
        own = await self.blob(f"{self.number} {turn}".encode() * self.random.choice([1, 100, 5000]))
        config = await self.blob(b"{}")
        document = {"schemaVersion": 2, "config": {**config, "mediaType": OCI_CONFIG}, "layers": [shared, own]}
        raw = json.dumps(document).encode()
        status, said = await self.ask("PUT", f"/v2/{self.name}/manifests/{tag}", raw, OCI_MANIFEST)
        if status != 201:
            # Who is slower than the grace period, as nobody is who sets it to a day, may find its blobs gone.
            if status != 404 or time.monotonic() - begun < GRACE_S / 2:
                self.odd.append(f"push of {tag}: {status} {said!r}")
            return
        self.tags[tag] = ("sha256:" + hashlib.sha256(raw).hexdigest(), [str(each["digest"]) for each in (shared, own)])
        status, data = await self.ask("GET", f"/v2/{self.name}/manifests/{tag}")
        if (status, data) != (200, raw):
            self.odd.append(f"pull of {tag}: {status}")
        if self.random.random() < 0.4:
            gone, (digest, _) = self.random.choice(sorted(self.tags.items()))
            target = gone if self.random.random() < 0.5 else digest
            status, _ = await self.ask("DELETE", f"/v2/{self.name}/manifests/{target}")
            if status != 202:
                self.odd.append(f"deletion of {target}: {status}")
            self.tags = {key: each for key, each in self.tags.items() if key != gone and each[0] != digest}


async def crowd(clients: list[Client]) -> None:
    until = time.monotonic() + SECONDS
    async with asyncio.TaskGroup() as group:
        for each in clients:
            group.create_task(each.work(until))


def test_five_hundred_clients_push_pull_and_delete_while_blobs_are_collected(tmp_path: Path) -> None:
    port = free_port()
    words = [sys.executable, "-m", "making.loaded_server", str(tmp_path / "registry"), str(port), str(GRACE_S)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])}
    with open(tmp_path / "said", "wb") as said:
        server = subprocess.Popen(words, stdout=said, stderr=said, env=environment)
    clients = [Client(number, port) for number in range(CLIENTS)]
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                asyncio.run(clients[0].work(0))
                break
            except OSError:
                assert time.monotonic() < deadline, (tmp_path / "said").read_text()
                time.sleep(0.1)
        asyncio.run(crowd(clients))
    finally:
        server.terminate()
        try:
            server.wait(30)
        finally:
            server.kill()
            server.wait()
    odd = [each for client in clients for each in client.odd]
    assert odd == []
    assert all(client.count for client in clients), "somebody never got an answer"
    assert sum(bool(client.tags) for client in clients) > CLIENTS / 4
    with opened(tmp_path / "registry") as instance:
        report = verify(instance.registry.holdings, deep=True)
        assert report.flaws == []
        for client in clients:
            for tag, (digest, _) in client.tags.items():
                assert str(instance.registry.manifest(client.name, tag).digest) == digest
    assert report.tags == sum(len(client.tags) for client in clients)
    told = (tmp_path / "said").read_text()
    assert "Traceback" not in told, told[-3000:]
    requests, longest = sum(client.count for client in clients), max(client.longest for client in clients)
    print(f"{requests} requests of {CLIENTS} clients, the slowest took {longest:.1f} s")
    if longest > PATIENCE_S:
        pytest.fail("somebody waited too long")
