"""Taking known secret values out of what is printed, kept in logs and shown."""

import re
from collections.abc import Iterable

STARS = b"***"
# A line of a longer secret (a key file, say) is hidden by itself where it is too long to stand elsewhere by chance.
_LEAST_LINE = 8


class Confidential:
    """The values that must not be seen.

    Args:
        values: each is hidden as a whole, without the white space around it, and each of its lines that has at least
            eight characters.
    """

    def __init__(self, values: Iterable[bytes] = ()) -> None:
        found: set[bytes] = set()
        for value in values:
            found |= {value.strip(), value.strip().replace(b"\n", b"\r\n")}
            found |= {line.strip() for line in value.splitlines() if len(line.strip()) >= _LEAST_LINE}
        found.discard(b"")
        # The longest first, so that no part of a value is left beside the stars for a shorter one.
        self._values = sorted(found, key=lambda each: (-len(each), each))
        self._pattern = re.compile(b"|".join(map(re.escape, self._values))) if found else None

    def hidden(self, data: bytes) -> bytes:
        """`data` with every value replaced by `***`."""
        return data if self._pattern is None else self._pattern.sub(STARS, data)

    def text(self, text: str) -> str:
        """The same for text; `\ufffd` stands for bytes in it that are not UTF-8, as no document could carry them."""
        if self._pattern is None and text.isascii():
            return text
        return self.hidden(text.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")

    def stream(self) -> "Hiding":
        """For output that comes in pieces."""
        return Hiding(self)

    def open_end(self, data: bytes) -> int:
        """How many of the last bytes may be the beginning of a value."""
        most = 0
        for value in self._values:
            at = max(0, len(data) - len(value) + 1)
            while (at := data.find(value[:1], at)) >= 0 and len(data) - at > most:
                if value.startswith(data[at:]):
                    most = len(data) - at
                    break
                at += 1
        return most


class Hiding:
    """Hides values in a stream, also those that two pieces share."""

    def __init__(self, confidential: Confidential) -> None:
        self._confidential, self._rest = confidential, b""

    def take(self, data: bytes) -> bytes:
        """What of the stream so far may be shown and was not given back yet."""
        data = self._confidential.hidden(self._rest + data)
        kept = self._confidential.open_end(data)
        self._rest = data[len(data) - kept :]
        return data[: len(data) - kept]

    def end(self) -> bytes:
        """The rest, once the stream has ended."""
        rest, self._rest = self._rest, b""
        return rest
