"""Containers in the foreground, whatever interrupts them."""

from pathlib import Path
from typing import Any

import pytest

from dockyard._internal import interrupt
from dockyard.runtime import container
from dockyard.runtime.container import ContainerCancelledError
from dockyard.runtime.way import Way
from making.interrupted import everywhere


@pytest.mark.slow
def test_an_interrupt_anywhere_leaves_neither_a_folder_nor_a_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def command(*words: Any, **options: Any) -> list[str]:
        (tmp_path / "run").mkdir()
        return ["sleep", "3600"]

    def work() -> None:
        try:
            container.run(
                {},
                overlay=tmp_path,
                folder=tmp_path / "run",
                name="build",
                output=lambda data: None,
                cancelled=lambda: True,
                way=Way("single"),
            )
        except ContainerCancelledError:
            pass
        finally:
            interrupt.end_all()
            left.extend([*tmp_path.iterdir(), *(_children() - before)])

    monkeypatch.setattr(container, "command", command)
    monkeypatch.setattr(container, "_POLL", 0)
    before, left = _children(), list[object]()
    assert everywhere(work, container) > 100
    assert left == []


def _children() -> set[str]:
    return {each for task in Path("/proc/self/task").iterdir() for each in (task / "children").read_text().split()}
