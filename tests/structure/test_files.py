"""The shape of the tree: small files with names that say something."""

import re
import subprocess

from conftest import ROOT

MOST_LINES = 500
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}
ROOMS_NAMED_SO = {
    "src/dockyard/cli/base.py",
    "src/dockyard/build/base",
    "tests/build/base",
}  # `dockyard base`


def tracked(*patterns: str) -> list[str]:
    """The files that git tracks or would track."""
    words = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted(name for name in listed if (ROOT / name).is_file())


def test_no_file_is_longer_than_500_lines() -> None:
    lengths = {name: len((ROOT / name).read_bytes().splitlines()) for name in tracked("*.py", "*.sh", "Makefile")}
    assert len(lengths) > 500
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}


def test_no_name_is_empty_of_meaning() -> None:
    offenders = [
        name
        for name in tracked("*.py")
        if EMPTY_NAMES & {part.removesuffix(".py") for part in name.split("/")}
        and not any(name.startswith(allowed) for allowed in ROOMS_NAMED_SO)
    ]
    assert offenders == []


def test_every_room_says_in_one_docstring_what_it_is_for() -> None:
    for name in tracked("src/dockyard/*/__init__.py"):
        text = (ROOT / name).read_text().strip()
        assert text.startswith('"""'), name
        assert "import" not in text.split('"""')[2], f"{name} re-exports"


APART = {"making", "structure", "suites", "system"}  # what tests share, the tree itself, and whole programs
NOTHING_YET = {"inject", "observe"}


def test_the_tests_mirror_the_source_tree() -> None:
    folders = {name.rpartition("/")[0] for name in tracked("tests/**/test_*.py")}
    strays = [
        folder
        for folder in folders
        if folder.split("/")[1] not in APART and not (ROOT / "src/dockyard" / folder.partition("/")[2]).is_dir()
    ]
    assert strays == []


def test_every_room_has_tests_of_its_own() -> None:
    rooms = {path.parent.name for path in (ROOT / "src/dockyard").glob("*/__init__.py")}
    tested = {name.split("/")[1] for name in tracked("tests/*/**/test_*.py", "tests/*/test_*.py")}
    assert rooms - tested == NOTHING_YET


def test_tests_are_named_as_sentences() -> None:
    short = []
    for name in tracked("tests/**/test_*.py"):
        names = re.findall(r"^(?:async )?def (test_\w+)", (ROOT / name).read_text(), re.MULTILINE)
        short += [f"{name}: {each}" for each in names if len(each.split("_")) < 4]
    assert short == []
