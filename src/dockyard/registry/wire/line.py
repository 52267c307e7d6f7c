"""One connection to a server: bytes in and out, with patience that ends."""

import errno
import os
import select
import socket
from io import FileIO
from typing import TYPE_CHECKING

from dockyard._internal import redact
from dockyard._internal.proxy import Proxy
from dockyard._internal.secure import secured
from dockyard.errors import Error, TransientError

if TYPE_CHECKING:
    import ssl

_CONNECT_S = 10.0
_SILENCE_S = 60.0
_PIECE = 16 << 10
_PROXY_HEAD_BYTES = 64 << 10
_NOT_HANDED_OVER = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)  # by file systems that cannot


class RegistryUnreachableError(TransientError):
    """A registry cannot be reached: its name is not known, it does not answer, or the line is cut."""

    reference = "registry-unreachable"
    hint = (
        "Check the name and the network. Mirrors for slow or blocked lines are set in config.toml (docs/registries.md)."
    )


class ProxyRefusedError(Error):
    """The proxy that HTTP_PROXY or HTTPS_PROXY names refuses: it wants a login (407), or does not allow the address."""

    reference = "proxy-refused"
    hint = "Give its login in HTTPS_PROXY (http://user:password@host:port), or name the registry in NO_PROXY."


class Line:
    """A connection to `host`; with a context, over TLS. For one thread at a time.

    Args:
        host: a name or an address.
        port: its port.
        tls: what to trust.
        by: the proxy to go by; without TLS the line ends there, and it is the proxy that is spoken to.

    Attributes:
        used: whether a request has gone over it.
        late: whether the server was silent for too long.

    Raises:
        RegistryUnreachableError: nobody answers, or the certificate is not the one that is wanted.
        ProxyRefusedError: the proxy says no.
    """

    def __init__(self, host: str, port: int, tls: "ssl.SSLContext | None", by: Proxy | None = None) -> None:
        self.used = self.late = False
        self._held, self._at = b"", 0  # what was received and, up to there, given
        self._plain = tls is None and not (by and by.secure)
        if by is None:
            self._socket = _connected(host, port)
        else:
            try:
                self._socket = _connected(by.host, by.port)
                if by.secure:
                    import ssl

                    self._secure(ssl.create_default_context(), by.host)
            except RegistryUnreachableError as error:
                raise RegistryUnreachableError(f"by the proxy {by}: {error.message}") from error
        try:
            if by is not None and tls is not None:
                self._tunnel(host, port, by)
            if tls is not None:
                self._secure(tls, host)
            self._socket.settimeout(_SILENCE_S)
        except BaseException:
            self._socket.close()
            raise

    def _secure(self, tls: "ssl.SSLContext", host: str) -> None:
        """Speak TLS from here on; within TLS, too."""
        try:
            self._socket = secured(self._socket, tls, host)
        except (OSError, ValueError) as error:
            self._socket.close()
            raise RegistryUnreachableError(reason(error)) from error

    def _tunnel(self, host: str, port: int, by: Proxy) -> None:
        """Have the proxy connect to the host."""
        asked = by.connect(host, port)
        try:
            self.send(asked)
            words = self.text(_PROXY_HEAD_BYTES).decode("latin-1").split(None, 2)
            status = int(words[1]) if len(words) > 1 and words[0].startswith("HTTP/1.") and words[1].isdigit() else 0
            size = 0
            while (text := self.text(_PROXY_HEAD_BYTES)) not in (b"\r\n", b"\n"):
                size += len(text)
                if not text.endswith(b"\n") or size > _PROXY_HEAD_BYTES:
                    raise RegistryUnreachableError("it does not answer as a proxy")
        except RegistryUnreachableError as error:
            raise RegistryUnreachableError(f"by the proxy {by}: {error.message}") from error
        if 200 <= status < 300 and self._at == len(self._held):
            return
        said = " ".join([str(status), *(each.strip() for each in words[2:])])[:120]
        if 400 <= status < 500 and status not in (408, 429):
            raise refused(by, said)
        raise RegistryUnreachableError(f"the proxy {by} does not connect to it: {said}")

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

    def send_file(self, file: FileIO, most: int) -> int:
        """Send at most `most` bytes of `file` from where it stands, and move it on; 0 at its end. Only without TLS: the
        kernel hands them on itself, and this program never sees them.

        Raises:
            RegistryUnreachableError: the connection was closed, or a part took too long.
        """
        at = file.tell()
        try:
            count = self._hand_over(file.fileno(), at, most)
        except OSError as error:
            self.late = isinstance(error, TimeoutError)
            raise RegistryUnreachableError(reason(error)) from error
        file.seek(at + count)
        return count

    def _hand_over(self, handle: int, at: int, most: int) -> int:
        while True:
            try:
                return os.sendfile(self._socket.fileno(), handle, at, most)
            except BlockingIOError:
                poll = select.poll()
                poll.register(self._socket, select.POLLOUT)
                if not poll.poll(_SILENCE_S * 1000):
                    raise TimeoutError from None
            except OSError as error:
                if error.errno not in _NOT_HANDED_OVER:
                    raise
                return self._socket.send(os.pread(handle, min(most, _PIECE), at))

    def receive(self, into: memoryview) -> int:
        """Some bytes, at least one; 0 where the server has ended the connection.

        Raises:
            RegistryUnreachableError: the connection broke, or nothing came in time.
        """
        if self._at < len(self._held):
            count = min(len(into), len(self._held) - self._at)
            into[:count] = memoryview(self._held)[self._at : self._at + count]
            self._at += count
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
        at = self._held.find(end, self._at)
        if at < 0:
            found, begin = bytearray(self._held[self._at :]), 0
            self._held, self._at = b"", 0
            while (at := found.find(end, begin)) < 0:
                if len(found) > most:
                    raise RegistryUnreachableError("the server does not speak HTTP, or says too much")
                begin = max(0, len(found) - len(end))
                piece = bytearray(_PIECE)
                count = self.receive(memoryview(piece))
                if not count:
                    return bytes(found)
                found += memoryview(piece)[:count]
            self._held = bytes(found)
        first, self._at = self._at, at + len(end)
        return self._held[first : self._at]

    @property
    def spoken(self) -> bool:
        """Whether something has come that was not read, if only the end of the connection. Over TLS that may be of no
        meaning.
        """
        if self._at < len(self._held):
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


def refused(by: Proxy, said: str) -> ProxyRefusedError:
    """What a proxy's refusal is: `said` is its status and the word for it."""
    return ProxyRefusedError(f"the proxy {by} refuses: {said}", context={"proxy": by})


def _connected(host: str, port: int) -> socket.socket:
    try:
        # As bytes: a text would be looked up in tables for names in other alphabets, which take long to load.
        name = host.encode("ascii") if host.isascii() else host.encode("idna")
        found = socket.create_connection((name, port), timeout=_CONNECT_S)  # type: ignore[arg-type]
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except (OSError, UnicodeError) as error:
        raise RegistryUnreachableError(reason(error)) from error
    return found


def reason(error: Exception) -> str:
    """What an operating system's or TLS's error says to people."""
    if isinstance(error, TimeoutError):
        return "it does not answer in time"
    verify = getattr(error, "verify_message", "")
    if verify:
        return f"its certificate is not accepted: {verify}"
    text = getattr(error, "strerror", "") or str(error)
    return redact.url(text.rpartition("] ")[2])[:300]
