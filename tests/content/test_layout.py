"""What is particular to the store in a folder; what it shares with others is in `test_stores`."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from dockyard.content.layout import Layout

BEGUN = """
import os, sys
from pathlib import Path
from dockyard.content.layout import Layout
begun = Layout(Path(sys.argv[1]), create=True).ingest()
if os.fork() == 0:
    sys.exit()  # what its parent has begun is not its own
os.wait()
assert os.listdir(sys.argv[1] + "/ingest")
raise KeyboardInterrupt
"""


def test_an_ingest_that_nobody_closes_goes_with_its_process(tmp_path: Path) -> None:
    """As where an interrupt comes right after it was begun."""
    done = subprocess.run([sys.executable, "-c", BEGUN, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.stderr.endswith("KeyboardInterrupt\n"), done.stderr
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
