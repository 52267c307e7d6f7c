"""Scripts of RUNs as ShellCheck gets them, and where its comments belong."""

from typing import Any

import pytest

from dockyard.dockerfile.lint.heard import Comment, heard
from dockyard.dockerfile.lint.scripts import ShellScript, scripts
from dockyard.dockerfile.lint.subject import Subject
from dockyard.dockerfile.parser import parse


def scripts_of(text: str) -> list[ShellScript]:
    dockerfile = parse(text)
    return list(scripts(Subject.of(dockerfile)))


def place(text: str, script: ShellScript, word: str) -> tuple[int, int]:
    """Where `word` of the script stands in the file."""
    lines = script.text.split("\n")
    line = next(number for number, each in enumerate(lines[1:], 2) if word in each)
    return script.place(line, lines[line - 1].index(word) + 1)


@pytest.mark.parametrize(
    "text",
    [
        "FROM a\nRUN one WORD",
        "FROM a\n\n  run   --mount=type=cache,target=/x  one WORD",
        "FROM a\nRUN one && \\\n    two \\\n  three WORD four",
        "FROM a\nRUN one \\\n# a comment\n\n   # another\n   two WORD",
        "FROM a\nRUN \\\n  one WORD",
        "# escape=`\nFROM a\nRUN one `\n  two WORD",
        "FROM a\nRUN <<EOF\none\ntwo WORD\nEOF\nRUN three",
        "FROM a\nRUN cat <<EOF && \\\n  two WORD\nEOF",
        "FROM a\nRUN cat <<A >/x && cat <<B\na\nA\nb WORD\nB\n",
        "FROM a\nRUN x \\\n  <<EOF\none\ntwo WORD\nEOF",
    ],
)
def test_a_place_in_the_script_is_a_place_in_the_file(text: str) -> None:
    line, column = place(text, scripts_of(text)[0], "WORD")
    lines = text.split("\n")
    assert (lines[line - 1].find("WORD") + 1) == column, (line, column)


def test_the_script_is_what_the_shell_gets() -> None:
    text = 'ARG G=1\nFROM a\nARG B=2\nENV C=3 D=4\nRUN one \\\n # no\n  $B\nENV E=5\nRUN ["x"]\n'
    (script,) = scripts_of(text)
    head, body, _ = script.text.split("\n")
    assert {"B=x", "C=x", "D=x", "TARGETARCH=x"} <= set(head.split())
    assert "E=x" not in head.split()
    assert body == "one   $B"


def test_a_value_that_may_be_several_words_is_unknown() -> None:
    (script,) = scripts_of('FROM a\nARG B\nENV C="a b" D=$X E=1 F="/x"\nENV E=* \nRUN b\n')
    head = script.text.split("\n")[0]
    assert head.endswith("; read -r B C D E")
    assert " F=x " in head


def test_a_stage_knows_what_the_stage_below_it_set() -> None:
    assert " K=x" in scripts_of("FROM a AS b\nENV K=1\nFROM b\nRUN echo $K")[0].text.split("\n")[0]


@pytest.mark.parametrize(
    ("text", "dialects"),
    [
        ("FROM a\nRUN b", ["sh"]),
        ('FROM a\nSHELL ["/bin/bash", "-c"]\nRUN b', ["bash"]),
        ('FROM a\nSHELL ["/bin/ash", "-c"]\nRUN b', ["dash"]),
        ('FROM a\nSHELL ["powershell", "-c"]\nRUN b', []),
        ("FROM a\n# hadolint shell=ksh\nRUN b", ["ksh"]),
        ("FROM a\nRUN <<EOF\n#!/bin/bash\nb\nEOF", ["bash"]),
        ("FROM a\nRUN <<EOF\n#!/usr/bin/env python3\nb\nEOF", []),
        ("FROM a\nRUN <<EOF\n#!\nb\nEOF", []),
    ],
)
def test_the_dialect_follows_shell_comment_and_shebang(text: str, dialects: list[str]) -> None:
    assert [each.dialect for each in scripts_of(text)] == dialects


RUN = "FROM a\n{}\nRUN echo $b \\\n  $c\n"


def said(text: str, **rules: Any) -> list[tuple[int, str]]:
    script = scripts_of(text)[0]
    comments = [(script, Comment(2086, "info", 2, script.text.split("\n")[1].index("$c") + 1, "Quote."))] * 2
    comments += [(script, Comment(1091, "info", 2, 1, "Not followed."))]
    return [(each.line, each.rule) for each in heard(parse(text), comments, **rules)]


def test_what_was_said_becomes_one_finding_at_its_line() -> None:
    assert said(RUN.format("# hello")) == [(4, "SC2086")]


@pytest.mark.parametrize(
    "comment",
    [
        "# hadolint ignore=SC2086",
        "# shellcheck disable=SC2086",
        "# dockyard ignore=shellcheck",
        "# hadolint ignore=all",
    ],
)
def test_comments_silence_what_was_said(comment: str) -> None:
    assert said(RUN.format(comment)) == []
    assert said(f"# hadolint global ignore=SC2086\n{RUN.format('# x')}") == []


def test_rules_are_chosen_by_number_or_together() -> None:
    text = RUN.format("# x")
    assert said(text, only=["shellcheck"]) == said(text, only=["SC2086"]) == [(4, "SC2086")]
    assert said(text, only=["SC2000"]) == said(text, without=["SC2086"]) == said(text, without=["shellcheck"]) == []
