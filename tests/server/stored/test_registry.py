"""The stored registry over SQLite and a disk keeps what every registry must."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dockyard.registry.app.application import application
from dockyard.registry.app.call import Application
from dockyard.registry.interface import Registry
from making.pushed import opened
from suites.protocols import ProtocolSuite
from suites.registries import RegistrySuite

pytestmark = pytest.mark.slow


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with opened(tmp_path) as instance:
        yield instance.registry


@pytest.fixture(scope="class")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with opened(tmp_path_factory.mktemp("app")) as instance:
        yield application(instance.registry)


class TestStoredRegistry(RegistrySuite):
    pass


class TestStoredRegistryOverHttp(ProtocolSuite):
    pass
