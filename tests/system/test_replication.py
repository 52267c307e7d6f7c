"""Replication to and from Debian's docker-registry, with signatures and indexes; the server killed in the middle."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from dockyard.oci.digest import Digest
from dockyard.server.replication import rules, runs
from dockyard.server.replication.ends import There
from dockyard.server.replication.rules import Rule
from making.ports import free_port
from making.pushed import image, index, opened
from making.serving import Server

Find = Callable[[str], str]


class Peer:
    """Debian's docker-registry on loopback, with deletion turned on."""

    def __init__(self, folder: Path, program: str) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        config = folder / "registry.yml"
        config.write_text(
            f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {folder / 'peer'}\n"
            f"  delete:\n    enabled: true\nhttp:\n  addr: {self.address}\n"
        )
        self.log = folder / "peer.log"
        with self.log.open("wb") as stream:
            self.child = subprocess.Popen([program, "serve", str(config)], stdout=stream, stderr=stream)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                urllib3.request("GET", f"http://{self.address}/v2/", retries=False, timeout=2)
                return
            except urllib3.exceptions.HTTPError:
                time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def ask(self, path: str) -> Any:
        """A JSON document of the registry."""
        return urllib3.request("GET", f"http://{self.address}{path}", retries=False).json()

    def uploads(self) -> int:
        """How many blobs were uploaded to the end."""
        lines = self.log.read_text().splitlines()
        return sum('"PUT /v2/' in line and "/blobs/uploads/" in line and '" 201 ' in line for line in lines)


@pytest.fixture
def peer(tmp_path: Path, program: Find) -> Iterator[Peer]:
    peer = Peer(tmp_path, program("docker-registry"))
    yield peer
    peer.child.terminate()
    peer.child.wait(10)


def wait(true: Callable[[], Any], what: Callable[[], Any] = lambda: "") -> None:
    deadline = time.monotonic() + 90
    while not true():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)


def test_pushes_are_copied_as_they_come_with_all_that_refers_to_them(tmp_path: Path, peer: Peer) -> None:
    with opened(tmp_path / "registry") as instance:
        database, registry = instance.database, instance.registry
        rule = Rule(0, "copy", "push", peer.address, "shop/*", events=True, deletions=True)
        rule = rules.add(database, instance.seal, rule)
        one = image(registry, "shop/web", layers=[b"one"], note="one")
        whole = index(registry, "shop/web", "1.0", [one, image(registry, "shop/web", layers=[b"two"], note="two")])
        image(registry, "shop/web", "2.0", layers=[b"one"], note="new")
        signature = image(registry, "shop/web", subject=whole, note="signature")
        server = Server(tmp_path)
        try:
            place = There(rule, "").place("shop/web")
            wait(lambda: {"1.0", "2.0"} <= set(peer.ask("/v2/shop/web/tags/list").get("tags") or []))
            wait(lambda: [each.digest for each in place.referrers(whole)] == [signature])
            assert place.head("1.0") == whole
            http = urllib3.PoolManager()
            http.request("DELETE", f"http://{server.address}/v2/shop/web/manifests/2.0")
            # This registry deletes no tags: the manifest goes, as no other tag has it.
            wait(lambda: "2.0" not in (peer.ask("/v2/shop/web/tags/list").get("tags") or []))
        finally:
            server.stop()
        run = runs.history(database)
        assert {each.state for each in run} == {"done"}, run


def test_a_registry_is_taken_over_from_docker_registry(tmp_path: Path, peer: Peer) -> None:
    with opened(tmp_path / "registry") as instance:
        database, registry = instance.database, instance.registry
        image(registry, "shop/web", "1.0", [b"layer" * 1000])
        image(registry, "shop/api", "1.0", [b"other" * 1000])
        rules.add(database, instance.seal, Rule(0, "there", "push", peer.address))
        rules.add(database, instance.seal, Rule(0, "back", "pull", peer.address, "shop/*", target="back/{rest}"))
        server = Server(tmp_path)
        try:
            for name in ("there", "back"):
                words = ["registry", "replication", "run", name, "--storage", str(tmp_path / "registry"), "--json"]
                from dockyard.cli.main import run

                assert run(words) == 0
                wait(lambda: runs.history(database)[0].state == "done", lambda: runs.history(database))
        finally:
            server.stop()
        for name in ("web", "api"):
            assert registry.manifest(f"back/{name}", "1.0").digest == registry.manifest(f"shop/{name}", "1.0").digest


def test_a_run_that_was_killed_goes_on_and_sends_nothing_twice(tmp_path: Path, peer: Peer) -> None:
    count = 12
    with opened(tmp_path / "registry") as instance:
        rule = Rule(0, "copy", "push", peer.address, events=True, rate=4_000_000, parallel=3)
        rules.add(instance.database, instance.seal, rule)
        for number in range(count):
            image(
                instance.registry, "shop/web", str(number), [b"shared" * 200_000, bytes([number]) * 1_000_000], note="n"
            )
        server = Server(tmp_path)
        try:
            for _ in range(3):
                time.sleep(2.0)
                server.kill()
                server.start()
            database = instance.database
            wait(
                lambda: {each.state for each in runs.history(database)} == {"done"},
                lambda: runs.history(database),
            )
        finally:
            server.stop()
        tags = peer.ask("/v2/shop/web/tags/list")["tags"]
        assert sorted(map(int, tags)) == list(range(count))
        for number in range(count):
            raw = urllib3.request("GET", f"http://{peer.address}/v2/shop/web/manifests/{number}", headers=ACCEPT).data
            assert Digest.of(raw) == instance.registry.manifest("shop/web", str(number)).digest
            for layer in json.loads(raw)["layers"]:
                head = urllib3.request("HEAD", f"http://{peer.address}/v2/shop/web/blobs/{layer['digest']}")
                assert head.status == 200
        assert peer.uploads() == count + 2, "each layer and the one configuration, once"


ACCEPT = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
