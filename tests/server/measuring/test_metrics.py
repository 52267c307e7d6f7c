"""Metrics, access logs and request numbers of the real application."""

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from conftest import ROOT
from dockyard.server.instance import Instance, open_instance
from dockyard.server.measuring.counts import BUCKETS, Counts, Spread
from dockyard.server.measuring.settings import AccessLog, Metrics
from dockyard.server.settings import Proxy, Settings
from making.asgi import call
from making.pushed import image


def settings(folder: Path, **rest: Any) -> Settings:
    return Settings(storage=str(folder / "registry"), **rest)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = open_instance(settings(tmp_path, access_log=AccessLog(to=str(tmp_path / "access.log"))))
    yield instance
    instance.close()


def metrics(instance: Instance) -> dict[str, float]:
    answer = call(instance.app, "GET", "/metrics")
    assert answer.status == 200
    found = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_every_metric_and_field_of_the_access_log_is_in_the_docs(instance: Instance, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "registry-watching.md").read_text()
    families = {
        each.name for each in text_string_to_metric_families(call(instance.app, "GET", "/metrics").body.decode())
    }
    named = {each.removesuffix("_total") for each in re.findall(r"`(dockyard_\w+)`", page)}
    assert families == named
    instance.close()
    (line, *_) = (tmp_path / "access.log").read_text().splitlines()
    assert all(f"`{field}`" in page for field in json.loads(line))


def test_requests_bytes_seconds_and_stock_are_counted(instance: Instance) -> None:
    digest = image(instance.registry, "shop/web", "1", [b"x" * 1000])
    for _ in range(3):
        assert call(instance.app, "GET", "/v2/shop/web/manifests/1").status == 200
    assert call(instance.app, "GET", "/v2/shop/web/manifests/none").status == 404
    call(instance.app, "POST", "/v2/shop/web/blobs/uploads/?digest=sha256:" + "0" * 64, b"y" * 70)
    found = metrics(instance)
    assert found["dockyard_requests_total{kind=manifest,method=GET,status=200}"] == 3
    assert found["dockyard_requests_total{kind=manifest,method=GET,status=404}"] == 1
    assert found["dockyard_request_seconds_count{kind=manifest,method=GET}"] == 4
    assert found["dockyard_request_seconds_bucket{kind=manifest,le=+Inf,method=GET}"] == 4
    size = len(instance.registry.manifest("shop/web", str(digest)).raw)
    error = len(call(instance.app, "GET", "/v2/shop/web/manifests/none").body)
    assert found["dockyard_sent_bytes_total{kind=manifest}"] == 3 * size + error
    assert found["dockyard_received_bytes_total{kind=uploads}"] == 70
    assert found["dockyard_storage_bytes{}"] == 1002
    assert found["dockyard_repositories{}"] == 1
    assert found["dockyard_tags{}"] == 1
    assert found["dockyard_cache_lookups_total{cache=manifests,result=hit}"] >= 2
    assert found["dockyard_requests_under_way{}"] == 1, "the one that asks"
    assert found["dockyard_uploads_under_way{}"] == 0
    assert "dockyard_database_connections{state=idle}" in found


