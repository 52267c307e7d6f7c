"""`--fix`: what it puts right, what it leaves alone, and that doing it again changes nothing."""

import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dockyard.dockerfile.fault import DockerfileInvalidError
from dockyard.dockerfile.instructions import Add, Copy, Instruction, Onbuild, Run, interpret
from dockyard.dockerfile.lint.finding import LintFinding
from dockyard.dockerfile.lint.fix import fix
from dockyard.dockerfile.lint.lint import lint
from dockyard.dockerfile.lint.script import commands
from dockyard.dockerfile.node import Dockerfile, Node
from dockyard.dockerfile.parser import parse
from dockyard.dockerfile.stages import stages
from dockyard.errors import Error
from making.lint_cases import CASES


def fixed(text: str | bytes, *rules: str) -> str:
    raw = text if isinstance(text, bytes) else text.encode()
    return fix(raw, lambda found: lint(found, only=rules)).raw.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        ("keyword-casing", "FROM a\nrun b\nRUN c", "FROM a\nRUN b\nRUN c"),
        ("as-casing", "FROM as as as\n", "FROM as AS as\n"),
        ("stage-casing", "FROM B AS B\nFROM b", "FROM B AS b\nFROM b"),
        ("empty-continuation", "FROM a\nRUN b \\\n\n  # why\n\n  c\n", "FROM a\nRUN b \\\n  # why\n  c\n"),
        ("legacy-pair", "FROM a\n  env b  c $d\n", 'FROM a\n  env b="c $d"\n'),
        ("legacy-pair", "FROM a\nLABEL b c\n", "FROM a\nLABEL b=c\n"),
        ("maintainer", "FROM a\nMAINTAINER B <c@d>", 'FROM a\nLABEL org.opencontainers.image.authors="B <c@d>"'),
        ("redundant-platform", "FROM --platform=$TARGETPLATFORM a AS b", "FROM a AS b"),
        ("expose-casing", "FROM a\nEXPOSE 80/TCP 81/Udp $X", "FROM a\nEXPOSE 80/tcp 81/udp $X"),
        ("add-for-copy", "FROM a\nADD --chown=b c.py d/ /e/", "FROM a\nCOPY --chown=b c.py d/ /e/"),
        ("copy-several", "FROM a\nCOPY b c /d", "FROM a\nCOPY b c /d/"),
        ("apt-yes", "FROM a\nRUN apt-get -q install b", "FROM a\nRUN apt-get -q install -y b"),
        ("apt-yes", "FROM a\nRUN x && apt-get \\\n  install b", "FROM a\nRUN x && apt-get \\\n  install -y b"),
        ("yum-yes", "FROM a\nRUN yum install b; yum install -y c", "FROM a\nRUN yum install -y b; yum install -y c"),
        (
            "apt-in-scripts",
            "FROM a\nRUN apt update && apt install b",
            "FROM a\nRUN apt-get update && apt-get install b",
        ),
        ("apk-cache", "FROM a\nRUN apk add b && apk add c", "FROM a\nRUN apk add --no-cache b && apk add --no-cache c"),
        ("pip-cache", "FROM a\nRUN python -m pip install b", "FROM a\nRUN python -m pip install --no-cache-dir b"),
        (
            "apt-lists",
            "FROM a\nRUN apt-get update && \\\n  apt-get install b\nCMD c",
            "FROM a\nRUN apt-get update && \\\n  apt-get install b && \\\n    rm -rf /var/lib/apt/lists/*\nCMD c",
        ),
        ("dnf-cache", "FROM a\nRUN dnf install -y b", "FROM a\nRUN dnf install -y b && \\\n    dnf clean all"),
    ],
)
def test_a_fix_puts_right_what_was_found_and_nothing_else(rule: str, before: str, after: str) -> None:
    assert fixed(before, rule) == after


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        # The list is needed further down, or nobody knows who needs it.
        ("apt-lists", "FROM a\nRUN apt-get update && apt-get install b\nRUN apt-get install c"),
        ("apt-lists", "FROM a\nRUN apt-get update"),
        # What is appended would not run, or would run where the rest failed.
        ("apt-lists", "FROM a\nRUN apt-get update && apt-get install b # c"),
        ("apt-lists", "FROM a\nRUN apt-get update && apt-get install b || true"),
        ("dnf-cache", "FROM a\nRUN dnf install -y b;"),
        ("dnf-cache", "FROM a\nRUN dnf install -y b &"),
        ("dnf-cache", 'FROM a\nSHELL ["pwsh", "-c"]\nRUN dnf install -y b'),
        ("dnf-cache", "FROM a\nRUN <<EOF\ndnf install -y b\nEOF"),
        # Quotes and escapes mean something else in the other form.
        ("legacy-pair", "FROM a\nENV b 'c d'"),
        ("legacy-pair", "FROM a\nENV b c\\d"),
        ("maintainer", 'FROM a\nMAINTAINER "$B"'),
        # ADD would unpack it if it were an archive.
        ("add-for-copy", "FROM a\nADD b /c"),
        ("add-for-copy", "FROM a\nADD b* /c"),
        # apt-get has no such word.
        ("apt-in-scripts", "FROM a\nRUN apt list"),
        # It may be what the application counts on.
        ("no-install-recommends", "FROM a\nRUN apt-get install -y b"),
    ],
)
def test_what_is_not_sure_is_left_alone(rule: str, text: str) -> None:
    assert lint(parse(text), only=[rule])
    assert fixed(text, rule) == text


