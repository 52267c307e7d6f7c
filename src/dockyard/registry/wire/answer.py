"""An answer to a request: its head, and its body as it comes."""

from collections.abc import Callable, Mapping

from dockyard.registry.wire.line import Line, RegistryUnreachableError

_HEAD_BYTES = 128 << 10
_CHUNK_LINE_BYTES = 4096
_TRAILER_LINES = 100
_INTERIM = 20
_PIECE = 256 << 10
# More than this is not read only to be able to use the connection again.
_MOST_DRAINED = 64 << 10


class Headers:
    """Headers by name, in whatever case; several of one name are one, with commas between."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def get(self, name: str, default: str = "") -> str:
        """A header's value."""
        return self._values.get(name.lower(), default)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._values

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]


class Answer:
    """The answer that comes over `line`. `status` and `headers` are there at once, the body is read from it.

    Args:
        line: a request has been sent over it.
        head: whether the request was for the head only.
        keep: gets the line when the body has been read to its end, if another request may go over it.

    Raises:
        RegistryUnreachableError: the line was cut, or what comes is no HTTP.
    """

    def __init__(self, line: Line, head: bool, keep: Callable[[Line], None]) -> None:
        self._line: Line | None = line
        self._keep = keep
        for _ in range(_INTERIM):
            minor, self.status, self.headers = _head(line)
            if not 100 <= self.status < 200:
                break
        else:
            raise RegistryUnreachableError("the server only ever promises an answer")
        connection = self.headers.get("Connection").lower()
        self._reusable = "close" not in connection and (minor > 0 or "keep-alive" in connection)
        # How much is left of the body, or of its chunk; None where it ends with the connection.
        self._left: int | None = None
        coding = self.headers.get("Transfer-Encoding").lower()
        self._chunked = coding == "chunked"
        if head or self.status in (204, 304):
            self._left, self._chunked = 0, False
        elif self._chunked:
            self._left = 0
            if "Content-Length" in self.headers:
                self._reusable = False
        elif coding:
            raise RegistryUnreachableError(f"the server sends its answer in an unknown form: {coding[:80]!r}")
        elif "Content-Length" in self.headers:
            self._left = _length(self.headers["Content-Length"])
        if self._left == 0 and not self._chunked:
            self._end()

    def read(self, size: int = -1) -> bytes:
        """Some bytes of the body, at most `size`; none at its end.

        Raises:
            RegistryUnreachableError: the line was cut.
        """
        most = _PIECE if size < 0 else size
        if self._left and not self._chunked:
            most = min(most, self._left)
        buffer = bytearray(min(most, 1 << 20))
        return bytes(memoryview(buffer)[: self.readinto(buffer)])

    def readinto(self, buffer: bytearray | memoryview) -> int:
        """Fill the beginning of `buffer` with what comes next of the body; 0 at its end.

        Raises:
            RegistryUnreachableError: the line was cut.
        """
        if self._line is None or not len(buffer):
            return 0
        try:
            return self._more(self._line, memoryview(buffer))
        except RegistryUnreachableError:
            self.close()
            raise

    def drain(self) -> None:
        """Be done with the answer, and let the connection be used again if its rest is short."""
        try:
            left = _MOST_DRAINED
            while left > 0 and (data := self.read(left)):
                left -= len(data)
        except RegistryUnreachableError:
            pass
        self.close()

    def close(self) -> None:
        """Be done with the answer; a connection whose answer was not read to its end is of no more use."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _more(self, line: Line, view: memoryview) -> int:
        if self._chunked and self._left == 0:
            self._left = self._chunk(line)
            if self._left == 0:
                self._end()
                return 0
        if self._left is not None:
            view = view[: self._left]
        count = line.receive(view)
        if self._left is None:
            if not count:
                self._reusable = False
                self._end()
            return count
        if not count:
            raise RegistryUnreachableError("the line was cut: the server ended the connection within an answer")
        self._left -= count
        if self._left == 0:
            if self._chunked:
                if line.text(_CHUNK_LINE_BYTES).strip():
                    raise RegistryUnreachableError("the server's answer is malformed: a chunk has no end")
            else:
                self._end()
        return count

    @staticmethod
    def _chunk(line: Line) -> int:
        """The size of the next chunk; for the last, what comes behind it is read, too."""
        text = line.text(_CHUNK_LINE_BYTES)
        digits = text.partition(b";")[0].strip()
        if not text.endswith(b"\n") or not digits or len(digits) > 16 or digits.strip(b"0123456789abcdefABCDEF"):
            raise RegistryUnreachableError("the line was cut, or the server's answer is malformed: no size of a chunk")
        size = int(digits, 16)
        for _ in range(_TRAILER_LINES if size == 0 else 0):
            if line.text(_CHUNK_LINE_BYTES) in (b"\r\n", b"\n"):
                return 0
        if size == 0:
            raise RegistryUnreachableError("the line was cut, or the server's answer is malformed: no end of a body")
        return size

    def _end(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            if self._reusable:
                self._keep(line)
            else:
                line.close()


def _head(line: Line) -> tuple[int, int, Headers]:
    """HTTP's minor version, the status and the headers of what comes next."""
    lines: list[bytes] = []
    size = 0
    while (text := line.text(_HEAD_BYTES)) not in (b"\r\n", b"\n") or not lines:
        if not text.endswith(b"\n"):
            raise RegistryUnreachableError("the line was cut: the server ended the connection without an answer")
        size += len(text)
        if size > _HEAD_BYTES:
            raise RegistryUnreachableError("the server's answer has too many headers")
        if lines and text[:1] in b" \t":
            lines[-1] += b" " + text.strip()  # a header of several lines, as they were allowed once
        elif text.strip():
            lines.append(text.strip())
    version, _, rest = lines[0].decode("latin-1").partition(" ")
    status = rest[:3]
    if version not in ("HTTP/1.0", "HTTP/1.1") or len(status) != 3 or not (status.isascii() and status.isdigit()):
        raise RegistryUnreachableError("the server does not speak HTTP/1.1")
    found: dict[str, str] = {}
    for each in lines[1:]:
        key, colon, value = each.decode("latin-1").partition(":")
        key, value = key.strip().lower(), value.strip()
        if colon:
            found[key] = f"{found[key]}, {value}" if key in found else value
    return int(version[-1]), int(status), Headers(found)


def _length(text: str) -> int:
    """A body's length; where it is said more than once, always the same."""
    values = {each.strip() for each in text.split(",")}
    value = values.pop()
    if values or not (value.isascii() and value.isdigit()) or len(value) > 18:
        raise RegistryUnreachableError(f"the server's answer has no valid length: {text[:80]!r}")
    return int(value)
