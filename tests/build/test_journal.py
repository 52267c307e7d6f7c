"""What is taken down of a build: events, logs, and no secrets."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dockyard._internal.confidential import Confidential
from dockyard.build.cache import builds
from dockyard.build.events import Event
from dockyard.build.journal import Journal, Step
from making.builds import Yard


class Seen:
    """Keeps events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def texts(self) -> list[str]:
        return [event.text for event in self.events if event.event == "output"]


def test_output_is_whole_on_disk_and_in_lines_as_events(tmp_path: Path) -> None:
    seen = Seen()
    journal = Journal(seen, tmp_path / "b")
    journal.begin()
    step = journal.step("web/stage one", 7, "RUN make", "1/2")
    step.take(b"one\r\ntw")
    step.take(b"o\n\xff\nrest")
    step.finish("done", size=5)
    journal.end()
    assert seen.texts() == ["one", "two", "\N{REPLACEMENT CHARACTER}", "rest"]
    assert step.path is not None
    assert step.path.name == "001-web-stage-one-line7.log"
    assert step.path.read_bytes() == b"one\r\ntwo\n\xff\nrest"
    finished = next(event for event in seen.events if event.event == "finished")
    assert (finished.log, finished.log_bytes, finished.size) == (str(step.path), 15, 5)
    assert seen.events[-1].log_bytes == 15
    record = json.loads((tmp_path / "b" / "build.json").read_text())
    assert (record["result"], record["steps"][0]["log"]) == ("done", step.path.name)


def test_a_line_without_end_is_cut_and_kept_whole_on_disk(tmp_path: Path) -> None:
    seen = Seen()
    journal = Journal(seen, tmp_path)
    step = journal.step("one", 1, "RUN yes")
    for _ in range(5):
        step.take(b"y" * 50_000)
    step.finish("done")
    assert sum(map(len, seen.texts())) == 250_000
    assert max(map(len, seen.texts())) <= 120_000
    assert step.path is not None
    assert step.path.stat().st_size == 250_000
    assert len(step.tail) <= 20


def test_a_command_that_prints_for_ever_fills_no_disk(tmp_path: Path) -> None:
    seen = Seen()
    step = Step(Journal(seen, tmp_path), 1, "one", 1, "RUN yes", "1/1", most=10)
    for _ in range(100):
        step.take(b"123\n")
    step.finish("done")
    assert step.path is not None
    assert step.path.read_bytes() == b"123\n123\n12\n[what follows was printed, but is not kept]\n"
    assert (len(seen.texts()), step.log_bytes) == (100, 400)


def test_secrets_reach_neither_events_nor_disk(tmp_path: Path) -> None:
    seen = Seen()
    journal = Journal(seen, tmp_path / "b", Confidential([b"hunter2-secret"]), {"context": "x?hunter2-secret"})
    journal.begin()
    step = journal.step("one", 1, "RUN echo hunter2-secret")
    step.take(b"it is hunter2-")
    step.take(b"secret!\n")
    step.log("hunter2-secret")
    journal.start("fetch hunter2-secret").done()
    journal.log("hunter2-secret")
    step.finish("failed", note="hunter2-secret", why="hunter2-secret")
    journal.end(ValueError("hunter2-secret"))
    assert "it is ***!" in seen.texts()
    assert "hunter2" not in repr(seen.events)
    assert list(step.tail) == ["it is ***!", "***"]
    for path in (tmp_path / "b").iterdir():
        assert b"hunter2" not in path.read_bytes()


def test_work_tells_how_far_it_is_and_whose_it_is() -> None:
    seen = Seen()
    journal = Journal(seen)
    step = journal.step("one", 1, "ADD x")
    task = step.start("fetch x", total=10)
    for _ in range(10):
        task.advance(1)
    task.done("10 bytes")
    started, *told, finished = [event for event in seen.events if event.step == 2]
    assert (started.parent, started.total) == (1, 10)
    assert told[-1].done == 10
    assert len(told) < 10
    assert finished.note == "10 bytes"


def test_a_step_that_fails_says_so_and_the_build_is_kept(tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    with pytest.raises(Exception, match="nothing"):
        yard.build("FROM scratch\nCOPY nothing /\n")
    (found,) = builds.kept(yard.data)
    assert found["result"] == "failed"
    assert "nothing" in found["error"]
    assert [(step["line"], step["result"]) for step in found["steps"]] == [(2, "failed")]


def test_a_build_that_was_killed_is_told_apart_from_one_that_runs(tmp_path: Path) -> None:
    for name, pid in (("20260101T000000Z-running", os.getpid()), ("20260101T000001Z-killed0", 1 << 30)):
        folder = tmp_path / "builds" / name
        folder.mkdir(parents=True)
        (folder / "build.json").write_text(json.dumps({"id": name, "pid": pid, "result": "running", "steps": []}))
    assert {each["id"][-7:]: each["result"] for each in builds.kept(tmp_path)} == {
        "running": "running",
        "killed0": "killed",
    }
    for number in range(builds.KEPT + 3):
        (tmp_path / "builds" / f"other-{number}").mkdir()
    builds.new(tmp_path)
    assert (tmp_path / "builds" / "20260101T000000Z-running").is_dir()
    with pytest.raises(builds.BuildUnknownError):
        builds.find(tmp_path, "nothing")
    assert builds.find(tmp_path, "20260101T000000Z")[1]["result"] == "running"


def test_builds_that_begin_side_by_side_may_throw_the_same_old_ones_away(tmp_path: Path) -> None:
    for number in range(400):
        (tmp_path / "builds" / f"old-{number}" / "more").mkdir(parents=True)
    with ThreadPoolExecutor(6) as pool:
        begun = [each.result() for each in [pool.submit(builds.new, tmp_path) for _ in range(6)]]
    assert len(set(begun)) == 6
    assert len(list((tmp_path / "builds").iterdir())) < builds.KEPT
