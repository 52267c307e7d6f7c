"""Dockerfiles from a grammar that goes astray, and bytes: each is understood or refused, never worse.

`pytest --hypothesis-profile=fuzz -k fuzz` goes on for as long as it is let; what it found stands in the examples.
"""

import contextlib
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dockyard.dockerfile import shell
from dockyard.dockerfile.ignore import IgnoreRules
from dockyard.dockerfile.instructions import Onbuild, Run
from dockyard.dockerfile.lint.lint import lint
from dockyard.dockerfile.mounts import parse_mount
from dockyard.dockerfile.outline import outline, targets
from dockyard.dockerfile.parser import parse
from dockyard.dockerfile.stages import stages
from dockyard.errors import Error

SECONDS = 10.0  # nothing of this size takes a hundredth of it
_KEYWORDS = """FROM RUN COPY ADD ENV ARG LABEL ONBUILD HEALTHCHECK CMD ENTRYPOINT SHELL EXPOSE VOLUME USER WORKDIR
STOPSIGNAL MAINTAINER from Run FORM"""
_FLAGS = """--from=a --from= --mount=type=cache,target=/c,sharing=locked --mount=type=bind,from=a,rw --mount=,=
--mount=type=secret,env=X --mount=type=tmpfs,size=1g,target=/t --chmod=u+x --chmod=0755 --chown=1:1 --link --link=false
--parents --exclude=** --checksum=sha256:00 --keep-git-dir --unpack --interval=1h5s --start-interval=-1s --retries=x
--platform=$X --network=none --security=insecure --device=a --unknown --"""
_WORDS = """a b alpine:3 scratch AS NONE CMD x=y x="y z" x='$y' $X ${X} ${X:-${Y:+z}} ${X#a*} ${X%%?} ${X//a/b} ${X/#a/}
${ ["a","b"] ["a", [ ] { } ` " ' ~ * ? [a-z] [!a] [^ .. ./ / /./ é # <<EOF <<-EOF <<'EOF' <<"EOF" <<~EOF 3<<EOF <<
<<a<<b http://h/a.git#b:c git@h:a && ; |"""
KEYWORDS, FLAGS = _KEYWORDS.split(), _FLAGS.split()
WORDS = [*_WORDS.split(), "\\", '\\"', "\\$", "<<E\\OF", "\udcff", "\x00", "\x85", "\u2028", "\xa0", "\ufeff"]
DIRECTIVES = ["# escape=`", "# escape=\\", "# syntax=x", "#check=skip=all;error=true", "# hadolint ignore=DL1", "#!x"]
BREAKS = ["\n", "\n", "\n", " \\\n", "\\\n", "`\n", "\r\n", "\n#c\n", "\n\n", "\\ \n", "\nEOF\n", "\n\tEOF\n"]

word = st.one_of(st.sampled_from(WORDS), st.sampled_from(FLAGS), st.sampled_from(KEYWORDS), st.text(max_size=6))
line = st.tuples(
    st.sampled_from(KEYWORDS), st.lists(st.tuples(word, st.sampled_from([" ", " ", "", "\t"])), max_size=8)
).map(lambda it: f"{it[0]} " + "".join(text + gap for text, gap in it[1]))
files = st.tuples(
    st.lists(st.sampled_from(DIRECTIVES), max_size=2).map("\n".join),
    st.sampled_from(["\n", "\nFROM a AS a\n", "\nARG X=1\nFROM $X\n"]),
    st.lists(st.tuples(line, st.sampled_from(BREAKS)), max_size=8).map(lambda it: "".join(a + b for a, b in it)),
).map("".join)


def judged(data: bytes) -> None:
    """Go through everything that reads a Dockerfile before anything is carried out."""
    began = time.process_time()
    try:
        parsed = parse(data)
        for node in parsed.nodes:
            assert 1 <= node.start_line <= node.end_line <= len(parsed.lines) + 1
        _, found = stages(parsed)
        for stage in found:
            for each in stage.instructions:
                if isinstance(each, Onbuild):
                    continue
                if isinstance(each, Run):
                    for text in each.mount_texts:
                        with contextlib.suppress(Error):
                            parse_mount(text, None, line=1)
        targets(parsed)
        for stage in found:
            with contextlib.suppress(Error):
                outline(parsed, stage.title)
        for finding in lint(parsed):
            finding.message.encode()
    except Error as error:
        str(error).encode()
        repr(error.to_json()).encode()
    assert time.process_time() - began < SECONDS


@pytest.mark.slow
@given(files)
@example("FROM a AS a\nRUN <<EOF\n")
def test_fuzzed_dockerfiles_are_understood_or_refused(text: str) -> None:
    judged(text.encode("utf-8", "surrogateescape" if text.isprintable() else "surrogatepass"))


@given(st.binary(max_size=400))
@example(b"[]")
def test_fuzzed_bytes_are_understood_or_refused(data: bytes) -> None:
    judged(data)
    judged(b"FROM a\nRUN " + data)


@given(st.lists(st.sampled_from(WORDS), max_size=12).map("".join), st.sampled_from(["\\", "`"]))
def test_fuzzed_words_expand_or_are_refused(text: str, escape: str) -> None:
    began = time.process_time()
    for each in (shell.expand, shell.words):
        with contextlib.suppress(Error):
            each(text, {"X": "a" * 50 + "*?[", "Y": ""}, escape)
    assert time.process_time() - began < SECONDS


@given(st.lists(st.lists(st.sampled_from([*WORDS, "!", "**", "**/", "/"]), max_size=9).map("".join), max_size=5))
def test_fuzzed_ignore_files_decide_or_are_refused(lines: list[str]) -> None:
    began = time.process_time()
    text = "\n".join(lines).encode("utf-8", "surrogatepass")

    with contextlib.suppress(Error):
        rules = IgnoreRules.parse(text)
        for path in ("a", "a/b/c", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa/b", "\udcff", "é\n"):
            rules.ignored(path)
            rules.may_reinclude_below(path)
    assert time.process_time() - began < SECONDS
