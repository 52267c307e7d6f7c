"""Patterns over names: one grammar for members, robots, keyless claims, rules, replication and webhooks."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockyard.server import globs
from dockyard.server.access.principal import Permission, Principal, Proof, may
from dockyard.server.replication.rules import Rule
from dockyard.server.webhooks.kept import Webhook


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("**", ["", "a", "a/b"], []),
        ("*", ["a", ""], ["a/b"]),
        ("v*", ["v", "v1.0"], ["1", "v/1"]),
        ("a/**", ["a", "a/", "a/b/c"], ["ab", "b/a/c"]),
        ("**/web", ["web", "x/web", "x/y/web"], ["x/webs", "xweb"]),
        ("a/**/web", ["a/web", "a/x/y/web"], ["aweb", "a/xweb"]),
        ("**/a/**/b", ["a/b", "x/a/y/a/z/b"], ["a", "x/b"]),
        ("?.?", ["1.2"], ["1.22", "/.a"]),
        ("{main,release-*}", ["main", "release-1"], ["master", "release"]),
        ("{a/**,b}/c", ["a/x/y/c", "a/c", "b/c"], ["b/x/c"]),
        ("{a,{b,c}d}e", ["ae", "bde", "cde"], ["be", "e"]),
        ("a{b,}c", ["abc", "ac"], ["abbc"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "x", "-x"]),
        ("[^a-c]x", ["dx"], ["ax", "/x"]),
        ("[!a]x", ["bx"], ["ax"]),
        ("[]-]", ["]", "-"], ["a"]),
        (r"\*\{a\}[\]]", ["*{a}]"], ["a{a}]"]),
        ("a**b", ["ab", "axxb"], ["a/b"]),
        ("***", ["a"], ["a/b"]),
        ("ü?", ["üß"], ["u"]),
        ("!dev-*", ["v1", "", "dev-/x"], ["dev-1", "dev-"]),
        ("!{a/**,b}", ["c", "b/x"], ["a", "a/x/y", "b"]),
        ("!latest", ["v1", "!latest"], ["latest"]),
        (r"\!a", ["!a"], ["a", "b"]),
    ],
)
def test_a_pattern_takes_what_it_should_and_nothing_else(pattern: str, yes: list[str], no: list[str]) -> None:
    assert globs.checked(pattern) == pattern
    assert [each for each in yes if not globs.matches(pattern, each)] == []
    assert [each for each in no if globs.matches(pattern, each)] == []


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "{a",
        "a}",
        "{a,{b}",
        "x" * 513,
        "{a,b}" * 8,
        "[a",
        "!",
        "!!a",
        "!{a",
        "![b-a]",
        "[]",
        "[b-a]",
        "[a-/]",
        "a\\",
        "a\nb",
        "{" * 20 + "}" * 20,
    ],
)
def test_what_is_no_pattern_is_refused_and_fits_nothing(pattern: str) -> None:
    with pytest.raises(globs.GlobInvalidError):
        globs.checked(pattern)
    assert not globs.matches(pattern, pattern)
    assert not globs.matches(pattern, "a")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*a" * 240 + "b", "a" * 500),
        ("**/a/" * 90 + "b", "a/" * 200 + "c"),
        ("**/*a*a*a/" * 45 + "b", "aaaa/" * 99 + "c"),
    ],
)
def test_a_hostile_pattern_takes_no_time(pattern: str, text: str) -> None:
    began = time.process_time()
    assert not globs.matches(pattern, text)
    assert time.process_time() - began < 1


@given(st.text(alphabet="ab/*?[]{},^!-\\", max_size=30), st.text(alphabet="ab/*", max_size=30))
def test_any_text_is_a_pattern_or_refused_as_one(pattern: str, text: str) -> None:
    try:
        globs.checked(pattern)
    except globs.GlobInvalidError:
        assert not globs.matches(pattern, text)
    else:
        assert globs.matches(pattern, text) in (True, False)


@given(st.text(alphabet="ab/.-", min_size=1, max_size=30))
def test_a_name_is_the_pattern_for_itself(name: str) -> None:
    assert globs.matches(name, name)
    assert globs.matches("**", name)


def test_lists_are_taken_apart_outside_of_braces() -> None:
    assert globs.listed("a,b c\n{d,e}/*,  f") == ["a", "b", "c", "{d,e}/*", "f"]
    assert globs.listed(" ") == []


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("team/**", "team/web", True),
        ("team/**", "team/web/x", True),
        ("team/*", "team/web/x", False),
        ("!team/old-*", "team/web", True),
        ("!team/old-*", "team/old-web", False),
        ("team/{web,api}", "team/api", True),
        ("team/[a-w]*", "team/xyz", False),
        ("team**", "team/web", False),
    ],
)
def test_rights_rules_and_webhooks_read_a_pattern_alike(pattern: str, name: str, fits: bool) -> None:
    robot = Principal(Proof("robot", 1), "ci", permissions=(Permission((pattern,), frozenset({"pull"})),))
    assert may(robot, name, "pull", ()) is fits
    assert Rule(0, "r", "push", "other", pattern).fits(name, "") is fits
    hook = Webhook(1, "", "https://x", ("push",), pattern, "docker", True, True, 0)
    assert hook.wants("push", "team", name) is fits


@pytest.mark.parametrize("pattern", ["team/Web", "Team/**", "!DEV-*", "team/[A-Z]*", "{a,B}", "team/É"])
def test_patterns_for_repositories_have_no_capital_letters(pattern: str) -> None:
    with pytest.raises(globs.GlobInvalidError, match="capital letters") as caught:
        globs.of_repositories(pattern)
    assert pattern.lower() in str(caught.value.hint)


@pytest.mark.parametrize("pattern", ["team/web", "**", "!dev-*", "team/[a-z]*", "{a,b}/c"])
def test_patterns_for_repositories_are_taken_as_they_are(pattern: str) -> None:
    assert globs.of_repositories(pattern) == pattern
