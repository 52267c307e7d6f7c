"""The access log: one JSON object a request, written by a thread of its own so that no answer waits for it."""

import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from dockyard.registry.app.call import Scope
from dockyard.registry.app.forwarded import Forwarded
from dockyard.registry.caller import Caller
from dockyard.server.measuring import settings
from dockyard.telemetry.jsonlog import JsonLog

_MOST = 20_000
_PAUSE_S = 0.25
_TEXT = 500


class AccessLog:
    """Writes to where the settings say, with addresses as `forwarded` has them. `start` it; `close` it at the end."""

    def __init__(self, settings: settings.AccessLog, forwarded: Forwarded) -> None:
        self._forwarded = forwarded
        self._file = (
            None if settings.to == "stderr" else JsonLog(Path(settings.to), {}, size=settings.size, keep=settings.keep)
        )
        self._held: list[tuple[Any, ...]] = []
        self._lost = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to write."""
        self._thread = threading.Thread(target=self._serve, name="access log", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what is left."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()

    def note(
        self,
        scope: Scope,
        caller: Caller,
        target: Any,
        status: int,
        sent: int,
        received: int,
        seconds: float,
        number: bytes,
    ) -> None:
        """A request was answered. Never waits; where writing is too slow, lines are lost, and how many is told."""
        if len(self._held) >= _MOST:
            self._lost += 1
            return
        agent = b""
        for name, value in scope["headers"]:
            if name == b"user-agent":
                agent = value
        self._held.append(
            (
                time.time(),
                "" if caller.kind == "system" else caller.name,
                self._forwarded.address(scope),
                scope["method"],
                target,
                "" if target is not None else scope["path"],
                status,
                sent,
                received,
                seconds,
                agent,
                number,
            )
        )

    def flush(self) -> None:
        """Write what is held."""
        held, self._held = self._held, []
        lost, self._lost = self._lost, 0
        raw = b"".join(msgspec.json.encode(_line(each)) + b"\n" for each in held)
        if lost:
            raw += msgspec.json.encode({"lost": lost}) + b"\n"
        if not raw:
            return
        if self._file is not None:
            if not self._file.put(raw):
                self._lost += len(held)
            return
        sys.stderr.write(raw.decode())
        sys.stderr.flush()

    def _serve(self) -> None:
        while not self._stopping.wait(_PAUSE_S):
            self.flush()


def _line(held: tuple[Any, ...]) -> dict[str, Any]:
    at, caller, address, method, target, path, status, sent, received, seconds, agent, number = held
    return {
        "time": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "caller": caller,
        "address": address,
        "method": method,
        "kind": target.kind if target is not None else "other",
        "repository": target.name[:_TEXT] if target is not None else "",
        "reference": target.item[:_TEXT] if target is not None else "",
        "path": path[:_TEXT],
        "status": status,
        "bytes": sent,
        "received": received,
        "ms": round(seconds * 1000, 3),
        "agent": agent.decode("latin-1")[:_TEXT],
        "request": number.decode("latin-1"),
    }
