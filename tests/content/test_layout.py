"""What is particular to the store in a folder; what it shares with others is in `test_stores`."""

import contextlib
import os
from pathlib import Path

from dockyard.content.layout import Layout


def test_an_ingest_that_nobody_closes_leaves_nothing(tmp_path: Path) -> None:
    """As where an interrupt comes right after it was begun."""
    store = Layout(tmp_path, create=True)
    ingest = store.ingest()
    ingest._file.close()
    del ingest
    assert not any((tmp_path / "ingest").iterdir())


def test_a_walk_that_is_broken_off_holds_no_folder_open(tmp_path: Path) -> None:
    store = Layout(tmp_path / "store", create=True)
    for number in range(3):
        store.add("text/plain", b"%d" % number)
    walk = store.walk()
    next(walk)
    for each in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # that of the list itself
            assert not os.readlink(f"/proc/self/fd/{each}").startswith(str(tmp_path))
