"""The registry as a process: granian in front of the ASGI application, on loopback only.

There are no accounts yet, so the server refuses to listen where other machines could reach it.
"""

import asyncio
import signal
import socket

import msgspec

from dockyard.errors import TransientError, UsageError
from dockyard.registry.settings import is_local
from dockyard.server.house import House, open_house
from dockyard.server.settings import Settings


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


def serve(settings: Settings) -> None:
    """Serve a registry until the process is told to stop.

    Raises:
        PortTakenError: somebody listens there.
        DatabaseError, DatabaseAddressError: as `open_house`.
    """
    host, port = address(settings.listen)
    _probe(host, port)
    if settings.workers > 1:
        _many(settings, host, port)
        return
    house = open_house(settings)
    try:
        house.start()
        asyncio.run(_one(house, host, port))
    finally:
        house.close()


def worker() -> object:
    """The application of one of several processes, from the settings that its parent left for it."""
    import os
    from multiprocessing.util import Finalize

    house = open_house(msgspec.json.decode(os.environ["DOCKYARD_SERVER"], type=Settings))
    house.start()
    Finalize(None, house.close, exitpriority=10)  # granian's processes end without `atexit`
    return house.app


def _probe(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTakenError(f"cannot listen on {host}:{port}: {error.strerror}", context={"port": port}) from error


async def _one(house: House, host: str, port: int) -> None:
    from granian.constants import Interfaces
    from granian.server.embed import Server

    server = Server(house.app, address=host, port=port, interface=Interfaces.ASGINL, log_enabled=False)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, server.stop)
    await server.serve()


def _many(settings: Settings, host: str, port: int) -> None:
    import os

    from granian import Granian
    from granian.constants import Interfaces

    os.environ["DOCKYARD_SERVER"] = msgspec.json.encode(settings).decode()
    Granian(
        "dockyard.server.serve:worker",
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        workers=settings.workers,
        factory=True,
        log_enabled=False,
    ).serve()
