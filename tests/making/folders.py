"""A registry's empty database, copied: making its tables takes longer than most tests take."""

import tempfile
from functools import cache
from pathlib import Path

from dockyard.server.instance import open_instance
from dockyard.server.settings import Settings

_NAME = "registry.db"


def registry_folder(folder: Path) -> Path:
    """Put an empty database of this program's revision into `folder`, unless one is there, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / _NAME).exists():
        (folder / _NAME).write_bytes(_empty())
    return folder


@cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as place:
        open_instance(Settings(storage=place)).close()
        return Path(place, _NAME).read_bytes()
