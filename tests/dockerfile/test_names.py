"""Which file of a folder is its Dockerfile, and which was likely meant."""

from pathlib import Path

import pytest

from dockyard.dockerfile.names import NAMES, near, within


@pytest.mark.parametrize("there", [NAMES, NAMES[1:], NAMES[2:]])
def test_docker_s_name_goes_before_the_others(tmp_path: Path, there: tuple[str, ...]) -> None:
    for name in there:
        (tmp_path / name).touch()
    assert within(tmp_path).name == there[0]


def test_a_folder_of_that_name_is_none(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").mkdir()
    (tmp_path / "Containerfile").touch()
    assert within(tmp_path).name == "Containerfile"


def test_where_there_is_none_the_first_name_is_told(tmp_path: Path) -> None:
    assert within(tmp_path).name == "Dockerfile"
    assert within(tmp_path / "nowhere").name == "Dockerfile"


@pytest.mark.parametrize(
    ("there", "asked", "meant"),
    [
        ("Dockerfile.prod", "Dockerfile", "Dockerfile.prod"),
        ("dockerfile.txt", "Dockerfile", "dockerfile.txt"),
        ("Dockerfile", "Dockerfil", "Dockerfile"),
        ("main.py", "Dockerfile", ""),
    ],
)
def test_a_name_that_is_nearly_the_same_was_likely_meant(tmp_path: Path, there: str, asked: str, meant: str) -> None:
    (tmp_path / there).touch()
    assert near(tmp_path / asked) == meant


def test_in_a_folder_that_is_not_there_nothing_was_meant(tmp_path: Path) -> None:
    assert near(tmp_path / "nowhere" / "Dockerfile") == ""
