"""Dockerfiles that do not let themselves be built while a check finds something."""

from pathlib import Path

import pytest

from dockyard.build.check import CheckFailedError, CheckInvalidError
from making.builds import Yard

ARGUMENT = "BUILDKIT_DOCKERFILE_CHECK"
OLD = "FROM scratch\nMAINTAINER someone\n"


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


def test_the_argument_counts_instead_of_the_directive(yard: Yard) -> None:
    yard.build(f"# check=error=true\n{OLD}", build_args={ARGUMENT: "skip=MaintainerDeprecated;error=true"})
    yard.build(f"# check=nonsense\n{OLD}", build_args={ARGUMENT: ""})
    with pytest.raises(CheckFailedError, match="MaintainerDeprecated on line 3"):
        yard.build(f"# check=skip=MaintainerDeprecated\n{OLD}", build_args={ARGUMENT: "error=true"})
    assert not [line for line in yard.progress.lines if ARGUMENT in line]  # it is not told to be unused


def test_a_directive_that_is_replaced_does_not_count_for_the_first_line(yard: Yard) -> None:
    with pytest.raises(CheckFailedError, match="StageNameCasing on line 2"):
        yard.build("# check=skip=StageNameCasing\nFROM scratch AS Base\n", build_args={ARGUMENT: "error=true"})


def test_an_argument_that_is_no_check_is_refused(yard: Yard) -> None:
    with pytest.raises(CheckInvalidError):
        yard.build(OLD, build_args={ARGUMENT: "foo"})
