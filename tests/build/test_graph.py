"""What stages take from each other, used or not."""

from pathlib import Path

import pytest

from dockyard.build.copy.owner import OwnerUnknownError
from dockyard.build.fault import PlatformRefusedError, SourceMissingError
from dockyard.build.graph import BlankBaseError, FromExpansionError, StageOrderError
from making.builds import Yard, members

USED = "\nFROM scratch\nCOPY one.txt /\n"


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    yard = Yard(tmp_path)
    yard.write({"one.txt": "1", "app/main.py": "2"})
    return yard


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("FROM scratch AS a\nCOPY --from=9 /x /", StageOrderError),
        ("FROM scratch AS a\nCOPY --from=a /x /", StageOrderError),
        ("FROM scratch AS a\nCOPY --from=b /x /\nFROM scratch AS b\nCOPY --from=a /x /", StageOrderError),
        ("FROM scratch AS a\nCOPY --from=$A /x /", FromExpansionError),
        ("ARG X\nFROM $X AS a", BlankBaseError),
        ("ARG X\nFROM --platform=$X scratch AS a", PlatformRefusedError),
    ],
)
def test_an_unused_stage_is_judged_as_well(yard: Yard, text: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        yard.build(text + USED)


def test_a_later_stage_is_not_taken_from_and_one_that_is_unused_may(yard: Yard) -> None:
    text = "FROM scratch AS a\nCOPY --from=b /one.txt /\nFROM scratch AS b\nCOPY one.txt /\n"
    with pytest.raises(StageOrderError):
        yard.build(text, target="a")
    yard.build(text, target="b")


def test_a_stage_of_which_only_heredocs_are_taken_is_not_built(yard: Yard) -> None:
    built = yard.build("FROM scratch AS a\nCOPY missing /\nFROM scratch\nCOPY --from=a <<E /f\nx\nE\n")
    assert members(built).keys() == {"f"}


def test_names_are_not_looked_up_where_nothing_is(yard: Yard) -> None:
    with pytest.raises(OwnerUnknownError):
        yard.build("FROM scratch\nCOPY --chown=nobody one.txt /\n")
    yard.build("FROM scratch\nWORKDIR /w\nCOPY --chown=nobody one.txt /\n")


def test_a_folder_that_no_instruction_names_anything_in_is_not_there(yard: Yard) -> None:
    with pytest.raises(SourceMissingError):
        yard.build("FROM scratch\nCOPY app/no* /\n")
    yard.build("FROM scratch\nCOPY app/no* /\nCOPY app/main.py /\n")
    yard.write({".dockerignore": "app/**\n"})
    with pytest.raises(SourceMissingError):
        yard.build("FROM scratch\nCOPY app/* /d/\n")


def test_folders_nested_very_deeply_are_copied_onto_others(yard: Yard) -> None:
    deep = "d/" * 700
    (yard.context / deep).mkdir(parents=True)
    (yard.context / deep / "f").write_text("1")
    found = members(yard.build("FROM scratch\nCOPY one.txt /t/d/x\nCOPY d /t/d\n"))
    assert f"t/{deep}f" in found
