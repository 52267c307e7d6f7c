"""The distribution specification's own suite over our registry."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from making.conformance import conformance
from making.serving import Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    server.stop()


@pytest.mark.parametrize("version", ["1.1", "dev"])
def test_every_case_of_the_conformance_suite_passes(server: Server, tmp_path: Path, version: str) -> None:
    conformance(tmp_path, server.address, version)
