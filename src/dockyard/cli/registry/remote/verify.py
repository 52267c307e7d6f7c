"""Proving that a registry is whole, as a job of its server."""

import time
from typing import Any

from dockyard.cli.registry.remote.connection import Remote, RemoteRefusedError, RemoteUnreachableError

_PAUSE_S = 0.5


def verify(remote: Remote, *, deep: bool) -> dict[str, Any]:
    """Have everything looked at, and wait for what was found.

    Raises:
        RemoteRefusedError: a check waits or runs already, or the caller may not.
        RemoteUnreachableError: the check failed, or the server ended.
    """
    number = remote.ask("POST", "/storage/verify", {"deep": deep})["job"]
    if number is None:
        raise RemoteRefusedError("a check waits or runs already", hint="`dockyard registry jobs list` shows it.")
    while True:
        job = remote.ask("GET", f"/jobs/{number}")
        if job["state"] == "done":
            found: dict[str, Any] = job["result"]
            return found
        if job["state"] in ("failed", "cancelled"):
            raise RemoteUnreachableError(f"job {number} {job['state']}: {job['error']}", hint="Run the command again.")
        time.sleep(_PAUSE_S)
