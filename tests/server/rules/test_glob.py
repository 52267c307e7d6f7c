"""Patterns of rules."""

import time

import pytest

from dockyard.server.rules import glob


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("**", ["", "a", "a/b"], []),
        ("*", ["a", ""], ["a/b"]),
        ("v*", ["v", "v1.0"], ["1", "v/1"]),
        ("a/**", ["a/", "a/b/c"], ["a", "b/a/c"]),
        ("**/web", ["x/web", "x/y/web"], ["web", "x/webs"]),
        ("?.?", ["1.2"], ["1.22", "/.a"]),
        ("{main,release-*}", ["main", "release-1"], ["master", "release"]),
        ("a{b,}c", ["abc", "ac"], ["abbc"]),
        ("1.0+[x]", ["1.0+[x]"], ["100x"]),
        ("***x", ["a/x"], ["a/y"]),
    ],
)
def test_a_pattern_takes_what_it_should_and_nothing_else(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [each for each in yes if not glob.matches(pattern, each)] == []
    assert [each for each in no if glob.matches(pattern, each)] == []


@pytest.mark.parametrize("pattern", ["", "{a", "a}", "{a,{b}}", "x" * 501, "{a,b}" * 8])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(glob.PatternInvalidError):
        glob.matches(pattern, "a")


def test_a_hostile_pattern_takes_no_time() -> None:
    began = time.monotonic()
    assert not glob.matches("*a" * 240 + "b", "a" * 255)
    assert time.monotonic() - began < 1
