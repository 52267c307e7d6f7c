"""One connection to a server: bytes in and out, with patience that ends."""

import select
import socket
from typing import TYPE_CHECKING

from dockyard._internal import redact
from dockyard.errors import TransientError

if TYPE_CHECKING:
    import ssl

_CONNECT_S = 10.0
_SILENCE_S = 60.0
_PIECE = 16 << 10


class RegistryUnreachableError(TransientError):
    """A registry cannot be reached: its name is not known, it does not answer, or the line is cut."""

    reference = "registry-unreachable"
    hint = (
        "Check the name and the network. Mirrors for slow or blocked lines are set in config.toml (docs/registries.md)."
    )


class Line:
    """A connection to `host`; with a context, over TLS. For one thread at a time.

    Attributes:
        used: whether a request has gone over it.
        late: whether the server was silent for too long.

    Raises:
        RegistryUnreachableError: nobody answers, or the certificate is not the one that is wanted.
    """

    def __init__(self, host: str, port: int, tls: "ssl.SSLContext | None") -> None:
        self.used = self.late = False
        self._held = memoryview(b"")
        try:
            # As bytes: a text would be looked up in tables for names in other alphabets, which take long to load.
            name = host.encode("ascii") if host.isascii() else host.encode("idna")
            plain = socket.create_connection((name, port), timeout=_CONNECT_S)  # type: ignore[arg-type]
        except (OSError, UnicodeError) as error:
            raise RegistryUnreachableError(reason(error)) from error
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = plain if tls is None else tls.wrap_socket(plain, server_hostname=host)
            self._socket.settimeout(_SILENCE_S)
        except (OSError, ValueError) as error:
            plain.close()
            raise RegistryUnreachableError(reason(error)) from error
        self._plain = tls is None

    def send(self, data: bytes | memoryview) -> None:
        """Send all of `data`. Each part may take a minute, not all together.

        Raises:
            RegistryUnreachableError: the connection was closed, or a part took too long.
        """
        view = memoryview(data)
        try:
            while view:
                view = view[self._socket.send(view) :]
        except OSError as error:
            self.late = isinstance(error, TimeoutError)
            raise RegistryUnreachableError(reason(error)) from error

    def receive(self, into: memoryview) -> int:
        """Some bytes, at least one; 0 where the server has ended the connection.

        Raises:
            RegistryUnreachableError: the connection broke, or nothing came in time.
        """
        if self._held:
            count = min(len(into), len(self._held))
            into[:count] = self._held[:count]
            self._held = self._held[count:]
            return count
        try:
            return self._socket.recv_into(into)
        except OSError as error:
            self.late = isinstance(error, TimeoutError)
            raise RegistryUnreachableError(f"the line was cut: {reason(error)}") from error

    def text(self, most: int, *, end: bytes = b"\n") -> bytes:
        """What comes up to `end`, with it; less where the server ends the connection.

        Raises:
            RegistryUnreachableError: `end` is not among the first `most` bytes.
        """
        found = bytearray(self._held)
        self._held = memoryview(b"")
        begin = 0
        while (at := found.find(end, begin)) < 0:
            if len(found) > most:
                raise RegistryUnreachableError("the server does not speak HTTP, or says too much")
            begin = max(0, len(found) - len(end))
            piece = bytearray(_PIECE)
            count = self.receive(memoryview(piece))
            if not count:
                return bytes(found)
            found += memoryview(piece)[:count]
        at += len(end)
        self._held = memoryview(bytes(found[at:]))
        return bytes(found[:at])

    @property
    def spoken(self) -> bool:
        """Whether something has come that was not read, if only the end of the connection. Over TLS that may be of no
        meaning.
        """
        if self._held:
            return True
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    @property
    def plain(self) -> bool:
        """Whether there is no TLS."""
        return self._plain

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def __del__(self) -> None:
        """What nobody keeps is closed."""
        if hasattr(self, "_socket"):
            self._socket.close()


def reason(error: Exception) -> str:
    """What an operating system's or TLS's error says to people."""
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    verify = getattr(error, "verify_message", "")
    if verify:
        return f"its certificate is not accepted: {verify}"
    text = getattr(error, "strerror", "") or str(error)
    return redact.url(text.rpartition("] ")[2])[:300]
