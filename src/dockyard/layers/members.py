"""Members of a tar, read: ustar, pax with global records, GNU long names and base-256 numbers, sparse members, and V7.

Input is hostile: sizes are bounded, names cannot escape.
"""

import io
import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, BinaryIO

from msgspec.structs import replace

from dockyard._internal.limits import NAME_BYTES, PATH_BYTES, PAX_BYTES, TAR_ENTRIES
from dockyard.layers import sparse
from dockyard.layers.fault import (
    ArchiveBombError,
    ArchiveEscapeError,
    ArchiveInvalidError,
    ArchiveTruncatedError,
    ArchiveUnfitError,
)
from dockyard.layers.tar import BLOCK, FLAGS, XATTR, Entry, Kind

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_KINDS: dict[bytes, Kind] = {flag: kind for kind, flag in FLAGS.items()} | {b"\0": "file", b"7": "file", b"S": "file"}
_MOST_ID, _MOST_NUMBER = (1 << 32) - 2, 1 << 62
_MOST_MAJOR, _MOST_MINOR = (1 << 12) - 1, (1 << 20) - 1  # what Linux has room for
_EMPTY: Mapping[str, bytes] = {}
_SPARSE = ("GNU.sparse.major", sparse.SIZE, sparse.REAL_SIZE, sparse.MAP)


class _Content(io.RawIOBase):
    """One member's bytes, valid until the next member is read."""

    def __init__(self, stream: BinaryIO, size: int, path: str) -> None:
        super().__init__()
        self._stream, self.left, self._path = stream, size, path

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self.left)
        data = self._stream.read(wanted) if wanted else b""
        if wanted and not data:
            raise ArchiveTruncatedError(f"the archive ends inside {self._path!r}", context={"missing bytes": self.left})
        view[: len(data)] = data
        self.left -= len(data)
        return len(data)

    def skip(self) -> None:
        while self.left:
            data = self._stream.read(min(self.left, 1 << 20))
            if not data:
                raise ArchiveTruncatedError(
                    f"the archive ends inside {self._path!r}", context={"missing bytes": self.left}
                )
            self.left -= len(data)


def members(stream: BinaryIO, *, most: int | None = None) -> Iterator[tuple[Entry, BinaryIO]]:
    """Every member of the tar `stream` with its content, which is valid until the next member.

    Names are normalised (`./a//b/` is `a/b`). Skipping a member's content is free of copies.

    Args:
        stream: the tar.
        most: how many bytes its members may say that they have, so that one that claims more is not even begun.

    Raises:
        ArchiveBombError: they say more than `most`.
        ArchiveInvalidError: this is no tar file, or a header contradicts itself.
        ArchiveTruncatedError: the stream ends inside a member or without an end mark.
        ArchiveEscapeError: a name has a `..` part, or a hard link's target has.
    """
    defaults: dict[str, bytes] = {}
    records: dict[str, bytes] = {}
    long_name = long_link = b""
    count = told = 0
    while True:
        block = _exactly(stream, BLOCK, "a header", end_allowed=count > 0)
        if not block or not block.rstrip(b"\0"):
            return
        count += 1
        told += BLOCK
        if count > TAR_ENTRIES:
            raise ArchiveInvalidError(f"the archive has more than {TAR_ENTRIES} members")
        flag = block[156:157]
        size = _number(block[124:136])
        if size < 0:
            raise ArchiveInvalidError("a member has a negative size")
        _check_sum(block)
        if flag in b"xgLK" and flag:
            if size > PAX_BYTES:
                raise ArchiveInvalidError(f"an extended header has {size} bytes, more than {PAX_BYTES}")
            body = _exactly(stream, size, "an extended header")
            _exactly(stream, -size % BLOCK, "an extended header")
            if flag == b"x":
                records = _records(body)
            elif flag == b"g":
                defaults.update(_records(body))
            elif flag == b"L":
                long_name = body.rstrip(b"\0")
            else:
                long_link = body.rstrip(b"\0")
            continue
        known = {**defaults, **records} if defaults else records
        entry = _entry(block, flag, size, known, long_name, long_link)
        records, long_name, long_link = {}, b"", b""
        content = _Content(stream, entry.size, entry.path)
        # Padding depends on the size as stored, which pax may have replaced.
        total = entry.size
        told += total
        if most is not None and told > most:
            raise ArchiveBombError(f"{entry.path!r} would unpack to far more than an honest archive of its size")
        if flag == b"S" or (entry.kind == "file" and known and any(key in known for key in _SPARSE)):
            yield _expanded(entry, block, flag, known, content, stream)
        else:
            # A buffer of full size takes longer to get and to give back than most files to read.
            yield entry, io.BufferedReader(content, min(total, 1 << 18)) if total else io.BytesIO()
        content.skip()
        _exactly(stream, -total % BLOCK, f"the padding of {entry.path!r}")


