"""BuildKit's own Dockerfiles with the trees that its parser dumps."""

from pathlib import Path

import pytest

from dockyard.dockerfile.parser import parse


def test_every_dump_is_exactly_buildkits(vectors: Path) -> None:
    folders = sorted(path for path in (vectors / "dockerfile" / "parser").glob("*") if (path / "result").is_file())
    if not folders:
        pytest.skip(f"no parser vectors in {vectors}")
    wrong = []
    for folder in folders:
        expected = (folder / "result").read_text(encoding="utf-8").replace("\r\n", "\n").strip()
        if parse((folder / "Dockerfile").read_bytes()).dump().strip() != expected:
            wrong.append(folder.name)
    assert wrong == []
