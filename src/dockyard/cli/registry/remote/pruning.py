"""Removing old events, as `dockyard.server.audit.pruning` does."""

from collections.abc import Sequence
from typing import Any

from dockyard.cli.registry.remote.connection import Remote
from dockyard.server.audit.pruning import Pruning


def before(hours: int) -> int:
    """The number of hours itself: it is the server's clock that counts."""
    return hours


def planned(remote: Remote, hours: int, keep: Sequence[str] = ()) -> dict[str, int]:
    """How many events of which kind would go."""
    found: dict[str, int] = _ask(remote, "dry-run", hours, keep)["kinds"]
    return found


def prune(remote: Remote, hours: int, keep: Sequence[str] = ()) -> int | None:
    """Have them removed; the number of the job, None where one waits already."""
    found: int | None = _ask(remote, "run", hours, keep)["job"]
    return found


def pruning(remote: Remote) -> Pruning | None:
    """When old events are removed by themselves."""
    return _shown(remote.ask("GET", "/events/pruning"))


def schedule(remote: Remote, wanted: Pruning | None) -> Pruning | None:
    """Let them be removed by themselves, or never."""
    document: dict[str, Any] = {"schedule": ""}
    if wanted is not None:
        document = {"schedule": wanted.schedule, "hours": wanted.hours, "keep": list(wanted.keep)}
    return _shown(remote.ask("PUT", "/events/pruning", document))


def _ask(remote: Remote, what: str, hours: int, keep: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = remote.ask("POST", f"/events/pruning/{what}", {"hours": hours, "keep": list(keep)})
    return found


def _shown(document: dict[str, Any]) -> Pruning | None:
    if not document["schedule"]:
        return None
    return Pruning(document["schedule"], document["hours"], tuple(document["keep"]), document["next_at"])