def _expanded(
    entry: Entry, block: bytes, flag: bytes, records: Mapping[str, bytes], content: _Content, stream: BinaryIO
) -> tuple[Entry, BinaryIO]:
    """A sparse member as the whole file that it stands for."""
    data = io.BufferedReader(content, BLOCK)
    if flag == b"S":
        pieces, real = sparse.old_map(block, stream, _number)
    elif records.get("GNU.sparse.major") == b"1":
        pieces, real = sparse.leading_map(data), _integer(records, sparse.REAL_SIZE, 0)
    else:
        pieces = sparse.extended_map(records)
        real = _integer(records, sparse.SIZE, _integer(records, sparse.REAL_SIZE, 0))
    sparse.checked(pieces, real, entry.size, entry.path)
    return replace(entry, size=real), io.BufferedReader(sparse.Expanded(data, pieces, real), 1 << 18)


def _exactly(stream: BinaryIO, size: int, what: str, *, end_allowed: bool = False) -> bytes:
    data = stream.read(size) if size else b""
    while len(data) < size:
        more = stream.read(size - len(data))
        if not more:
            # Some writers leave the end mark out; between members that is no damage.
            if end_allowed and not data:
                return b""
            raise ArchiveTruncatedError(f"the archive ends inside {what}")
        data += more
    return data


def _check_sum(block: bytes) -> None:
    want = _number(block[148:156])
    # The lower half of Adler-32 is one more than the sum of the bytes where these are at most 256, and takes a tenth of
    # the time of `sum`.
    half = BLOCK // 2
    whole = (zlib.adler32(block[:half]) & 0xFFFF) + (zlib.adler32(block[half:]) & 0xFFFF) - 2
    got = whole - sum(block[148:156]) + 256
    if want != got:
        raise ArchiveInvalidError("not a tar archive: a header's checksum is wrong")


def _number(field_: bytes) -> int:
    if field_[0] in (0x80, 0xFF):
        value = int.from_bytes(field_[1:], "big")
        return value - (1 << 8 * (len(field_) - 1)) if field_[0] == 0xFF else value
    text = field_.strip(b" \0").split(b"\0")[0]
    try:
        return int(text, 8) if text else 0
    except ValueError as error:
        raise ArchiveInvalidError(f"a header has a malformed number: {text!r}") from error


