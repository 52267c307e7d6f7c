import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dockyard.build.fault import SourceMissingError
from dockyard.build.sources import context
from dockyard.build.sources.ahead import Ahead
from dockyard.build.sources.context import Context
from dockyard.dockerfile.ignore import IgnoreRules
from dockyard.dockerfile.parser import parse

NODE = parse("COPY . /\n").nodes[0]


def stamp(root: Path, data: Path, rules: bytes = b"", pattern: str = ".") -> tuple[str, Ahead, Context]:
    ahead = Ahead.at(str(root), str(data))
    assert ahead is not None
    ahead.begin()
    try:
        seen = Context(root, IgnoreRules.parse(rules), None, ahead)
        found, _ = seen.stamp(seen.find(pattern, NODE))
        ahead.finish()
        seen.remember()
    finally:
        ahead.end()
    return found, ahead, seen


def plain(root: Path, rules: bytes = b"", pattern: str = ".") -> str:
    seen = Context(root, IgnoreRules.parse(rules))
    return seen.stamp(seen.find(pattern, NODE))[0]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    (folder / "a" / "deep").mkdir(parents=True)
    (folder / "b").mkdir()
    for name in ("a/one", "a/deep/two", "b/three", "four"):
        (folder / name).write_text(name)
    time.sleep(2 * context.TICK)
    return folder


def test_what_did_not_change_is_told_ahead_with_the_same_stamp(root: Path, tmp_path: Path) -> None:
    first, before, _ = stamp(root, tmp_path)
    second, after, seen = stamp(root, tmp_path)
    assert not before.same
    assert after.same
    assert first == second == plain(root)
    assert seen.relied()
    assert not seen._listed, "nothing was listed here"


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "a/deep/two").write_text("TWO"),
        lambda root: (root / "a/deep/new").write_text(""),
        lambda root: (root / "a/one").unlink(),
        lambda root: (root / "b/three").chmod(0o600),
        lambda root: (root / "b").chmod(0o700),
        lambda root: (root / "a/deep").rename(root / "a/other"),
        lambda root: os.utime(root / "four", (1, 1)),
    ],
    ids=["content", "added", "removed", "mode", "mode of a folder", "renamed", "time"],
)
def test_what_changed_is_listed_ahead_and_stamped_anew(
    root: Path, tmp_path: Path, change: Callable[[Path], object]
) -> None:
    first, _, _ = stamp(root, tmp_path)
    change(root)
    time.sleep(2 * context.TICK)
    second, ahead, seen = stamp(root, tmp_path)
    assert not ahead.same
    assert second == plain(root) != first
    assert not seen.relied()
    third, again, _ = stamp(root, tmp_path)
    assert again.same
    assert third == second


def test_a_file_that_the_rules_take_back_in_is_seen_in_a_folder_that_is_left_out(root: Path, tmp_path: Path) -> None:
    rules = b"a\n!a/deep/kept\n"
    first, _, _ = stamp(root, tmp_path, rules)
    (root / "a/deep/kept").write_text("kept")
    time.sleep(2 * context.TICK)
    second, _, _ = stamp(root, tmp_path, rules)
    assert second == plain(root, rules) != first


def test_other_rules_make_nothing_of_what_was_seen(root: Path, tmp_path: Path) -> None:
    stamp(root, tmp_path, b"b\n")
    found, _, seen = stamp(root, tmp_path, b"a\n")
    assert found == plain(root, b"a\n")
    assert not seen.relied()


def test_a_folder_that_was_not_copied_before_is_listed_here(root: Path, tmp_path: Path) -> None:
    stamp(root, tmp_path, pattern="a")
    found, ahead, _ = stamp(root, tmp_path, pattern="b")
    assert ahead.same
    assert found == plain(root, pattern="b")
    assert stamp(root, tmp_path, pattern="a")[0] == plain(root, pattern="a")


def test_what_was_written_this_very_moment_is_not_kept(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "TICK", 3600.0)  # a moment that no machine is too slow for
    _, ahead, _ = stamp(root, tmp_path)
    assert Ahead.at(str(root), str(tmp_path)).seen is None  # type: ignore[union-attr]
    assert not ahead.same


