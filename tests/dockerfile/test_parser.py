"""Dockerfiles into trees: lines, heredocs, directives, and hostile bytes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dockyard._internal.limits import DOCKERFILE_BYTES, TooLargeError
from dockyard.dockerfile.fault import DockerfileInvalidError
from dockyard.dockerfile.parser import parse, parse_heredoc
from dockyard.dockerfile.stages import stages
from dockyard.errors import Error

WORDS = st.sampled_from(
    [
        "FROM",
        "RUN",
        "COPY",
        "ADD",
        "ENV",
        "ARG",
        "LABEL",
        "ONBUILD",
        "HEALTHCHECK",
        "CMD",
        "ENTRYPOINT",
        "SHELL",
        "EXPOSE",
        "VOLUME",
        "USER",
        "WORKDIR",
        "alpine",
        "AS",
        "x=y",
        "--from=0",
        "--mount=type=cache,target=/c",
        "--chmod=",
        "--",
        "<<EOF",
        "<<-'E'",
        "EOF",
        "E",
        "$",
        "${",
        "${a:-b}",
        "${a//}",
        "\\",
        '"',
        "'",
        "[",
        "]",
        '["a"]',
        "#",
        "\\\n",
        "\n",
        "escape=",
        "check=skip=all",
        "`",
    ]
)


def test_lines_comments_and_continuations_are_kept() -> None:
    tree = parse("# one\n#\n# two\nFROM alpine \\\n  # inside\n\n  AS x\n\nRUN a\n")
    first, second = tree.nodes
    assert (first.start_line, first.end_line, first.comments, first.gaps) == (4, 7, ("two",), (6,))
    assert first.args == ("alpine", "AS", "x")
    assert (second.start_line, second.end_line) == (9, 9)
    assert tree.comments[5] == "inside"


def test_heredocs_of_every_form() -> None:
    tree = parse("FROM a\nRUN <<A cat 3<<-'B'\none\nA\n\ttwo $x\n\tB\nCOPY <<\"C\" c <<D /d/\n1\nC\n2\nD\nRUN done\n")
    run, copy, last = tree.nodes[1:]
    assert [(h.name, h.content, h.expand, h.chomp, h.descriptor) for h in run.heredocs] == [
        ("A", "one\n", True, False, 0),
        ("B", "\ttwo $x\n", False, True, 3),
    ]
    assert run.heredocs[1].body == "two $x\n"
    assert [(h.name, h.expand, h.content) for h in copy.heredocs] == [("C", False, "1\n"), ("D", True, "2\n")]
    assert (run.end_line, copy.end_line, last.start_line) == (6, 11, 12)


def test_a_heredoc_inside_onbuild_belongs_to_its_body() -> None:
    node = parse("FROM a\nONBUILD RUN <<E\nx\nE\n").nodes[1]
    assert node.body is not None
    assert node.body.heredocs[0].content == "x\n"
    assert node.end_line == 4


def test_no_heredoc_opens_in_json_form_nor_in_other_instructions() -> None:
    assert parse('FROM a\nRUN ["cat", "<<E"]\nCMD cat <<E\n').nodes[2].heredocs == ()
    assert parse_heredoc("<<<word") is None
    assert parse_heredoc("a<<b") is None


def test_an_unclosed_heredoc_names_its_line() -> None:
    with pytest.raises(DockerfileInvalidError, match=r"line 2: the heredoc EOF is never closed"):
        parse("FROM a\nRUN <<EOF\nx\n")


def test_directives_are_read_only_at_the_top() -> None:
    tree = parse("# Syntax = docker/dockerfile:1\n# escape=`\n# check=skip=all\nFROM a `\n b\n")
    assert tree.directives == {"syntax": "docker/dockerfile:1", "escape": "`", "check": "skip=all"}
    assert tree.nodes[0].args == ("a", "b")
    assert parse("#!/usr/bin/env builder\n# escape=`\nFROM a\n").directives == {}
    assert parse("# a comment\n# escape=`\nFROM a").escape == "\\"


def test_a_directive_twice_is_refused() -> None:
    with pytest.raises(DockerfileInvalidError, match="line 2: only one escape"):
        parse("# escape=`\n# escape=\\\nFROM a")
    with pytest.raises(DockerfileInvalidError, match="escape character"):
        parse("# escape=x\nFROM a")


def test_flags_end_at_the_first_other_word_or_at_two_dashes() -> None:
    nodes = parse("FROM a\nCOPY --from='a b' --chmod=\\-x -- --c d\nRUN --x=1 cmd --y\n").nodes
    assert nodes[1].flags == ("--from=a b", "--chmod=-x")
    assert nodes[1].args == ("--c", "d")
    assert nodes[2].flags == ("--x=1",)
    assert nodes[2].dump() == 'run ["--x=1"] "cmd --y"'


def test_flags_know_the_escape_character_of_the_file() -> None:
    (copy,) = parse("# escape=`\nCOPY --chown=a` b\\ c d").nodes
    assert copy.flags == ("--chown=a b\\",)
    assert copy.args == ("c", "d")


def test_words_before_a_heredoc_know_the_backslash_only() -> None:
    (run,) = parse("# escape=`\nRUN echo ` <<EOF\nx\nEOF").nodes
    assert [doc.content for doc in run.heredocs] == ["x\n"]


def test_every_carriage_return_at_the_end_of_a_line_goes() -> None:
    (label,) = parse("LABEL a=b \\\r\r\n c=d\r\r\n").nodes
    assert label.args == ("a", "b", "=", "c", "d", "=")


def test_a_file_without_instructions_is_refused() -> None:
    with pytest.raises(DockerfileInvalidError, match="no instructions"):
        parse(b"\xef\xbb\xbf\n# nothing\n")


def test_more_than_any_dockerfile_needs_is_not_read() -> None:
    with pytest.raises(TooLargeError):
        parse(b"#" * (DOCKERFILE_BYTES + 1))


def test_bytes_that_are_no_utf8_survive() -> None:
    node = parse(b"FROM a\nENV x=\xff\n").nodes[1]
    assert node.args[1].encode("utf-8", "surrogateescape") == b"\xff"
    assert node.dump() == 'env "x" "\\xff" "="'


@given(st.binary(max_size=400) | st.lists(WORDS, max_size=40).map(lambda words: " ".join(words).encode()))
@example(b"ONBUILD " * 5000)
@example(b"FROM a\nRUN " + b"[" * 100_000)
@example(b"FROM a\nENV a=" + b"${a:-" * 5000)
def test_no_bytes_make_the_parser_fail_with_anything_but_its_own_error(raw: bytes) -> None:
    try:
        tree = parse(raw)
        for node in tree.nodes:
            assert 1 <= node.start_line <= node.end_line <= len(tree.lines)
        tree.dump().encode()
        stages(tree)
    except Error as error:
        str(error).encode()  # what a terminal can show


@given(st.lists(st.sampled_from(["RUN a", "COPY b /c", "ENV d=e", "USER f"]), min_size=1))
def test_the_lines_of_nodes_give_the_file_back(lines: list[str]) -> None:
    tree = parse("\n".join(lines))
    assert [tree.lines[node.start_line - 1] for node in tree.nodes] == lines


@pytest.mark.parametrize(
    "text", ["FROM a\nRUN {}", "FROM a\nRUN {}\n", "FROM a\nRUN <<E\n    {}\nE\n", "#   {}\nFROM a\n"]
)
def test_a_line_has_at_most_65535_bytes(text: str) -> None:
    assert parse(text.format("é" * 32765 + "x")).nodes
    with pytest.raises(DockerfileInvalidError, match="longer than 65535 bytes"):
        parse(text.format("é" * 32766))
