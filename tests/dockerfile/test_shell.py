"""Expansion beyond the tables: patterns, replacement, bounds."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dockyard.dockerfile.shell import ExpansionError, expand, process, words

ENV = {"A": "foo.tar.gz", "P": "/a/b/c.txt", "E": "", "S": "x y"}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("${A%.*}", "foo.tar"),
        ("${A%%.*}", "foo"),
        ("${P#*/}", "a/b/c.txt"),
        ("${P##*/}", "c.txt"),
        ("${A#x}", "foo.tar.gz"),
        ("${A/o/0}", "f0o.tar.gz"),
        ("${A//o/0}", "f00.tar.gz"),
        ("${A//./}", "footargz"),
        ("${A/o*r/-}", "f-.gz"),
        ("${P//\\//-}", "-a-b-c.txt"),
        ("${A/???/bar}", "bar.tar.gz"),
        ("${A%${NONE:-.gz}}", "foo.tar"),
        ("${A//\\?/x}", "foo.tar.gz"),
        ("${E-unset}", ""),
        ("${E:-empty}", "empty"),
        ("${E+set}", "set"),
        ("${E:+full}", ""),
        ("${A:?}", "foo.tar.gz"),
        ('"${S}"', "x y"),
        ("${NONE%x}", ""),
    ],
)
def test_a_substitution_gives_what_a_shell_would(word: str, expected: str) -> None:
    assert expand(word, ENV) == expected


@pytest.mark.parametrize("word", ["${A", "${A:x}", "${A@x}", "${A/x}", "${A/x/y", "${A%\\x}", "'", '"', "${", "${E:?}"])
def test_what_is_not_well_formed_is_refused(word: str) -> None:
    with pytest.raises(ExpansionError):
        expand(word, ENV)


def test_a_dollar_sign_in_a_replacement_is_what_go_takes_it_for_where_every_match_is_replaced() -> None:
    env = {"A": "a.b.c", "D": "<$0 $name ${name} $$ $>"}
    assert expand("${A//./$D}", env) == "a<.   $ $>b<.   $ $>c"
    assert expand("${A/./$D}", env) == "a<$0 $name ${name} $$ $>b.c"


def test_the_message_of_a_required_variable_is_shown() -> None:
    with pytest.raises(ExpansionError, match="NONE: give a version"):
        expand("${NONE:?give a version}", {})


def test_the_backtick_escapes_where_it_is_the_escape_character() -> None:
    assert expand("`$A \\x", ENV, "`") == "$A \\x"


def test_used_and_missing_variables_are_told() -> None:
    result = process("$A ${B:-$C}", ENV)
    assert result.used == {"A"}
    assert result.missing == {"B", "C"}


def test_heredoc_bodies_keep_their_quotes() -> None:
    assert process("'$A' \"x\"\n", ENV, skip_quotes=True).text == "'foo.tar.gz' \"x\"\n"


def test_doubling_does_not_eat_the_memory() -> None:
    value = "x" * 1_000_000
    with pytest.raises(ExpansionError, match="longer than"):
        expand("$A" * 10, {"A": value})


def test_a_pattern_of_many_stars_is_quick() -> None:
    assert expand("${A##" + "*a" * 30 + "b}", {"A": "a" * 3000}) == "a" * 3000


@given(st.text(alphabet="ab$*?{}:-+#%/\\'\"` ", max_size=40), st.sampled_from(["\\", "`"]))
def test_any_word_expands_or_is_refused(word: str, escape: str) -> None:
    with contextlib.suppress(ExpansionError):
        expand(word, {"a": "ab", "b": ""}, escape)


@given(st.lists(st.text(alphabet="abc", min_size=1), max_size=5))
def test_words_without_special_characters_come_back(parts: list[str]) -> None:
    assert words("  ".join(parts), {}) == parts


@given(st.text(alphabet="ab/.", max_size=20), st.text(alphabet="ab*?", max_size=6))
def test_removing_a_pattern_leaves_an_end_or_a_beginning(value: str, pattern: str) -> None:
    short = expand("${v#" + pattern + "}", {"v": value})
    long = expand("${v##" + pattern + "}", {"v": value})
    assert value.endswith(short)
    assert short.endswith(long)
    assert value.startswith(expand("${v%" + pattern + "}", {"v": value}))
