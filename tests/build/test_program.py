"""Whether the files of a container have a program."""

from pathlib import Path
from typing import Any

import pytest

from dockyard.build.program import lacking
from dockyard.content.memory import Memory
from dockyard.layers.tar import Entry
from dockyard.layers.tree import FileTree
from making.images import layer

TREE = FileTree.of(
    [
        layer(
            Memory(),
            {
                "usr/bin/sh": b"",
                "bin": Entry("", "symlink", target="usr/bin"),
                "app/run": b"",
                "usr/bin/link": Entry("", "symlink", target="nothing"),
            },
        )
    ]
)


@pytest.mark.parametrize(
    ("program", "missing"),
    [
        ("sh", False),
        ("/bin/sh", False),
        ("./run", False),
        ("/usr/../bin/sh", False),
        ("made", False),
        ("/bin/made", False),
        ("/mnt/tool", False),
        ("bash", True),
        ("/bin/bash", True),
        ("run", True),
        ("./sh", True),
        ("/mntother/tool", True),
        ("/bin/link", True),
        ("", True),
    ],
)
def test_a_program_is_looked_for_where_the_runtime_does(tmp_path: Path, program: str, missing: bool) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/bin/made").touch()
    document: dict[str, Any] = {
        "process": {"args": [program], "env": ["A=b", "PATH=/none:/bin"], "cwd": "/app"},
        "mounts": [{"destination": "/proc"}, {"destination": "/mnt"}],
    }
    assert lacking(document, TREE, tmp_path) == (program if missing else "")
    document["process"]["args"] = []
    assert lacking(document, TREE, tmp_path) == ""
