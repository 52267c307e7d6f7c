"""Health checks: one probe by HTTP, TCP or a command in the container."""

import http.client
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Probe:
    """How to ask: `http` is a path, `command` runs inside; with neither, a TCP connection is enough."""

    http: str = ""
    command: Sequence[str] = ()
    timeout: float = 3.0


@dataclass(frozen=True)
class Answer:
    """Whether it is well, and what it said."""

    healthy: bool
    output: str


def ask(probe: Probe, port: int, execute: Callable[[Sequence[str], float], tuple[int, str]]) -> Answer:
    """Probe once.

    Args:
        probe: how.
        port: on the loopback.
        execute: runs a command in the container and returns its exit code and output.
    """
    if probe.command:
        code, output = execute(probe.command, probe.timeout)
        return Answer(code == 0, output[-500:].strip() or f"exit code {code}")
    try:
        if not probe.http:
            with socket.create_connection(("127.0.0.1", port), probe.timeout):
                return Answer(True, "connected")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=probe.timeout)
        try:
            connection.request("GET", probe.http, headers={"User-Agent": "dockyard-health"})
            response = connection.getresponse()
            body = response.read(500).decode("utf-8", "replace").strip()
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        return Answer(False, f"{type(error).__name__}: {error}")
    return Answer(200 <= response.status < 400, f"status {response.status}: {body}")
