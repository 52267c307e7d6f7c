"""Looking at everything that is stored, as `dockyard.server.trust.scan_schedule` does it, and now."""

from typing import Any

from dockyard.cli.registry.remote.connection import Remote
from dockyard.server.trust.scan_schedule import ScanSchedule


def run(remote: Remote, *, rematch: bool = False) -> int | None:
    """Have everything looked at."""
    found: int | None = remote.ask("POST", "/scanning/run", {"rematch": rematch})["job"]
    return found


def scheduled(remote: Remote) -> ScanSchedule | None:
    """When that is done by itself."""
    return _shown(remote.ask("GET", "/scanning"))


def schedule(remote: Remote, wanted: ScanSchedule | None) -> ScanSchedule | None:
    """Let it be done by itself, or never."""
    document = {"schedule": wanted.schedule, "rematch": wanted.rematch} if wanted is not None else {"schedule": ""}
    return _shown(remote.ask("PUT", "/scanning", document))


def _shown(document: dict[str, Any]) -> ScanSchedule | None:
    if not document["schedule"]:
        return None
    return ScanSchedule(document["schedule"], document["rematch"], document["next_at"])
