"""Graceful shutdown: that a server is about to end, said by its lead process in a file that all its workers see.

Load balancers then stop sending requests before the server stops taking them.
"""

import os
from pathlib import Path


class Leaving:
    """The mark of the server whose lead process is `lead` (this one for 0)."""

    def __init__(self, folder: Path, lead: int = 0) -> None:
        self._path = folder / f"leaving-{lead or os.getpid()}"

    @property
    def announced(self) -> bool:
        """Whether the server is about to end."""
        return self._path.exists()

    def announce(self) -> None:
        """Say so."""
        self._path.touch()

    def clear(self) -> None:
        """Take it back, or what a process of the same number left."""
        self._path.unlink(missing_ok=True)
