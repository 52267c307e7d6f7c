"""Log files: what a line becomes, and that none is lost when files are rotated."""

import itertools
import json
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockyard.telemetry.jsonlog import JsonLog, follow, tail


def messages(path: Path, count: int = 1000) -> list[str]:
    return [line["message"] for line in tail(path, count)]


def test_a_line_that_is_an_object_keeps_its_parts(tmp_path: Path) -> None:
    log = JsonLog(tmp_path / "log", {"app": "shop", "revision": 3})
    log.take(b'{"msg": "sold", "price": 3}\nplain\r\n{"half": ')
    log.take(b'1}\n{"open": ')
    log.end()
    lines = tail(tmp_path / "log", 10)
    assert [(each["message"], each.get("fields")) for each in lines] == [
        ("sold", {"msg": "sold", "price": 3}),
        ("plain", None),
        ('{"half": 1}', {"half": 1}),
        ('{"open": ', None),
    ]
    assert all(each["app"] == "shop" and each["revision"] == 3 and each["time"].endswith("Z") for each in lines)


@pytest.mark.parametrize(
    "line",
    [b'{"a": "\\ud800"}', b'{"a": NaN}', b'{"a": 1e999}', b"{" * 5000, b'{"a":' * 3000, b"\xff\xfe{", b'{"a": "\x00"}'],
)
def test_lines_that_are_no_json_for_others_stay_text_and_what_follows_is_kept(tmp_path: Path, line: bytes) -> None:
    log = JsonLog(tmp_path / "log", {})
    log.take(line + b"\nnext\n")
    written = (tmp_path / "log").read_bytes().decode("utf-8").splitlines()
    assert len(written) == 2
    for each in written:
        json.loads(each, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))
    assert messages(tmp_path / "log")[-1] == "next"


@given(st.lists(st.binary(max_size=40).map(lambda data: data.replace(b"\n", b" ")), max_size=20), st.integers(1, 7))
def test_any_output_in_any_pieces_gives_an_object_a_line(lines: list[bytes], step: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        log = JsonLog(Path(folder) / "log", {})
        whole = b"".join(line + b"\n" for line in lines)
        for start in range(0, len(whole), step):
            log.take(whole[start : start + step])
        assert len(tail(Path(folder) / "log", 1000)) == len(lines)


def test_a_line_without_an_end_is_cut_and_says_so(tmp_path: Path) -> None:
    log = JsonLog(tmp_path / "log", {})
    for _ in range(10):
        log.take(b"x" * 100_000)
    log.take(b"\n")
    assert any(each.get("truncated") for each in tail(tmp_path / "log", 10))
    assert all(len(each["message"]) <= 256 << 10 for each in tail(tmp_path / "log", 10))


def test_files_are_rotated_and_the_last_lines_come_from_all_of_them(tmp_path: Path) -> None:
    log = JsonLog(tmp_path / "log", {}, size=2000, keep=3)
    for number in range(200):
        log.take(b"%d\n" % number)
    assert sorted(each.name for each in tmp_path.iterdir() if each.name[0] != ".") == ["log", "log.1", "log.2", "log.3"]
    assert all(each.stat().st_size <= 2000 for each in tmp_path.glob("log*"))
    assert messages(tmp_path / "log", 60) == [str(number) for number in range(140, 200)]
    assert tail(tmp_path / "log", 0) == []


def test_two_writers_that_rotate_one_file_lose_nothing(tmp_path: Path) -> None:
    def write(name: str) -> None:
        log = JsonLog(tmp_path / "log", {"by": name}, size=5000, keep=500)
        for number in range(1000):
            log.take(b"%d\n" % number)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = tail(tmp_path / "log", 5000)
    for name in ("one", "two"):
        assert [each["message"] for each in found if each["by"] == name] == [str(number) for number in range(1000)]


def test_following_sees_every_line_across_many_rotations(tmp_path: Path) -> None:
    log = JsonLog(tmp_path / "log", {}, size=1500, keep=400)
    log.take(b"before\nlast\n")
    lines = follow(tmp_path / "log", pause=0.001, last=1)
    assert next(lines)["message"] == "last"

    def write() -> None:
        for number in range(2000):
            log.take(b"%d\n" % number)

    writer = threading.Thread(target=write)
    writer.start()
    assert [line["message"] for line in itertools.islice(lines, 2000)] == [str(number) for number in range(2000)]
    writer.join()
    lines.close()


def test_following_waits_for_a_file_that_is_not_there_yet(tmp_path: Path) -> None:
    lines = follow(tmp_path / "log", pause=0.001)
    threading.Timer(0.05, lambda: JsonLog(tmp_path / "log", {}).take(b"first\n")).start()
    assert next(lines)["message"] == "first"
    lines.close()


def test_a_full_disk_loses_lines_and_says_how_many_but_never_stops_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = JsonLog(tmp_path / "log", {})
    log.take(b"one\n")
    real = os.write

    def full(handle: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(28, "No space left on device")
        return real(handle, data[: len(data) // 2])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        log.take(b"two\nthree\n")
    log.take(b"four\n")
    assert messages(tmp_path / "log") == ["one", "2 lines were lost: no room", "four"]
