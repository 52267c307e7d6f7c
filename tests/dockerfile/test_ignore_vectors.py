"""The table of ignore patterns of BuildKit's pattern matcher."""

import json
from pathlib import Path

import pytest

from dockyard.dockerfile.ignore import IgnoreRules


def test_every_pattern_matches_as_in_the_table(vectors: Path) -> None:
    path = vectors / "dockerfile" / "ignore.json"
    if not path.is_file():
        pytest.skip(f"no {path}")
    rows = json.loads(path.read_text(encoding="utf-8"))
    assert rows
    wrong = [row for row in rows if IgnoreRules.of([row[0]]).ignored(row[1]) != row[2]]
    assert wrong == []
