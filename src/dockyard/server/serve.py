"""The registry as a process: granian in front of the ASGI application.

Without accounts everybody may do everything, so the server then refuses to listen where other machines could reach it.
"""

import asyncio
import signal
import socket
from pathlib import Path

import msgspec

from dockyard.errors import TransientError, UsageError
from dockyard.registry.settings import is_local
from dockyard.server.access.state import current
from dockyard.server.database import open_database
from dockyard.server.house import House, open_house
from dockyard.server.settings import Settings


class PortTakenError(TransientError):
    """Another process listens on the port already."""

    reference = "port-taken"
    hint = "Stop the other process, or choose another port."


class NotLoopbackError(UsageError):
    """The registry has no accounts, so it serves this machine only."""

    reference = "not-loopback"
    hint = "Make the first account: dockyard registry user add NAME --admin. Or listen on 127.0.0.1."


def address(text: str) -> tuple[str, int]:
    """Host and port of `host:port`.

    Raises:
        UsageError: it is not of that form.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise UsageError(f"not an address: {text!r}", hint="Write it like 127.0.0.1:5000.")
    return host.strip("[]"), int(port)


def serve(settings: Settings) -> None:
    """Serve a registry until the process is told to stop.

    Raises:
        PortTakenError: somebody listens there.
        NotLoopbackError: other machines could reach it, and there are no accounts.
        DatabaseError, DatabaseAddressError: as `open_house`.
    """
    host, port = address(settings.listen)
    if not is_local(host):
        _closed(settings, host)
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


def _closed(settings: Settings, host: str) -> None:
    """Pass if there are accounts."""
    folder = Path(settings.storage)
    database = open_database(settings.database, folder)
    try:
        if not current(database).accounts:
            raise NotLoopbackError(f"{host} can be reached from other machines", context={"address": settings.listen})
    finally:
        database.close()


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