def test_only_this_machine_or_who_has_the_token_reads_the_metrics(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("open sesame\n")
    instance = open_instance(settings(tmp_path, metrics=Metrics(token_file=str(tmp_path / "token"))))
    try:
        assert call(instance.app, "GET", "/metrics").status == 200
        passed_on = (b"x-forwarded-for", b"192.0.2.1")
        assert call(instance.app, "GET", "/metrics", headers=[passed_on]).status == 403
        wrong = (b"authorization", b"Bearer closed")
        assert call(instance.app, "GET", "/metrics", headers=[passed_on, wrong]).status == 403
        right = (b"authorization", b"Bearer open sesame")
        assert call(instance.app, "GET", "/metrics", headers=[passed_on, right]).status == 200
    finally:
        instance.close()


def test_each_request_gets_a_number_and_a_line(instance: Instance, tmp_path: Path) -> None:
    image(instance.registry, "shop/web", "1")
    forged = (b"x-request-id", b"forged")
    answers = [
        call(instance.app, "GET", "/v2/shop/web/manifests/1", headers=[(b"user-agent", b"test/1"), forged]),
        call(instance.app, "GET", "/nothing", headers=[(b"host", b"localhost")]),
    ]
    numbers = [each.headers["x-request-id"] for each in answers]
    assert len(set(numbers)) == 2
    assert "forged" not in numbers, "only a trusted proxy gives numbers"
    assert instance.measuring.log is not None
    instance.measuring.log.flush()
    first, second = (json.loads(line) for line in (tmp_path / "access.log").read_text().splitlines())
    assert first["request"] == numbers[0]
    assert {key: first[key] for key in ("method", "kind", "repository", "reference", "status", "agent")} == {
        "method": "GET",
        "kind": "manifest",
        "repository": "shop/web",
        "reference": "1",
        "status": 200,
        "agent": "test/1",
    }
    assert (first["caller"], first["address"], first["bytes"]) == ("anonymous", "127.0.0.1", len(answers[0].body))
    assert first["ms"] > 0
    assert (second["path"], second["status"], second["kind"]) == ("/nothing", 404, "other")


def test_a_trusted_proxy_gives_numbers_and_addresses(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    instance = open_instance(settings(tmp_path, proxy=Proxy(trusted=True), access_log=AccessLog(to=str(log))))
    try:
        headers = [(b"x-request-id", b"abc-1"), (b"x-forwarded-for", b"198.51.100.7, 192.0.2.1")]
        assert call(instance.app, "GET", "/v2/", headers=headers).headers["x-request-id"] == "abc-1"
        odd = [(b"x-request-id", b"a" * 65)]
        assert call(instance.app, "GET", "/v2/", headers=odd).headers["x-request-id"] != "a" * 65
    finally:
        instance.close()
    assert json.loads(log.read_text().splitlines()[0])["address"] == "192.0.2.1"


def test_the_log_is_rotated_and_lines_are_whole(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    instance = open_instance(settings(tmp_path, access_log=AccessLog(to=str(log), size=4096, keep=2)))
    try:
        for _ in range(40):
            call(instance.app, "GET", "/v2/")
            assert instance.measuring.log is not None
            instance.measuring.log.flush()
    finally:
        instance.close()
    assert sorted(each.name for each in tmp_path.glob("access.log*")) == ["access.log", "access.log.1", "access.log.2"]
    for each in tmp_path.glob("access.log*"):
        assert all(json.loads(line)["status"] == 200 for line in each.read_text().splitlines())


def test_what_several_processes_count_is_added_up_and_outlives_them(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from dockyard.server.measuring.counts import Counts, Spread
        counts = Counts(Path(sys.argv[1]))
        counts.add("requests", "blob", "GET", "200", value=5)
        counts.levels["requests_under_way",] += 2
        spread = counts.spreads.setdefault(("request_seconds", "blob", "GET"), Spread())
        spread.add(0.003)
        counts.flush()
        print("ready", flush=True)
        time.sleep(60)
        """
    )
    words = [sys.executable, "-c", program, str(tmp_path)]
    children = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    mine = Counts(tmp_path)
    mine.add("requests", "blob", "GET", "200", value=1)
    key = ("requests", "blob", "GET", "200")
    try:
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        found = mine.together()
        assert (found.counts[key], found.levels["requests_under_way",]) == (11, 4)
        assert sum(found.spreads["request_seconds", "blob", "GET"][0]) == 2
    finally:
        for child in children:
            child.kill()
            child.wait()
            assert child.stdout is not None
            child.stdout.close()
    for _ in range(2):
        found = mine.together()
        assert (found.counts[key], found.levels.get(("requests_under_way",), 0)) == (11, 0)
    assert not list(tmp_path.glob("*.counts"))
    mine.flush()
    assert (tmp_path / f"{os.getpid()}.counts").exists()
    mine.close()


def test_values_fall_into_the_bucket_whose_bound_they_do_not_exceed() -> None:
    spread = Spread()
    for value in (0.0, BUCKETS[0], 0.002, BUCKETS[-1], 1000.0):
        spread.add(value)
    assert spread.counts[0] == 2
    assert spread.counts[1] == 1
    assert spread.counts[-2:] == [1, 1]
