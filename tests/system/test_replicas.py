"""Two replicas behind a real proxy, on a real PostgreSQL and a real S3 server; one is killed while clients work."""

import hashlib
import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockyard.content.layout import Layout
from dockyard.oci.digest import Digest
from dockyard.oci.mediatype import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST
from dockyard.server.instance import open_instance
from dockyard.server.settings import Objects, Settings
from dockyard.server.stored import deleting, leftovers
from dockyard.server.stored.verify import verify
from making.haproxy import haproxy
from making.images import image, layer
from making.nginx import nginx
from making.objects import ENVIRONMENT, KEYS, moto
from making.ports import free_port
from making.postgres import postgres
from making.serving import Server

Find = Callable[[str], str]


class Cluster:
    """What the test is about. `port` is the proxy's; `settings` are those of one more replica."""

    def __init__(self, folder: Path, port: int, replicas: list[Server], settings: Settings) -> None:
        self.folder, self.port, self.replicas, self.settings = folder, port, replicas, settings


@pytest.fixture
def cluster(tmp_path: Path, program: Find, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    port = free_port()
    settings = tmp_path / "registry.toml"
    settings.write_text(f'[proxy]\nurl = "http://127.0.0.1:{port}"\ntrusted = true\n')
    with postgres() as database, moto() as bucket:
        replicas: list[Server] = []
        try:
            address = database.url("shared")
            environment = {"DATABASE_URL": address, **ENVIRONMENT}
            storage = bucket.url("shared")
            for name in ("one", "two"):
                (tmp_path / name).mkdir()
                words = ("--config", str(settings))
                replicas.append(Server(tmp_path / name, *words, storage=storage, environment=environment))
            ports = [each.port for each in replicas]
            if getattr(request, "param", "nginx") == "haproxy":
                before = haproxy(program("haproxy"), tmp_path, port, ports)
            else:
                before = nginx(program("nginx"), tmp_path, port, ports)
            with before:
                third = Settings(
                    storage=storage,
                    database=address,
                    folder=str(tmp_path / "three"),
                    grace=1,
                    objects=Objects(options=KEYS),
                )
                yield Cluster(tmp_path, port, replicas, third)
        finally:
            for each in replicas:
                each.kill()


class Client:
    """Pushes images and keeps what was acknowledged; what fails is tried again, from the beginning."""

    def __init__(self, port: int, seed: int) -> None:
        self.port, self.random = port, random.Random(seed)
        self.blobs: dict[str, int] = {}
        self.tags: dict[str, str] = {}
        self.failures = 0
        self.name = f"team/app{seed}"

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {key.replace("_", "-"): value for key, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer.getheader("Location") or ""
        finally:
            connection.close()

    def until(self, attempt: Callable[[], bool]) -> None:
        """Try for some minutes."""
        deadline = time.monotonic() + 200
        while True:
            try:
                if attempt():
                    return
            except (OSError, http.client.HTTPException):
                pass
            self.failures += 1
            assert time.monotonic() < deadline, "a client never got through"
            time.sleep(0.05)

    def blob(self, data: bytes) -> str:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()

        def chunked() -> bool:
            # Each request may reach another replica than the one before.
            status, _, place = self.ask("POST", f"/v2/{self.name}/blobs/uploads/")
            if status != 202:
                return False
            step = len(data) // 3 + 1
            for at in range(0, len(data), step):
                part = data[at : at + step]
                span = f"{at}-{at + len(part) - 1}"
                status, _, place = self.ask("PATCH", place, part, Content_Range=span)
                if status != 202:
                    return False
            status, _, _ = self.ask("PUT", f"{place}?digest={digest}")
            return status == 201

        self.until(chunked)
        self.blobs[digest] = len(data)
        return digest

    def push(self, number: int) -> None:
        config = self.random.randbytes(200)
        layers = [self.random.randbytes(self.random.choice([1000, 100_000, 3_000_000])) for _ in range(2)]
        named = [{"mediaType": OCI_LAYER, "digest": self.blob(each), "size": len(each)} for each in layers]
        first = {"mediaType": OCI_CONFIG, "digest": self.blob(config), "size": len(config)}
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": first, "layers": named}
        raw = json.dumps(document).encode()
        tag = f"v{number}"

        def put() -> bool:
            status, _, _ = self.ask("PUT", f"/v2/{self.name}/manifests/{tag}", raw, Content_Type=OCI_MANIFEST)
            return status == 201

        self.until(put)
        self.tags[tag] = "sha256:" + hashlib.sha256(raw).hexdigest()


def check(port: int, client: Client) -> None:
    """Everything that was acknowledged is there, whole."""
    for tag, digest in client.tags.items():
        status, raw, _ = client.ask("GET", f"/v2/{client.name}/manifests/{tag}")
        assert status == 200
        assert "sha256:" + hashlib.sha256(raw).hexdigest() == digest
        document = json.loads(raw)
        for each in [document["config"], *document["layers"]]:
            status, data, _ = client.ask("GET", f"/v2/{client.name}/blobs/{each['digest']}")
            assert status == 200
            assert "sha256:" + hashlib.sha256(data).hexdigest() == each["digest"]


@pytest.mark.parametrize("cluster", ["haproxy"], indirect=True)
def test_a_replica_that_is_killed_during_pushes_and_pulls_loses_nothing(cluster: Cluster) -> None:
    clients = [Client(cluster.port, seed) for seed in range(4)]
    stop, wrong = threading.Event(), []

    def work(client: Client) -> None:
        number = 0
        while not stop.is_set():
            try:
                client.push(number)
                number += 1
                check_one = dict(list(client.tags.items())[-1:])
                for tag, digest in check_one.items():
                    client.until(lambda tag=tag, digest=digest: pulled(client, tag, digest))  # type: ignore[misc]
            except BaseException as error:  # noqa: BLE001 (shown below)
                wrong.append(error)
                return

    def pulled(client: Client, tag: str, digest: str) -> bool:
        status, raw, _ = client.ask("GET", f"/v2/{client.name}/manifests/{tag}")
        assert status != 404, "a tag that was acknowledged is not there"
        return status == 200 and "sha256:" + hashlib.sha256(raw).hexdigest() == digest

    threads = [threading.Thread(target=work, args=(each,)) for each in clients]
    for each in threads:
        each.start()
    for round in range(4):
        time.sleep(2)
        victim = cluster.replicas[round % 2]
        victim.kill()
        time.sleep(1)
        victim.start()
    time.sleep(1)
    stop.set()
    for each in threads:
        each.join(90)
    assert wrong == []
    assert sum(len(each.tags) for each in clients) >= 12
    assert sum(each.failures for each in clients) > 0, "the kills hit nothing"
    # What the killed ones left goes, through another replica, and nothing that was acknowledged goes with it.
    instance = open_instance(cluster.settings)
    try:
        holdings = instance.registry.holdings
        # One at least, wherever the kills hit: sealed, and never committed.
        upload = holdings.blobs.begin("sha256")
        holdings.blobs.append(upload, b"abandoned", b"")
        holdings.blobs.seal(upload, Digest.of(b"abandoned"))
        time.sleep(2.5)
        before = verify(holdings)
        assert before.left >= 1
        leftovers.sweep(holdings)
        deleting.collect(holdings, most=10_000)
        report = verify(holdings, deep=True)
        assert (before.flaws, report.flaws, report.leftovers) == ([], [], [])
        assert report.tags == sum(len(each.tags) for each in clients)
        print(f"{before.left} leftovers of {before.left_bytes} bytes, {report.blobs} of {before.blobs} blobs stay")
    finally:
        instance.close()
    for replica in cluster.replicas:
        for client in clients:
            client.port = replica.port
            check(replica.port, client)


def test_skopeo_and_our_client_push_and_pull_while_replicas_come_and_go(cluster: Cluster, program: Find) -> None:
    skopeo, folder = program("skopeo"), cluster.folder
    store = Layout(folder / "home" / "store", create=True)
    made = image(store, layer(store, {f"f{n}": random.Random(n).randbytes(300_000) for n in range(40)}))
    store.tag("docker.io/library/web:1", made.descriptor)
    environment = {**os.environ, "DOCKYARD_HOME": str(folder / "home"), "DOCKYARD_CONFIG": str(folder / "none.toml")}
    ours = [sys.executable, "-m", "dockyard.cli.main"]
    base = f"127.0.0.1:{cluster.port}"

    def run(*words: str) -> None:
        # As a CI job does: a command that failed is run again.
        for left in range(8, -1, -1):
            done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=100)
            if done.returncode == 0:
                return
            assert left, f"{words}: {done.stdout}{done.stderr}"
            time.sleep(0.3)

    stop = threading.Event()

    def trouble() -> None:
        turn = 0
        while not stop.wait(0.7):
            victim = cluster.replicas[turn % 2]
            victim.kill()
            stop.wait(0.4)
            victim.start()
            turn += 1

    thread = threading.Thread(target=trouble)
    thread.start()
    try:
        for number in range(3):
            run(*ours, "push", "web:1", f"{base}/team/ours:{number}")
            source, target = f"docker://{base}/team/ours:{number}", f"docker://{base}/team/theirs:{number}"
            run(skopeo, "copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--retry-times=5", source, target)
            there = f"oci:{folder}/pulled-{number}:1"
            run(skopeo, "copy", "--src-tls-verify=false", "--retry-times=5", target, there)
            run(*ours, "pull", f"{base}/team/theirs:{number}")
            digest = json.loads((folder / f"pulled-{number}" / "index.json").read_text())["manifests"][0]["digest"]
            assert digest == str(made.descriptor.digest)
    finally:
        stop.set()
        thread.join(30)


def test_a_replica_that_is_told_to_stop_first_says_so_and_drops_no_request(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "registry.toml").write_text("[limits]\ndrain = 1.5\n")
    replica = cluster.replicas[0]
    replica.stop()
    replica.start()
    client = Client(replica.port, 1)
    client.push(0)
    assert client.ask("GET", "/readyz")[0] == 200
    replica.child.terminate()
    deadline = time.monotonic() + 5
    while client.ask("GET", "/readyz")[0] != 503:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert client.ask("GET", f"/v2/{client.name}/manifests/v0")[0] == 200  # it still answers
    assert client.ask("GET", "/healthz")[0] == 200
    assert replica.child.wait(20) == 0
    assert not list((tmp_path / "one").rglob("leaving-*"))
