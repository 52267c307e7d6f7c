"""Modes as --chmod takes them: where POSIX leaves no choice, against the real chmod."""

import os
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dockyard.build.copy.mode import ModeInvalidError, changed, octal
from dockyard.dockerfile.parser import parse

NODE = parse("FROM a\nCOPY --chmod=0 x /\n").nodes[1]
clause = st.from_regex(r"[ugoa]{1,3}[-+=][rwx]{0,3}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "mode"), [("0755", 0o755), ("7777", 0o7777), ("00644", 0o644), ("17777", None), ("8", None), ("u=r", None)]
)
def test_a_number_is_octal_and_at_most_7777(text: str, mode: int | None) -> None:
    assert octal(text) == mode


@pytest.mark.parametrize(
    ("before", "text", "folder", "after"),
    [
        (0o640, "u=rwX,go=rX", False, 0o644),
        (0o740, "u=rwX,go=rX", False, 0o755),
        (0o640, "u=rwX,go=rX", True, 0o755),
        (0o644, "+x", False, 0o755),
        (0o777, "go-w", False, 0o755),
        (0o700, "g=u,o=g", False, 0o777),
        (0o755, "u+s", False, 0o4755),
        (0o755, "+t", True, 0o1755),
        (0o4755, "0644", False, 0o644),
    ],
)
def test_symbolic_modes_change_what_was_there(before: int, text: str, folder: bool, after: int) -> None:
    assert changed(before, text, folder=folder, node=NODE) == after


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 0o777), st.lists(clause, min_size=1, max_size=3).map(",".join), st.booleans())
def test_the_result_is_what_chmod_makes_of_it(tmp_path: Path, before: int, text: str, folder: bool) -> None:
    place = tmp_path / "x"
    if folder:
        place.mkdir()
    else:
        place.touch()
    place.chmod(before)
    subprocess.run(["chmod", text, str(place)], check=True)
    after = stat.S_IMODE(os.stat(place).st_mode)
    place.rmdir() if folder else place.unlink()
    assert oct(changed(before, text, folder=folder, node=NODE)) == oct(after)


@pytest.mark.parametrize("text", ["", "u", "u=q", "u=r,", "rwx", "9", "u==r!", "u=r;g=r"])
def test_what_is_no_mode_is_refused(text: str) -> None:
    with pytest.raises(ModeInvalidError):
        changed(0o644, text, folder=False, node=NODE)
