"""What tests against the real kernel and real peers share."""

import gzip
import io
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dockyard.content.layout import Layout
from dockyard.layers.layer import Layer
from dockyard.layers.members import members
from dockyard.layers.write import LayerWriter


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test in this folder is a system test."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.system)


@pytest.fixture
def root() -> None:
    """Skip without root."""
    if os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture
def program(program_of: Callable[[str], str]) -> Callable[[str], str]:
    """The path of a program, or skip."""
    return program_of


@pytest.fixture(scope="session")
def program_of() -> Callable[[str], str]:
    """The same for fixtures that many tests share."""

    def find(name: str) -> str:
        found = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if found is None:
            pytest.skip(f"{name} is not installed")
        return found

    return find


@pytest.fixture
def rootfs_layer(shared_data: Path) -> Callable[[Layout, str], Layer]:
    """A layer from one of the shared root file systems."""

    def make(store: Layout, name: str) -> Layer:
        archive = shared_data / "images" / name
        if not archive.exists():
            pytest.skip(f"{archive} is absent")
        with LayerWriter(store) as writer, gzip.open(archive) as stream:
            for entry, content in members(io.BufferedReader(stream)):
                writer.add(entry, content if entry.kind == "file" else None)
            return writer.commit()

    return make


def names(archive: bytes) -> list[str]:
    """The members of a tar archive."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return opened.getnames()
