"""What the pages work with: the parts of the server that they show and change."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dockyard.registry.app.call import Ways
from dockyard.server.access.doors import Doors
from dockyard.server.database import Database
from dockyard.server.jobs.interface import Jobs
from dockyard.server.sealing import Seal
from dockyard.server.settings import Settings
from dockyard.server.stored.registry import StoredRegistry
from dockyard.server.trust.gate import Gate


@dataclass(frozen=True)
class Desk:
    """The parts of one server process.

    Attributes:
        database: has all metadata.
        registry: what is here; pages never fetch from an upstream.
        gate: judges images by their projects' policies.
        doors: logins and rights.
        jobs: takes work that no request waits for.
        tasks: the names of the tasks that there are.
        settings: of the server.
        ways: how the server is reached.
        folder: its storage folder.
        seal: opens the secrets that are kept for other systems.
    """

    database: Database
    registry: StoredRegistry
    gate: Gate
    doors: Doors
    jobs: Jobs
    tasks: Sequence[str]
    settings: Settings
    ways: Ways
    folder: Path
    seal: Seal
