"""Paths in a folder: what patterns match, where links lead, and what is near one that is not there."""

import os
import re
from pathlib import Path

import pytest

from dockyard.build.fault import ContextEscapeError
from dockyard.build.sources.paths import followed, glob, missing
from dockyard.dockerfile.ignore import IgnoreRules
from dockyard.dockerfile.parser import parse

NODE = parse("FROM a\nCOPY x /\n").nodes[1]
NONE = IgnoreRules()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("app/a.py", "app/b.txt", "app/sub/c.py", "lib/d.py", "[x]/e"):
        place = tmp_path / "root" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(name)
    for name, target in (("link", "app"), ("up", "../../../app"), ("whole", "/app/a.py"), ("round", "round")):
        (tmp_path / "root" / name).symlink_to(target)
    (tmp_path / "outside").write_text("secret")
    (tmp_path / "root" / "out").symlink_to("../outside")
    return tmp_path / "root"


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("app/*.py", ["app/a.py"]),
        ("*/*.py", ["app/a.py", "lib/d.py"]),
        ("link/*.py", ["link/a.py"]),
        ("l*/*.py", ["lib/d.py"]),
        ("app/none", ["app/none"]),
        ("no*/x", []),
        ("app/*/c.??", ["app/sub/c.py"]),
        (r"\[x\]/*", [r"\[x\]/e"]),
    ],
)
def test_a_pattern_matches_folder_by_folder_and_links_only_before_its_first_wildcard(
    root: Path, pattern: str, found: list[str]
) -> None:
    (root / r"\[x\]").mkdir()
    (root / r"\[x\]" / "e").touch()
    assert glob(root, pattern.split("/")) == found


def test_who_asks_says_what_makes_a_part_a_pattern(root: Path) -> None:
    assert glob(root, [r"\[x\]", "e"], re.compile(r"[*?\[\\]")) == ["[x]/e"]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("", ""),
        ("app/a.py", "app/a.py"),
        ("link/a.py", "app/a.py"),
        ("up/a.py", "app/a.py"),
        ("whole", "app/a.py"),
        ("app/none", None),
        ("app/a.py/x", None),
    ],
)
def test_links_are_followed_and_end_at_the_folder_s_root(root: Path, name: str, path: str | None) -> None:
    found = followed(root, NONE, name, NODE)
    assert (found and found[0]) == path
    assert found is None or found[1].st_ino == os.stat(root / str(path)).st_ino


@pytest.mark.parametrize(("name", "message"), [("out", "leads out of the context"), ("round", "lead in a circle")])
def test_links_that_lead_nowhere_are_refused(root: Path, name: str, message: str) -> None:
    with pytest.raises(ContextEscapeError, match=message):
        followed(root, NONE, name, NODE)


def test_a_link_that_is_left_out_is_not_followed(root: Path) -> None:
    assert followed(root, IgnoreRules.parse(b"link\n"), "link/a.py", NODE) is None


@pytest.mark.parametrize(
    ("pattern", "message", "hint"),
    [
        ("app/a.py", "is left out by the ignore file", "add !app/a.py to it"),
        ("https://host/x", "cannot be fetched", "Only ADD"),
        ("app/a.pj", "is not in the context", "Did you mean app/a.py?"),
        ("zzzzzz", "is not in the context", "context"),
    ],
)
def test_the_error_for_nothing_says_what_there_is_instead(root: Path, pattern: str, message: str, hint: str) -> None:
    error = missing(root, pattern, pattern, NODE)
    assert message in error.message
    assert hint in error.hint
