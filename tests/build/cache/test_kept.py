"""What builds keep: listed, summed up, and thrown away without hurting an image."""

import os
import time
from pathlib import Path

import pytest

from dockyard.build.cache.kept import CacheBusyError, kept, prune
from dockyard.cli.main import run
from dockyard.images.remove import remove
from making.builds import Yard


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path)
    yard.write({"a": "1" * 1000, "b": "2" * 1000})
    yard.build("FROM scratch AS one\nCOPY a /a\nFROM scratch\nCOPY --from=one /a /x\nCOPY b /b\n")
    return yard


def test_only_what_no_image_has_is_kept_for_builds(yard: Yard) -> None:
    (item,) = kept(yard.data, yard.store)
    assert item.kind == "layer"
    assert item.size > 0
    assert time.time() - item.used < 60


def test_pruning_leaves_every_image_whole_and_the_next_build_right(yard: Yard) -> None:
    gone = prune(yard.data, yard.store, 0)
    assert [each.kind for each in gone] == ["layer"]
    assert kept(yard.data, yard.store) == []
    text = "FROM scratch AS one\nCOPY a /a\nFROM scratch\nCOPY --from=one /a /x\nCOPY b /b\n"
    assert yard.build(text).image.tree().read("x") == b"1" * 1000


def test_the_longest_unused_goes_first_and_no_more_than_needed(yard: Yard) -> None:
    for number, size in enumerate((100_000, 200_000, 300_000)):
        folder = yard.data / "cache" / "mounts" / f"m{number}"
        (folder / "0").mkdir(parents=True)
        (folder / "0" / "f").write_bytes(bytes([1]) * size)
        (folder / "id").write_text(f"mount {number}")
        os.utime(folder, (1000 + number, 1000 + number))
    gone = prune(yard.data, yard.store, 400_000)
    assert [each.name for each in gone] == ["mount 0", "mount 1"]
    assert prune(yard.data, yard.store, 0, older=10**10) == []


def test_nothing_is_thrown_away_under_a_running_build(yard: Yard) -> None:
    yard.build("FROM scratch\nCOPY a /b\n")
    with yard.store.in_use():  # as a build does
        with pytest.raises(CacheBusyError):
            prune(yard.data, yard.store, 0)
        blobs = yard.blobs()
        assert remove(yard.store, ["docker.io/library/test:1"], grace=0) == (0, 0)
        assert yard.blobs() == blobs
    assert len(prune(yard.data, yard.store, 0)) == 4


def test_the_command_shows_and_prunes(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKYARD_HOME", str(yard.data))
    assert run(["cache", "du"]) == 0
    assert "layer" in capsys.readouterr().out
    assert run(["cache", "ls", "--json"]) == 0
    assert '"kind": "layer"' in capsys.readouterr().out
    assert run(["cache", "du", "--verbose", "--all", "--filter", "type=regular"]) == 0
    assert "sha256" in capsys.readouterr().out
    assert run(["cache", "prune", "-a", "-f", "--min-free-space", "1", "--dry-run"]) == 0
    assert "would remove 0 entries" in capsys.readouterr().out
    assert run(["cache", "prune", "--min-free-space", "9999TB", "--max-used-space", "1GB", "--dry-run"]) == 0
    assert "would remove 1 entry" in capsys.readouterr().out
    assert run(["cache", "prune", "--filter", "type=exec.cachemount", "--filter", "unused-for=0s"]) == 0
    assert "removed 0 entries" in capsys.readouterr().out
    assert run(["cache", "prune", "--keep", "10GB"]) == 0
    assert "removed 0 entries" in capsys.readouterr().out
    assert run(["cache", "prune", "--dry-run"]) == 0
    assert "would remove 1 entry" in capsys.readouterr().out
    assert run(["cache", "prune", "--filter", "kind=mount"]) == 0
    assert "removed 0 entries" in capsys.readouterr().out
    assert run(["cache", "prune", "--filter", "until=1h", "--keep-duration", "1h"]) == 0
    assert "removed 0 entries" in capsys.readouterr().out
    assert run(["cache", "ls", "--filter", "kind=layer", "--filter", "name=sha256"]) == 0
    assert "layer" in capsys.readouterr().out
    assert run(["cache", "prune", "--filter", "kind=other"]) == 2
    assert run(["cache", "prune", "--keep", "much"]) == 2
    assert run(["cache", "prune", "--unused-for", "long"]) == 2


def test_a_file_of_many_names_counts_once(yard: Yard) -> None:
    folder = yard.data / "cache" / "mounts" / "m"
    (folder / "0" / "below").mkdir(parents=True)
    (folder / "id").write_text("mount")
    (folder / "0" / "f").write_bytes(b"1" * 1_000_000)
    for number in range(50):
        os.link(folder / "0" / "f", folder / "0" / "below" / str(number))
    (item,) = [each for each in kept(yard.data, yard.store) if each.kind == "mount"]
    assert 1_000_000 <= item.size < 1_100_000
