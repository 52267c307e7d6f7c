"""Stages side by side."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from dockyard.build import steps
from dockyard.build.budget import BuildCancelledError
from dockyard.build.fault import SourceMissingError
from dockyard.build.stage import Stage
from dockyard.dockerfile import instructions as ins
from making.builds import Yard


def test_the_error_is_that_of_the_stage_that_failed_not_of_one_that_ended_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried_out = steps.run

    def run(stage: Stage, instructions: Sequence[ins.Instruction]) -> None:
        if stage.title == "a":
            assert stage.tools.cancelled.wait(20)
            raise BuildCancelledError("another stage has failed")
        carried_out(stage, instructions)

    monkeypatch.setattr(steps, "run", run)
    yard = Yard(tmp_path)
    with pytest.raises(SourceMissingError, match="nothing"):
        yard.build(
            """\
FROM scratch AS a
LABEL a=b
FROM scratch AS b
COPY nothing /
FROM scratch
COPY --from=a / /
COPY --from=b / /
"""
        )
