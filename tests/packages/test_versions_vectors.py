"""Version orders over tables that were made with each ecosystem's own tool."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from dockyard.packages.versions import alpine, debian, pep440, semver

ORDERS: dict[str, Callable[[str, str], int]] = {
    "debian": debian.compare,
    "alpine": alpine.compare,
    "pypi": pep440.compare,
    "semver": semver.compare,
}
SIGNS = {"<": -1, "=": 0, ">": 1}


@pytest.mark.parametrize("ecosystem", ORDERS)
def test_every_line_of_the_tables_holds_both_ways(vectors: Path, ecosystem: str) -> None:
    files = sorted((vectors / "versions").glob(f"{ecosystem}-versions*.txt"))
    if not files:
        pytest.skip(f"no tables for {ecosystem} in {vectors}")
    compare = ORDERS[ecosystem]
    wrong = []
    for file in files:
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if not line.strip() or line.startswith(("#", "//")):
                continue
            match = re.fullmatch(r"(.*) ([<=>])(?: (.*))?", line)
            assert match is not None, f"{file.name}:{number}"
            left, sign, right = match[1], match[2], match[3] or ""
            if compare(left, right) != SIGNS[sign] or compare(right, left) != -SIGNS[sign]:
                wrong.append(f"{file.name}:{number}: {line}")
    assert wrong == []
