"""What BuildKit's own packages answered (bench/peers/buildkit/oracle, v0.34.0): the same words, trees and refusals.

Each line of oracle.jsonl is an array: "expand", word, escape, whether quotes are literal, and the result (null where it
is refused); or "file", text, the tree's dump (null where it is refused), and whether every instruction is sound.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from dockyard.dockerfile import shell
from dockyard.dockerfile.fault import DockerfileInvalidError
from dockyard.dockerfile.parser import parse
from dockyard.dockerfile.stages import stages

ENV = {"A": "foo/bar.*?[x]foo", "B": "a b  c", "E": "", "é": "acc", "C": "$A \\ \" '"}
ROWS = [json.loads(line) for line in (Path(__file__).parent / "oracle.jsonl").read_text().split("\n") if line]


def test_words_expand_as_buildkit_expands_them() -> None:
    asked = [row for row in ROWS if row[0] == "expand"]
    assert len(asked) == 500
    wrong = [(row, found) for row in asked if (found := _expanded(row)) != row[4]]
    assert not wrong, wrong[:5]


@pytest.mark.parametrize("row", [row for row in ROWS if row[0] == "file"], ids=lambda row: repr(row[1])[:60])
def test_files_parse_and_are_refused_as_buildkit_does(row: list[Any]) -> None:
    _, text, tree, sound = row
    if tree is None:
        with pytest.raises(DockerfileInvalidError):
            parse(text)
        return
    parsed = parse(text)
    assert parsed.dump() == tree
    if sound:
        stages(parsed)
    else:
        with pytest.raises(DockerfileInvalidError):
            stages(parsed)


def _expanded(row: list[Any]) -> list[Any] | None:
    try:
        found = shell.process(row[1], ENV, row[2], skip_quotes=row[3])
    except shell.ExpansionError:
        return None
    return [found.text, list(found.words)]