def test_other_bytes_stay_as_they_are() -> None:
    raw = b"\xef\xbb\xbf# caf\xe9\r\nFROM a\r\nrun b \xff\r\n\r\nRUN  c \nRUN d"
    assert fix(raw, lambda found: lint(found, only=["keyword-casing"])).raw == raw.replace(b"run", b"RUN")


def test_the_changes_are_told() -> None:
    found = fix(b"FROM a\nrun apk add b\nRUN c\n", lint)
    assert sorted((each.line, each.rule) for each in found.changes) == [(2, "apk-cache"), (2, "keyword-casing")]


def test_a_silenced_finding_is_not_fixed() -> None:
    text = "FROM a\n# hadolint ignore=DL3019\nRUN apk add b\n"
    assert fixed(text) == text


LINES = st.lists(
    st.sampled_from(
        sorted(
            {line for case in CASES for line in f"{case[1]}\n{case[4]}".split("\n")}
            | {
                "run apt-get update && apt-get install b",
                "RUN yum install x \\",
                "  && apt install y \\",
                "# apt-get install z",
                "",
                "env a  b c",
                "ENV d e\\",
                "maintainer x 'y'",
                "RUN <<EOF",
                "apk add x",
                "EOF",
                "ADD <<a <<b /c",
                "# escape=`",
                "RUN echo 'pip install x' && pip install y",
                'RUN sh -c "apt-get install b"',
                "ONBUILD run apk add b",
                "HEALTHCHECK cmd pip install x",
                'COPY ["a", "b", "/c"]',
            }
        )
    ),
    max_size=8,
)


@settings(deadline=None)
@given(LINES, st.sampled_from(["\n", "\r\n"]))
@example(["RUN yum install x \\", "", "# apt-get install z", "  && apt install y \\"], "\n")
def test_fixing_twice_is_fixing_once_and_the_meaning_stays(lines: list[str], end: str) -> None:
    raw = end.join(["FROM a", *lines, ""]).encode()
    try:
        once = fix(raw, lint)
    except Error:
        return
    twice = fix(once.raw, lint)
    assert twice.raw == once.raw
    assert twice.changes == ()
    assert meaning(once.raw, once.changes) == meaning(raw, once.changes)
    before, after = (Counter(each.rule for each in lint(parse(text))) for text in (raw, once.raw))
    for rule in {each.rule for each in once.changes}:
        assert not after[rule] or after[rule] < before[rule], f"{rule} was put right and is still found"


def meaning(raw: bytes, changes: tuple[LintFinding, ...]) -> list[Any]:
    """What the file says, with what the rules of `changes` may change taken away."""
    parsed: Dockerfile = parse(raw)
    arguments, found = stages(parsed)
    rules = {each.rule for each in changes}
    said: list[Any] = [_plain(each, rules) for each in arguments]
    for stage in found:
        said.append(_plain(stage.head, rules))
        said += [_plain(each, rules) for each in stage.instructions]
    return said


_ADDED = {
    "apk-cache": "--no-cache",
    "pip-cache": "--no-cache-dir",
    "apt-yes": "-y",
    "yum-yes": "-y",
    "dnf-yes": "-y",
    "zypper-yes": "-y",
}
_LAST = {
    "apt-lists": [["rm", "-rf", "/var/lib/apt/lists/*"]],
    "yum-cache": [["yum", "clean", "all"]],
    "dnf-cache": [["dnf", "clean", "all"], ["microdnf", "clean", "all"]],
    "zypper-cache": [["zypper", "clean"]],
    "yarn-cache": [["yarn", "cache", "clean"]],
}


def _plain(instruction: Instruction, rules: set[str]) -> Any:
    kind = type(instruction).__name__
    if isinstance(instruction, Run) and instruction.shell:
        removed = {_ADDED[rule] for rule in rules if rule in _ADDED}
        used = [[word for word in words if word not in removed] for words in commands(instruction)]
        if "apt-in-scripts" in rules:
            used = [["apt-get" if word == "apt" else word for word in words] for words in used]
        last = [words for rule in rules for words in _LAST.get(rule, [])]
        used = [words for words in used if words not in last]
        return (kind, used, instruction.mount_texts, instruction.network, [h.body for h in instruction.heredocs])
    said = {
        name: getattr(instruction, name)
        for name in instruction.__struct_fields__
        if name not in ("node", "legacy", "platform" if "redundant-platform" in rules else "node", "text")
    }
    if isinstance(instruction, Onbuild):
        assert instruction.node.body is not None
        try:
            said["body"] = _plain(interpret(instruction.node.body), rules)
        except DockerfileInvalidError:  # whether it is sound shows where it is triggered
            said["body"] = instruction.node.body.text
    if isinstance(instruction, Add | Copy):
        kind = "Copy" if "add-for-copy" in rules else kind
        said = {name: value for name, value in said.items() if value and name != "destination"}
        said["destination"] = instruction.destination.rstrip("/" if "copy-several" in rules else "")
    if kind == "Maintainer" and "maintainer" in rules:
        kind, said = "Label", {"pairs": (("org.opencontainers.image.authors", said["name"]),)}
    if kind in ("Env", "Label"):
        said["pairs"] = tuple((name, re.sub(r'^"(.*)"$', r"\1", value)) for name, value in said["pairs"])
    if kind == "Expose" and "expose-casing" in rules:
        said["ports"] = tuple(port if "$" in port else port.lower() for port in said["ports"])
    assert not any(isinstance(value, Node) for value in said.values())
    return (kind, said)
