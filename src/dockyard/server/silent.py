"""Idle timeouts: ending connections on which nothing moves, where the HTTP server itself would wait for ever: a client
that says nothing after its TLS handshake, or that takes nothing of a file it asked for.

The kernel knows when bytes last came and went on each connection (TCP_INFO of Linux); elsewhere nothing is ended.
"""

import fcntl
import os
import socket
import stat
import struct
import termios
from collections.abc import Container

# Of `struct tcp_info` (linux/tcp.h): milliseconds since data was last sent and received.
_TIMES = struct.Struct("@44xI4xI")
_COUNT = struct.Struct("@i")


def end_silent(port: int, busy: Container[int | str], seconds: float) -> int:
    """End the connections to `port` of this process on which nothing has moved for so many seconds; returns how many.

    Args:
        port: that this process serves.
        busy: the clients' ports from which a request is being answered, as numbers or, as granian has them, as texts:
            those may wait for as long as it takes, unless it is they who do not read.
        seconds: see above.
    """
    if not hasattr(socket, "TCP_INFO"):
        return 0
    count = 0
    for name in os.listdir("/proc/self/fd"):
        connection = _taken(int(name))
        if connection is None:
            continue
        with connection:
            try:
                if connection.getsockname()[1] != port or not _silent(connection, busy, seconds * 1000):
                    continue
                connection.shutdown(socket.SHUT_RDWR)
                count += 1
            except (OSError, IndexError):
                continue  # it listens, is of another kind, or has just ended
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
