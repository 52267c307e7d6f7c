"""Sources of one COPY that overwrite each other, files with several names among them."""

import os
from pathlib import Path

import pytest

from making.builds import Yard, members


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    made = Yard(tmp_path)
    made.write({"hard/one": "hard\n", "x/one": "other\n"})
    os.link(made.context / "hard" / "one", made.context / "hard" / "two")
    return made


def test_a_file_over_one_of_two_names_leaves_the_other(yard: Yard) -> None:
    made = yard.build("FROM scratch\nCOPY hard x /d/\n")
    tree = made.image.tree()
    assert (tree.read("d/one"), tree.read("d/two")) == (b"other\n", b"hard\n")
    assert {kind for kind, *_ in members(made).values()} == {"dir", "file"}  # no name links to what is not there


def test_two_names_over_a_file_are_one_file(yard: Yard) -> None:
    made = yard.build("FROM scratch\nCOPY x hard /d/\n")
    tree = made.image.tree()
    assert (tree.read("d/one"), tree.read("d/two")) == (b"hard\n", b"hard\n")
    assert sorted(kind for path, (kind, *_) in members(made).items() if "/" in path) == ["file", "hardlink"]


@pytest.mark.parametrize(("order", "one"), [("/hard /x", b"other\n"), ("/x /hard", b"hard\n")])
def test_the_same_holds_for_what_a_stage_has(yard: Yard, order: str, one: bytes) -> None:
    text = f"FROM scratch AS s\nCOPY . /\nFROM scratch\nCOPY --from=s {order} /d/\n"
    tree = yard.build(text).image.tree()
    assert (tree.read("d/one"), tree.read("d/two")) == (one, b"hard\n")


def test_each_path_is_in_the_layer_once(yard: Yard) -> None:
    made = yard.build("FROM scratch\nCOPY x/one hard/one x/one /d/\n")
    paths = [entry.path for entry, _ in made.image.layers[-1].entries()]
    assert paths.count("d/one") == 1
    assert made.image.tree().read("d/one") == b"other\n"