def _records(body: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    at = 0
    while at < len(body):
        space = body.find(b" ", at, at + 21)
        digits = body[at:space] if space > at else b""
        length = int(digits) if digits.isdigit() else 0
        record = body[space + 1 : at + length - 1]
        key, equals, value = record.partition(b"=")
        if not equals or length <= 0 or at + length > len(body):
            if not body[at:].strip(b"\0"):
                break
            raise ArchiveInvalidError("an extended header has a malformed record")
        name = key.decode("utf-8", "surrogateescape")
        if name in (sparse.OFFSET, sparse.LENGTH):  # the one key that may come several times
            before = found.get(sparse.MAP)
            found[sparse.MAP] = value if before is None else before + b"," + value
        else:
            found[name] = value
        at += length
    return found


def _entry(
    block: bytes, flag: bytes, size: int, records: Mapping[str, bytes], long_name: bytes, long_link: bytes
) -> Entry:
    name = block[:100].split(b"\0")[0]
    if block[257:263] == b"ustar\0" and block[345:346] != b"\0":
        name = block[345:500].split(b"\0")[0] + b"/" + name
    name = records.get(sparse.NAME) or records.get("path") or long_name or name
    link = records.get("linkpath") or long_link or block[157:257].split(b"\0")[0]
    if len(name.rstrip(b"/")) >= PATH_BYTES or len(link) >= PATH_BYTES:
        raise ArchiveUnfitError(
            f"a member's name or link has {max(len(name), len(link))} bytes, and no file system takes {PATH_BYTES}",
            context={"member": name[:100].decode(errors="replace") + "…"},
        )
    kind = _KINDS.get(flag)
    if kind is None:
        raise ArchiveInvalidError(
            f"a member is of the unknown type {flag!r}", context={"member": name.decode(errors="replace")}
        )
    if kind == "file" and name.endswith(b"/"):
        kind = "dir"  # V7 archives mark folders so
    path = _clean(name)
    if kind == "hardlink":
        link = _clean(link).encode("utf-8", "surrogateescape")
    elif kind == "symlink" and (not link or b"\0" in link):
        raise ArchiveUnfitError(f"the link {path!r} leads nowhere, which no file system takes")
    stored = _integer(records, "size", size)
    uid = _integer(records, "uid", _number(block[108:116]))
    gid = _integer(records, "gid", _number(block[116:124]))
    mtime = _integer(records, "mtime", _number(block[136:148]))
    device = kind in ("char", "block")
    major, minor = (_number(block[329:337]), _number(block[337:345])) if device else (0, 0)
    if not (0 <= uid <= _MOST_ID and 0 <= gid <= _MOST_ID and stored <= _MOST_NUMBER and abs(mtime) <= _MOST_NUMBER):
        raise ArchiveUnfitError(f"the member {path!r} has an owner, size or time beyond all bounds")
    if not (0 <= major <= _MOST_MAJOR and 0 <= minor <= _MOST_MINOR):
        raise ArchiveUnfitError(f"the member {path!r} is a device with numbers beyond all bounds")
    return Entry(
        path,
        kind,
        _number(block[100:108]) & 0o7777,
        uid,
        gid,
        stored if kind == "file" else 0,
        mtime,
        link.decode("utf-8", "surrogateescape") if kind in ("symlink", "hardlink") else "",
        major,
        minor,
        {k.removeprefix(XATTR): v for k, v in records.items() if k.startswith(XATTR)} if records else _EMPTY,
    )


def _integer(records: Mapping[str, bytes], key: str, default: int) -> int:
    text = records.get(key)
    if text is None:
        return default
    try:
        value = int(float(text)) if b"." in text else int(text)
    except (ValueError, OverflowError) as error:
        raise ArchiveInvalidError(f"an extended header has a malformed {key}: {text[:40]!r}") from error
    if value < 0 and key != "mtime":
        raise ArchiveInvalidError(f"an extended header has a negative {key}")
    return value


def _clean(name: bytes) -> str:
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if b".." in parts or b"\0" in name:
        shown = name.decode("utf-8", "replace")
        raise ArchiveEscapeError(f"the member {shown!r} would be unpacked outside", context={"member": shown})
    if len(name) > NAME_BYTES and any(len(part) > NAME_BYTES for part in parts):
        raise ArchiveUnfitError(
            f"a part of a member's name is longer than {NAME_BYTES} bytes, which no file system takes",
            context={"member": name[:100].decode(errors="replace") + "…"},
        )
    return b"/".join(parts).decode("utf-8", "surrogateescape")
