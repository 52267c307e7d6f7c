"""Unpacked layers that may not be on the disk: kept while the machine runs, thrown away where it went down on them."""

import os
import time
from pathlib import Path

import pytest

from dockyard.runtime import unsettled


def layer(folder: Path, name: str) -> Path:
    place = folder / name
    unsettled.note(place)
    place.mkdir()
    (place / "file").write_text(name)
    return place


def test_what_was_unpacked_since_the_machine_began_stays(tmp_path: Path) -> None:
    place = layer(tmp_path, "abc")
    unsettled.sweep(tmp_path)
    assert (place / "file").read_text() == "abc"


def test_what_the_machine_went_down_on_is_thrown_away_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, other = layer(tmp_path, "abc"), tmp_path / "settled"
    other.mkdir()
    monkeypatch.setattr(unsettled, "_boot", lambda: "the next")
    unsettled.sweep(tmp_path)
    assert not place.exists()
    assert other.exists(), "nobody said that it may not be on the disk"
    again = layer(tmp_path, "abc")
    unsettled.sweep(tmp_path)
    assert again.exists()


def test_what_the_disk_has_had_time_for_stays_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = layer(tmp_path, "abc")
    (mark,) = (tmp_path / ".unsettled").iterdir()
    os.utime(mark, (time.time() - 3600,) * 2)
    unsettled.sweep(tmp_path)
    assert not mark.exists()
    monkeypatch.setattr(unsettled, "_boot", lambda: "the next")
    unsettled.sweep(tmp_path)
    assert place.exists()


def test_a_folder_without_marks_is_left_alone(tmp_path: Path) -> None:
    unsettled.sweep(tmp_path / "absent")
    unsettled.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []
