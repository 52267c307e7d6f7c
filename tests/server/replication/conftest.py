"""The other registry of replication's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from making.serving import Server


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Server]:
    """A real server of ours."""
    (tmp_path / "there").mkdir()
    server = Server(tmp_path / "there")
    yield server
    server.kill()
