"""Idle timeouts: ending connections on which nothing moves, where the HTTP server itself would wait for ever: a client
that says nothing after its TLS handshake, that takes nothing of a file it asked for, or that answers the pings of
HTTP/2 and nothing else.

The kernel knows when bytes last came and went on each connection (TCP_INFO of Linux); elsewhere nothing is ended.
"""

import fcntl
import os
import socket
import stat
import struct
import termios
import time
from collections.abc import Container
from typing import Any

# Of `struct tcp_info` (linux/tcp.h): milliseconds since data was last sent and received.
_TIMES = struct.Struct("@44xI4xI")
# And bytes in all that the other side has acknowledged, and sent.
_BYTES = struct.Struct("@120xQQ")
_COUNT = struct.Struct("@i")
# Two pings and their answers, within TLS, have fewer bytes than this; a request and its answer have more.
_MOVES = 256

Moved = dict[Any, tuple[int, float]]
"""By connection: how many bytes had gone over it when it last moved, and when that was."""


def end_silent(port: int, busy: Container[int | str], seconds: float, moved: Moved | None = None) -> int:
    """End the connections to `port` of this process on which nothing has moved for so many seconds; returns how many.

    Args:
        port: that this process serves.
        busy: the clients' ports from which a request is being answered, as numbers or, as granian has them, as texts:
            those may wait for as long as it takes, unless it is they who do not read.
        seconds: see above.
        moved: what this function found when it was called before; with it, a few bytes for each other's sake count as
            nothing.
    """
    if not hasattr(socket, "TCP_INFO"):
        return 0
    count = 0
    now: Moved = {}
    for name in os.listdir("/proc/self/fd"):
        connection = _taken(int(name))
        if connection is None:
            continue
        with connection:
            try:
                if connection.getsockname()[1] != port:
                    continue
                idle = moved is not None and _idle(connection, busy, seconds, moved, now)
                if not idle and not _silent(connection, busy, seconds * 1000):
                    continue
                connection.shutdown(socket.SHUT_RDWR)
                count += 1
            except (OSError, IndexError, struct.error):
                continue  # it listens, is of another kind, or has just ended
    if moved is not None:
        moved.clear()
        moved.update(now)  # those that are gone are forgotten
    return count


def _taken(number: int) -> socket.socket | None:
    """The socket behind a file number, held fast: the number may mean something else a moment later."""
    try:
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            return None
        return socket.socket(fileno=os.dup(number))
    except OSError:
        return None


def _silent(connection: socket.socket, busy: Container[int | str], most: float) -> bool:
    peer = connection.getpeername()[1]
    sent, received = _TIMES.unpack_from(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256))
    waiting = _COUNT.unpack(fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(_COUNT.size)))[0]
    if waiting:
        return bool(sent > most)
    return bool(sent > most and received > most and peer not in busy and str(peer) not in busy)


def _idle(connection: socket.socket, busy: Container[int | str], seconds: float, before: Moved, now: Moved) -> bool:
    """Whether hardly a byte has gone over the connection for so long, though nobody has to wait for one."""
    peer = connection.getpeername()
    total = sum(_BYTES.unpack_from(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)))
    at, known = time.monotonic(), before.get(peer)
    if known is None or not 0 <= total - known[0] < _MOVES or peer[1] in busy or str(peer[1]) in busy:
        known = (total, at)
    now[peer] = known
    return bool(at - known[1] > seconds)
