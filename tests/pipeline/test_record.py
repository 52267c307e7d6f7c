"""Records."""

import json
import os
from pathlib import Path

import pytest

from dockyard.errors import PolicyError
from dockyard.pipeline import record as records
from dockyard.pipeline.record import Record, RecordNotFoundError


def test_a_record_is_on_disk_after_every_step(tmp_path: Path) -> None:
    record = Record(tmp_path, {"reference": "shop:1"})
    with record.step("build") as step:
        assert json.loads(record.path.read_bytes())["steps"] == [{"step": "build", "status": "running"}]
        step.detail["digest"] = "sha256:1"
    entry = json.loads(record.path.read_bytes())["steps"][0]
    assert (entry["status"], entry["digest"]) == ("done", "sha256:1")
    record.finish("done", digest="sha256:1")
    assert records.load(tmp_path)["status"] == "done"


def test_a_failed_step_keeps_its_error_and_details(tmp_path: Path) -> None:
    record = Record(tmp_path, {})

    def judge() -> None:
        with record.step("policy") as step:
            step.detail["findings"] = [{"id": "CVE-1", "severity": "HIGH"}]
            raise PolicyError("denied", hint="fix it")

    with pytest.raises(PolicyError):
        judge()
    entry = records.load(tmp_path)["steps"][0]
    assert entry["error"]["reference"] == "policy-denied"
    assert entry["findings"][0]["id"] == "CVE-1"


def test_the_record_of_a_killed_process_says_interrupted(tmp_path: Path) -> None:
    record = Record(tmp_path, {})
    assert records.load(tmp_path)["status"] == "running"
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    record.document["process"] = child
    record.finish("running")
    assert records.load(tmp_path)["status"] == "interrupted"


def test_the_page_of_text_names_every_step_and_fact(tmp_path: Path) -> None:
    record = Record(tmp_path, {"reference": "shop:1"}, clock=iter(range(100)).__next__)
    with record.step("scan") as step:
        step.detail.update(packages=12, findings=[{"id": "CVE-1", "severity": "LOW"}], layers=["a", "b"], none=[])
    with record.step("push") as step:
        step.already_done(digest="sha256:1")
    record.finish("done")
    text = records.page(records.load(tmp_path))
    for part in (
        "DONE: shop:1",
        "✓ scan  1 s",
        "packages: 12",
        "- id CVE-1, severity LOW",
        "layers: a, b",
        "none: none",
        "= push",
        "already done",
    ):
        assert part in text, part


def test_records_are_found_by_the_beginning_of_their_number(tmp_path: Path) -> None:
    with pytest.raises(RecordNotFoundError):
        records.load(tmp_path)
    first, second = Record(tmp_path, {}), Record(tmp_path, {})
    assert {first.number, second.number} == set(records.numbers(tmp_path))
    assert records.load(tmp_path, first.number)["record"] == first.number
    with pytest.raises(RecordNotFoundError, match="2 records begin"):
        records.load(tmp_path, "2")


def test_records_of_one_second_are_in_the_order_in_which_they_began(tmp_path: Path) -> None:
    times = (1.0, 1.001, 1.001001, 1.5, 1.999, 1.9999999, 2.000001)
    made = [Record(tmp_path, {}, clock=iter([at]).__next__).number for at in times]
    assert records.numbers(tmp_path) == made
    assert records.load(tmp_path)["record"] == made[-1]