def test_a_damaged_record_counts_as_none(root: Path, tmp_path: Path) -> None:
    first, _, _ = stamp(root, tmp_path)
    for each in (tmp_path / "cache" / "listed").iterdir():
        each.write_bytes(each.read_bytes()[:-3])
    assert stamp(root, tmp_path)[0] == first


def test_names_that_are_not_utf_8_are_kept_as_well(root: Path, tmp_path: Path) -> None:
    odd = os.fsencode(root / "a") + b"/\xff"
    os.mkdir(odd)
    with open(odd + b"/\xfe", "wb"):
        pass
    time.sleep(2 * context.TICK)
    first, _, _ = stamp(root, tmp_path)
    second, ahead, _ = stamp(root, tmp_path)
    assert ahead.same
    assert first == second == plain(root)


@pytest.mark.parametrize("cut", [0, 1, 7, 40, -1, -3, -20])
def test_a_record_that_was_cut_off_anywhere_counts_as_none(root: Path, tmp_path: Path, cut: int) -> None:
    stamp(root, tmp_path)
    (kept,) = (tmp_path / "cache" / "listed").iterdir()
    kept.write_bytes(kept.read_bytes()[:cut])
    assert Ahead.at(str(root), str(tmp_path)).seen is None  # type: ignore[union-attr]


def test_a_context_that_is_gone_fails_as_ever(root: Path, tmp_path: Path) -> None:
    stamp(root, tmp_path)
    for name in ("a/one", "a/deep/two"):
        (root / name).unlink()
    (root / "a/deep").rmdir()
    (root / "a").rmdir()
    with pytest.raises(SourceMissingError):
        stamp(root, tmp_path, pattern="a")


def test_a_large_context_is_listed_by_several_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    root = tmp_path / "context"
    for number in range(250):
        (root / f"folder{number}").mkdir(parents=True)
        (root / f"folder{number}" / "file").write_text(str(number))
    time.sleep(2 * context.TICK)
    first, _, _ = stamp(root, tmp_path)
    again, ahead, _ = stamp(root, tmp_path)
    assert ahead.same
    assert again == first
    (root / "folder7" / "file").write_text("changed")
    time.sleep(2 * context.TICK)
    other = Ahead.at(str(root), str(tmp_path))
    assert other is not None
    other.begin()
    assert len(other._processes) == 3
    other.finish()
    assert not other.same
    assert len(other.rows) == 251
    assert stamp(root, tmp_path)[0] == plain(root) != first


def test_ending_what_nobody_waited_for_leaves_no_process(root: Path, tmp_path: Path) -> None:
    stamp(root, tmp_path)
    ahead = Ahead.at(str(root), str(tmp_path))
    assert ahead is not None
    ahead.begin()
    [(process, _, _)] = ahead._processes
    ahead.end()
    assert not Path(f"/proc/{process}").exists()


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_stamps_taken_over_are_those_of_a_context_that_is_listed(data: st.DataObject) -> None:
    import tempfile

    names = ["a", "a/b", "c", "a/b/d"]
    with tempfile.TemporaryDirectory() as place:
        root = Path(place, "context")
        (root / "a" / "b").mkdir(parents=True)
        rules = data.draw(st.sampled_from([b"", b"a/b\n", b"*\n!a\n", b"a\n!a/b/x\n", b"**/x\n"]))
        for _ in range(data.draw(st.integers(1, 3))):
            for folder in data.draw(st.lists(st.sampled_from(names), max_size=3)):
                (root / folder).mkdir(parents=True, exist_ok=True)
                (root / folder / data.draw(st.sampled_from("xyz"))).write_bytes(data.draw(st.binary(max_size=3)))
            time.sleep(2 * context.TICK)
            assert stamp(root, Path(place), rules)[0] == plain(root, rules)
            assert stamp(root, Path(place), rules)[0] == plain(root, rules)


def test_stages_side_by_side_stamp_what_they_copy_themselves(tmp_path: Path) -> None:
    for number in range(2):
        for below in range(300):
            (tmp_path / f"{number}" / f"{below}").mkdir(parents=True)
    seen = Context(tmp_path, IgnoreRules.parse(b""))
    items = [seen.find(str(number), NODE) for number in range(2)]
    alone = [seen.stamp(each)[0] for each in items]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda each: (seen.stamp(each)[0], len(seen.folders)), items * 40))
    finally:
        sys.setswitchinterval(before)
    assert found == [(stamp, 301) for stamp in alone] * 40
