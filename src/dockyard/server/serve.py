"""The registry as a process: granian in front of the ASGI application, on loopback only.

There are no accounts yet, so the server refuses to listen where other machines could reach it.
"""

import socket
from pathlib import Path

from dockyard.errors import TransientError, UsageError
from dockyard.registry.app import application
from dockyard.registry.local import LocalRegistry
from dockyard.registry.settings import is_local


class PortTakenError(TransientError):
    """Another process listens on the port already."""

    reference = "port-taken"
    hint = "Stop the other process, or choose another port."


class NotLoopbackError(UsageError):
    """The registry has no accounts yet, so it serves this machine only."""

    reference = "not-loopback"
    hint = "Listen on 127.0.0.1 and put an authenticating proxy in front where others need it."


def address(text: str) -> tuple[str, int]:
    """Host and port of `host:port`.

    Raises:
        UsageError: it is not of that form.
        NotLoopbackError: the host is not this machine's loopback.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"not an address: {text!r}", hint="Write it like 127.0.0.1:5000.")
    if not is_local(host):
        raise NotLoopbackError(f"{host} can be reached from other machines", context={"address": text})
    return host.strip("[]"), int(port)


def serve(host: str, port: int, storage: Path) -> None:
    """Serve the registry in `storage` until the process is told to stop.

    Raises:
        PortTakenError: somebody listens there.
    """
    from granian.constants import Interfaces
    from granian.server.embed import Server

    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTakenError(f"cannot listen on {host}:{port}: {error.strerror}", context={"port": port}) from error
    import asyncio

    app = application(LocalRegistry(storage))
    server = Server(app, address=host, port=port, interface=Interfaces.ASGINL, log_enabled=False)
    asyncio.run(_until_told(server))


async def _until_told(server: object) -> None:
    import asyncio
    import signal

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)  # type: ignore[attr-defined]
    await server.serve()  # type: ignore[attr-defined]
