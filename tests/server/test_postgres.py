"""The registry's metadata in a real PostgreSQL: races, and a database that goes away and returns."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from dockyard.oci.digest import Digest
from dockyard.oci.mediatype import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from dockyard.registry.interface import WireError
from dockyard.server.database import Database, DatabaseError, open_database
from dockyard.server.instance import Instance, open_instance
from dockyard.server.rules.quota import quota_of, set_quota
from dockyard.server.settings import Limits, Settings
from dockyard.server.stored import deleting
from making.asgi import Answer, call
from making.calls import Caller
from making.postgres import Postgres
from making.pushed import image

pytestmark = pytest.mark.slow


@pytest.fixture
def url(server: Postgres) -> str:
    return server.fresh()


@pytest.fixture
def instance(url: str, tmp_path: Path) -> Iterator[Instance]:
    instance = open_instance(Settings(storage=str(tmp_path), database=url, limits=Limits(connections=4)))
    yield instance
    instance.close()


def blob(instance: Instance, name: str, data: bytes) -> Digest:
    upload, digest = instance.registry.begin(name), Digest.of(data)
    instance.registry.append(name, upload, data)
    instance.registry.append(name, upload, b"")
    instance.registry.finish(name, upload, digest)
    return digest


def descriptor(digest: Digest, size: int, kind: str = OCI_CONFIG) -> dict[str, object]:
    return {"mediaType": kind, "digest": str(digest), "size": size}


def manifest(config: Digest, layers: list[Digest], size: int = 1) -> bytes:
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(config, size),
        "layers": [descriptor(each, size, "application/vnd.oci.image.layer.v1.tar") for each in layers],
    }
    return json.dumps(document).encode()


def together(*works: object, times: int = 1) -> list[BaseException]:
    failures: list[BaseException] = []

    def run(work: object) -> None:
        assert callable(work)
        for _ in range(times):
            try:
                work()
            except BaseException as error:  # noqa: BLE001 (judged by the test)
                failures.append(error)

    threads = [threading.Thread(target=run, args=(each,)) for each in works]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    return failures


def test_a_transaction_that_lost_a_race_is_run_again(url: str, tmp_path: Path) -> None:
    database = open_database(url, tmp_path)
    with database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE pair (id int PRIMARY KEY, n int)"))
        connection.execute(text("INSERT INTO pair VALUES (1, 0), (2, 0)"))
    barrier, runs = threading.Barrier(2, timeout=30), count()

    def crossing(first: int, second: int, begun: list[int]) -> None:
        def work(connection: Connection) -> None:
            next(runs)
            connection.execute(text("UPDATE pair SET n = n + 1 WHERE id = :id"), {"id": first})
            if not begun:
                begun.append(1)
                barrier.wait()  # both hold one row and want the other
            connection.execute(text("UPDATE pair SET n = n + 1 WHERE id = :id"), {"id": second})

        database.write(work)

    assert together(lambda: crossing(1, 2, []), lambda: crossing(2, 1, [])) == []
    assert next(runs) > 2  # PostgreSQL ended one of them, which was run again
    with database.read() as connection:
        assert connection.execute(text("SELECT n FROM pair ORDER BY id")).scalars().all() == [2, 2]
    database.close()


def test_pushes_of_the_same_content_side_by_side_never_fail(instance: Instance) -> None:
    contents = [f"layer {number}".encode() for number in range(8)]

    def push(name: str, order: list[bytes], tag: str) -> None:
        digests = {data: blob(instance, name, data) for data in order}
        raw = manifest(digests[order[0]], [digests[each] for each in order[1:]])
        other = "other" if tag == "one" else "one"
        instance.registry.put_manifest(name, tag, raw, OCI_MANIFEST, [other, "third"])
        made = Digest.of(raw)
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(made, len(raw), OCI_MANIFEST)]}
        instance.registry.put_manifest(name, f"index-{tag}", json.dumps(index).encode(), OCI_INDEX)
        instance.registry.delete_manifest(name, f"index-{tag}")

    failures = together(
        lambda: push("team/a", contents, "one"),
        lambda: push("team/a", contents[::-1], "other"),
        lambda: push("team/b", contents[::-1], "one"),
        lambda: deleting.collect(instance.registry.holdings),
        times=4,
    )
    # Two that index and delete the same index may find it deleted already; nothing else may happen.
    assert [each for each in failures if not (isinstance(each, WireError) and each.code.status == 404)] == []
    assert set(instance.registry.tags("team/a", last="", count=9).items) >= {"one", "other", "third"}


def test_a_manifest_and_the_deletion_of_what_it_names_never_both_succeed(instance: Instance) -> None:
    for round in range(25):
        data = f"contested {round}".encode()
        digest, config = blob(instance, "team/race", data), blob(instance, "team/race", b"config")
        raw = manifest(config, [digest])
        together(
            lambda raw=raw: instance.registry.put_manifest("team/race", "latest", raw, OCI_MANIFEST),
            lambda digest=digest: instance.registry.delete_blob("team/race", digest),
        )
        try:
            pushed = instance.registry.manifest("team/race", str(Digest.of(raw))) is not None
        except WireError:
            pushed = False
        try:
            there = instance.registry.blob("team/race", digest).size == len(data)
        except WireError:
            there = False
        assert pushed <= there, "a manifest names a blob that was deleted beside it"


def test_pushes_of_one_moment_never_bring_a_project_over_its_quota(instance: Instance) -> None:
    blob(instance, "team/web", b"0" * 10)
    set_quota(instance.database, "team", 1000)  # the first third is far from it
    outcome: list[str] = []

    def push(number: int) -> None:
        try:
            blob(instance, f"team/app{number % 3}", b"%010d" % number)
            outcome.append("taken")
        except WireError as error:
            outcome.append(error.code.name)

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(push, range(1, 131)))
    assert sorted(set(outcome)) == ["DENIED", "taken"]
    assert outcome.count("taken") == 99
    assert quota_of(instance.database, "team").used == 1000


def test_a_database_that_goes_away_and_returns_costs_only_the_requests_between(
    server: Postgres, instance: Instance
) -> None:
    digest = blob(instance, "team/web", b"config")
    raw = manifest(digest, [])
    instance.registry.put_manifest("team/web", "1", raw, OCI_MANIFEST)
    path = "/v2/team/web/manifests/1"

    def ask(method: str, path: str, body: bytes = b"") -> Answer:
        return call(instance.app, method, path, body, [(b"content-type", OCI_MANIFEST.encode())] if body else [])

    def asked(count: int) -> list[Answer]:
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(lambda _: ask("GET", path), range(count)))

    assert ask("GET", path).status == 200
    server.stop()
    try:
        answers = asked(20)
        assert {each.status for each in answers} == {503}
        assert all(each.headers["retry-after"].isdigit() for each in answers)
        assert ask("GET", "/readyz").status == 503
        assert ask("GET", "/healthz").status == 200
        assert ask("PUT", "/v2/team/web/manifests/2", raw).status == 503
    finally:
        server.start()
    answers = asked(20)
    assert {each.status for each in answers} == {200}
    assert answers[0].body == raw
    assert ask("GET", "/readyz").status == 200
    assert ask("PUT", "/v2/team/web/manifests/2", raw).status == 201


def test_however_many_clients_ask_the_pool_bounds_the_connections(instance: Instance, url: str, tmp_path: Path) -> None:
    digest = blob(instance, "team/web", b"config")
    instance.registry.put_manifest("team/web", "1", manifest(digest, []), OCI_MANIFEST)
    watcher: Database = open_database(url, tmp_path, pool=1)
    most, stop = [0], threading.Event()

    def watch() -> None:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        while not stop.is_set():
            with watcher.glance() as connection:
                most[0] = max(most[0], int(connection.execute(text(query)).scalar() or 0))
            time.sleep(0.005)

    thread = threading.Thread(target=watch)
    thread.start()

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: call(instance.app, "GET", "/v2/team/web/manifests/1"), range(300)))
    assert {each.status for each in answers} == {200}
    stop.set()
    thread.join()
    watcher.close()
    assert 1 <= most[0] <= 4


def test_an_address_that_nobody_answers_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="failed"):
        open_database("postgresql://nobody@127.0.0.1:1/nothing", tmp_path)


def test_what_one_process_changed_another_sees_at_once(url: str, tmp_path: Path) -> None:
    settings = Settings(storage=str(tmp_path), database=url)
    one, two = open_instance(settings), open_instance(settings)
    for number in range(5):
        digest = blob(one, "team/web", f"config {number}".encode())
        raw = manifest(digest, [])
        one.registry.put_manifest("team/web", "latest", raw, OCI_MANIFEST)
        assert two.registry.manifest("team/web", "latest").raw == raw
        assert hashlib.sha256(raw).hexdigest() == two.registry.manifest("team/web", "latest").digest.hex
    one.close()
    two.close()


def test_what_a_replica_may_keep_in_memory_is_late_by_no_more_than_was_allowed(url: str, tmp_path: Path) -> None:
    settings = Settings(storage=str(tmp_path), database=url, limits=Limits(stale=3))
    one, two = open_instance(settings), open_instance(settings)

    def push(instance: Instance, data: bytes) -> bytes:
        raw = manifest(blob(instance, "team/web", data), [])
        instance.registry.put_manifest("team/web", "latest", raw, OCI_MANIFEST)
        return raw

    first = push(one, b"first")
    assert two.registry.manifest("team/web", "latest").raw == first
    assert two.registry.cached("team/web", "latest") is not None
    second = push(one, b"second")
    assert one.registry.manifest("team/web", "latest").raw == second  # its own change at once
    time.sleep(3.2)
    assert two.registry.cached("team/web", "latest") is None
    assert two.registry.manifest("team/web", "latest").raw == second
    one.close()
    two.close()


def test_zero_bytes_which_it_has_no_room_for_are_no_fault(instance: Instance) -> None:
    image(instance.registry, "team/web", "1")
    ask = Caller(instance.app, "127.0.0.1")
    for path, status in (
        ("/v2/team/web/manifests/\0", 404),
        ("/v2/team/web/manifests/1\0", 404),
        ("/v2/team/web/blobs/\0", 400),
        ("/v2/team/web/blobs/uploads/\0", 404),
        ("/v2/team/web/tags/list?last=%00", 400),
        ("/v2/_catalog?last=%00", 400),
        ("/projects/\0", 404),
        ("/projects?q=%00&after=%00", 200),
        ("/search?q=%00", 200),
        ("/audit?actor=%00&kind=%00", 200),
        ("/api/v1/projects/\0", 400),
        ("/api/v1/search?q=%00", 400),
    ):
        assert ask("GET", path, headers={"host": "localhost"}).status == status, path
        for method in ("HEAD", "DELETE", "POST", "PUT", "PATCH"):
            assert ask(method, path, headers={"host": "localhost"}).status < 500, (method, path)
