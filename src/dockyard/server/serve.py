"""The registry as a process: granian in front of the ASGI application.

Without accounts everybody may do everything, so the server then refuses to listen where other machines could reach it.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import msgspec

from dockyard.errors import Error, TransientError, UsageError
from dockyard.registry.local import is_local
from dockyard.runtime.apart import die_with_parent
from dockyard.server.access.state import current
from dockyard.server.database import open_database
from dockyard.server.instance import Instance, open_instance
from dockyard.server.leaving import Leaving
from dockyard.server.lifetime import Lifetime
from dockyard.server.prompt import install
from dockyard.server.settings import Settings
from dockyard.server.tls import certificate

if TYPE_CHECKING:
    from granian._granian import WorkerSignal

# Answers at once on one connection of HTTP/2. Each that its client does not take is in memory for a while, about 300 KB
# of it, so a connection has less than 10 MB at most.
_STREAMS = 32
# Bodies come in pieces of at most this. Longer headers than the settings allow are refused where they are read.
_BUFFER = 1 << 20
_LOG = logging.getLogger("dockyard.registry")


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


def serve(settings: Settings, ready: Callable[[], None] = lambda: None) -> None:
    """Serve a registry until the process is told to stop (SIGTERM or SIGINT); requests under way are finished.

    `ready` is called once all that could be refused has been looked at, just before the first request can come.

    SIGHUP reads certificate and key anew, where several workers serve: they are replaced one after another. One worker
    stops, as its terminal is gone.

    Raises:
        PortTakenError: somebody listens there.
        NotLoopbackError: other machines could reach it, and there are no accounts.
        DatabaseError, DatabaseAddressError, DatabaseBehindError, DatabaseAheadError: as `open_instance`.
        CertificateError: as `tls.certificate`.
    """
    host, port = address(settings.listen)
    if not is_local(host):
        _closed(settings, host)
    _probe(host, port)
    options = _options(settings, host, port)
    leaving = Leaving(settings.home, os.getpid())
    leaving.clear()
    try:
        if settings.workers > 1:
            _many(settings, options, leaving, ready)
            return
        instance = open_instance(settings)
        instance.start()
        ready()
        asyncio.run(_one(instance, options, leaving))
    finally:
        leaving.clear()


def worker() -> object:
    """The application of one of several processes, from the settings that its parent left for it."""
    # The parent's handlers came along with the fork. Until granian sets its own, a signal to stop simply stops.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    lead = int(os.environ["DOCKYARD_SERVER_LEAD"])
    _end_with(lead)
    instance = open_instance(msgspec.json.decode(os.environ["DOCKYARD_SERVER"], type=Settings), lead)
    instance.start()
    from granian import Granian, _signals

    _signals.set_loop_signals = _told_once
    app = lifetime(instance)
    install(Granian, app.prompt, app.gathering)
    return app


def _end_with(lead: int) -> None:
    """Be told to stop when the lead process ends, were it killed: nobody else would ever tell this one."""
    die_with_parent(signal.SIGTERM)
    if os.getppid() != lead:
        os.kill(os.getpid(), signal.SIGTERM)


def _told_once(loop: asyncio.AbstractEventLoop) -> "WorkerSignal":
    """Granian's signal for a worker to stop, given once. Given again, as where Ctrl-C reaches the worker beside its
    lead process, or once for every thread of a lead process that was killed, it would stop the worker for ever.
    """
    from granian._granian import WorkerSignal

    signalled = WorkerSignal()
    left = [signalled.set]

    def stop() -> None:
        while left:
            left.pop()()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    return signalled


def lifetime(instance: Instance) -> Lifetime:
    """The application of a process that serves."""
    settings = instance.settings
    return Lifetime(
        instance.app, instance.threads, instance.close, address(settings.listen)[1], settings.limits.patience
    )


def _closed(settings: Settings, host: str) -> None:
    """Pass if there are accounts."""
    database = open_database(settings.database, settings.home, change=settings.auto_migrate)
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


def _options(settings: Settings, host: str, port: int) -> dict[str, Any]:
    """What granian is told in either mode."""
    from granian.constants import HTTPModes, Interfaces, SSLProtocols
    from granian.http import HTTP1Settings, HTTP2Settings

    limits = settings.limits
    milliseconds = int(limits.patience * 1000)
    options: dict[str, Any] = {
        "address": host,
        "port": port,
        "interface": Interfaces.ASGI,
        "websockets": False,
        "log_enabled": False,
        "backlog": 1024,
        # Of each process: what comes beyond waits in the kernel's queue.
        "backpressure": 1024,
        # From a connection's last answer to the end of the next request's headers.
        "http1_settings": HTTP1Settings(header_read_timeout=milliseconds, max_buffer_size=max(limits.headers, _BUFFER)),
        "http2_settings": HTTP2Settings(
            keep_alive_interval=milliseconds,
            max_headers_size=limits.headers,
            max_concurrent_streams=_STREAMS,
        ),
    }
    found = certificate(settings.tls, settings.home, host)
    if found is None:
        # Looking for the other version's greeting, granian would wait for a silent client without end.
        options["http"] = HTTPModes.http1
    else:
        options |= {"ssl_cert": found.certificate, "ssl_key": found.key, "ssl_protocol_min": SSLProtocols.tls12}
    return options


async def _one(instance: Instance, options: dict[str, Any], leaving: Leaving) -> None:
    from granian.server.embed import Server

    settings, loop = instance.settings, asyncio.get_running_loop()
    app = lifetime(instance)
    install(Server, app.prompt, app.gathering)
    server = Server(app, **options)
    ending = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # as below nohup
            loop.add_signal_handler(number, ending.set)

    async def end() -> None:
        await ending.wait()
        leaving.announce()
        await asyncio.sleep(settings.limits.drain)
        server.stop()  # type: ignore[no-untyped-call]

    ender = asyncio.create_task(end())
    serving = asyncio.create_task(server.serve())
    await asyncio.wait([ender, serving], return_when=asyncio.FIRST_COMPLETED)
    try:
        async with asyncio.timeout(settings.limits.stop if ender.done() else None):
            await serving
    except TimeoutError:
        _LOG.warning("%d requests were cut off, as they took longer than the time to stop", app.under_way)
    finally:
        ender.cancel()


def _many(settings: Settings, options: dict[str, Any], leaving: Leaving, ready: Callable[[], None]) -> None:
    from granian import Granian

    os.environ["DOCKYARD_SERVER"] = msgspec.json.encode(settings).decode()
    os.environ["DOCKYARD_SERVER_LEAD"] = str(os.getpid())
    server = Granian(
        "dockyard.server.serve:worker",
        workers=settings.workers,
        factory=True,
        respawn_failed_workers=True,
        respawn_interval=1,
        workers_kill_timeout=max(1, int(settings.limits.stop)),
        **options,
    )
    stop = server.signal_handler_interrupt

    def end(*values: Any) -> None:
        leaving.announce()
        timer = threading.Timer(settings.limits.drain, stop)
        timer.daemon = True
        timer.start()

    server.signal_handler_interrupt = end  # type: ignore[method-assign]
    # What every worker would refuse is refused once, here, with its reason.
    refusal = _refusal(settings)
    if refusal is not None:
        raise refusal
    ready()
    server.serve()


def _refusal(settings: Settings) -> Error | None:
    """Why a worker could not begin; found by a process of its own, as the threads that some parts start would not be in
    the workers that are forked from this one.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_begin, args=(settings, sender))
    child.start()
    sender.close()
    try:
        found: Error | None = receiver.recv()
        return found
    except EOFError:  # it ended without a word, and so will the workers, each with its own
        return None
    finally:
        receiver.close()
        child.join()


def _begin(settings: Settings, sender: Connection) -> None:
    try:
        open_instance(settings).close()
        sender.send(None)
    except Error as error:
        sender.send(error)
