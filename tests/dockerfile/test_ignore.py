"""Ignore files: their syntax, what they match, and what a walk may skip."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockyard.dockerfile.ignore import IgnoreRules
from dockyard.dockerfile.regular import IgnorePatternError


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("a*b?c*x", "abxbbxdbxebxczzx", True),
        ("a*b?c*x", "abxbbxdbxebxczzy", False),
        ("a?b", "a☺b", True),
        ("a?b", "a/b", False),
        ("[a-ζ]*", "α", True),
        ("*[a-ζ]", "A", False),
        ("[\\]a]", "]", True),
        ("[x\\-]", "z", False),
        ("ab[^e-g]", "abc", True),
        ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", False),
        ("a\\*b", "ab", False),
        ("**/x/**/y/*.c", "a/x/b/x/y/q.c", True),
        ("**file", "dir/xfile", True),
        ("docs", "docs/deep/er.md", True),
        ("/docs/../src/", "src/a", True),
    ],
)
def test_a_pattern_matches_as_docker_takes_it(pattern: str, path: str, matches: bool) -> None:
    assert IgnoreRules.parse(pattern.encode()).ignored(path) is matches


def test_comments_blank_lines_and_the_byte_order_mark_are_no_patterns() -> None:
    rules = IgnoreRules.parse(b"\xef\xbb\xbf# comment\n\n  *.log  \r\n #not-a-comment\n")
    assert [each.text for each in rules.patterns] == ["*.log", "#not-a-comment"]


def test_the_last_match_wins_and_a_walk_descends_only_where_it_has_to() -> None:
    rules = IgnoreRules.parse(b"node_modules\n!node_modules/keep/*.js\ndist\n*.md\n!README.md\n")
    assert rules.ignored("node_modules/x/y.js")
    assert not rules.ignored("node_modules/keep/a.js")
    assert rules.ignored("docs.md")
    assert not rules.ignored("README.md")
    assert rules.may_reinclude_below("node_modules")
    assert rules.may_reinclude_below("node_modules/keep")
    assert not rules.may_reinclude_below("node_modules/other")
    assert not rules.may_reinclude_below("dist")
    assert IgnoreRules.parse(b"*\n!**/*.py").may_reinclude_below("any/where")


@pytest.mark.parametrize("pattern", ["[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^bc", "a[", "a\\", "!", "! "])
def test_patterns_that_are_not_well_formed_name_their_line(pattern: str) -> None:
    with pytest.raises(IgnorePatternError, match="line 2"):
        IgnoreRules.parse(b"ok\n" + pattern.encode())


def test_no_pattern_takes_exponential_time() -> None:
    began = time.monotonic()
    assert not IgnoreRules.of(["*a" * 40 + "b"]).ignored("a" * 250)
    assert not IgnoreRules.of(["**/a/" * 20 + "b"]).ignored("a/" * 200 + "c")
    assert time.monotonic() - began < 5


@given(st.text(alphabet="ab*?[]^-!/\\.", max_size=12), st.text(alphabet="ab/.", min_size=1, max_size=12))
def test_any_pattern_matches_or_is_refused(pattern: str, path: str) -> None:
    with contextlib.suppress(IgnorePatternError):
        IgnoreRules.parse(pattern.encode()).ignored(path.strip("/") or "a")


@given(st.lists(st.sampled_from(["a", "b", "c*", "d?"]), min_size=1, max_size=3), st.text("abcd/", max_size=8))
def test_what_lies_below_an_ignored_folder_is_ignored_too(parts: list[str], rest: str) -> None:
    rules = IgnoreRules.of(["/".join(parts)])
    folder = "/".join(part.replace("?", "x") for part in parts)
    assert rules.ignored(folder)
    assert rules.ignored(f"{folder}/{rest.strip('/') or 'x'}")


def test_a_folder_that_nothing_left_out_takes_nothing_back_in() -> None:
    rules = IgnoreRules.parse(b"**/*-a\n!**/*-c\n")
    assert [each for each in ("x-a", "x-c", "x-c/f-a", "x-c/f-b", "x-a/f-c") if rules.ignored(each)] == [
        "x-a",
        "x-c/f-a",
    ]
    rules = IgnoreRules.of(["src", "!src/v/kept", "src/v"])
    assert [rules.ignored(each) for each in ("src", "src/v", "src/v/kept")] == [True, True, False]
    rules = IgnoreRules.of(["a/*/f", "!a", "a/b", "!a/b/c", "**/g"])
    assert [rules.ignored(each) for each in ("a", "a/b", "a/b/f", "a/b/c/x", "a/d/f")] == [
        False,
        True,
        True,
        False,
        True,
    ]


def test_what_an_ignore_file_leaves_out_last_stays_out() -> None:
    rules = IgnoreRules.parse(b"src\n!src/v/kept\nsrc/v\n")
    assert rules.ignored("src/v/kept")
