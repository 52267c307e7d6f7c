"""What the API works on."""

from dataclasses import dataclass

from dockyard.registry.app.call import Ways
from dockyard.server.access.guard import Doorkeeper
from dockyard.server.database import Database
from dockyard.server.jobs.interface import Jobs
from dockyard.server.sealing import Seal
from dockyard.server.settings import Settings
from dockyard.server.stored.registry import StoredRegistry
from dockyard.server.trust.gate import Gate


@dataclass(frozen=True)
class Parts:
    """The parts of a registry server that the API needs.

    Attributes:
        settings: of the server.
        database: has everything but bytes.
        registry: what is held here; upstreams are not asked.
        gate: judges images.
        jobs: takes what is done later.
        keeper: knows callers by their header.
        ways: how the server is reached.
        seal: opens the secrets that are kept for other systems.
    """

    settings: Settings
    database: Database
    registry: StoredRegistry
    gate: Gate
    jobs: Jobs
    keeper: Doorkeeper
    ways: Ways
    seal: Seal
