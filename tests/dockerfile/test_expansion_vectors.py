"""BuildKit's tables of variable expansion and word splitting."""

from pathlib import Path

import pytest

from dockyard.dockerfile.shell import ExpansionError, expand, words

ENVIRONMENT = {"PWD": "/home", "SHELL": "bash", "KOREAN": "한국어", "NULL": ""}


def table(path: Path) -> list[str]:
    if not path.is_file():
        pytest.skip(f"no {path}")
    return [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip() and not line.startswith("#")]


def test_every_word_expands_as_in_the_table(vectors: Path) -> None:
    wrong = []
    for line in table(vectors / "dockerfile" / "expansion.txt"):
        platform, word, expected = (part.strip() for part in line.split("|"))
        for windows in {"W": [True], "U": [False], "A": [False, True]}[platform]:
            try:
                got = expand(word, ENVIRONMENT, windows=windows)
            except ExpansionError:
                got = "error"
            if got != expected:
                wrong.append((word, windows, expected, got))
    assert wrong == []


def test_every_line_splits_as_in_the_table(vectors: Path) -> None:
    env: dict[str, str] = {}
    wrong = []
    for line in table(vectors / "dockerfile" / "words.txt"):
        if line.startswith("ENV "):
            name, _, value = line[4:].lstrip(" ").partition("=")
            env[name] = value
            continue
        text, _, wanted = line.partition("|")
        expected = wanted.lstrip(" ").split(",")
        try:
            got = words(text.strip(), env)
        except ExpansionError:
            got = ["error"]
        if got != expected:
            wrong.append((text, expected, got))
    assert wrong == []
