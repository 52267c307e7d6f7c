"""Headers of tar members, written: POSIX ustar, with pax records where that does not reach (POSIX.1-2017, pax)."""

import zlib

from dockyard._internal.limits import NAME_BYTES, PATH_BYTES
from dockyard.errors import FileUnusableError
from dockyard.layers.tar import FLAGS, XATTR, Entry, padding

_PLAIN_TAIL = b"0" + bytes(100) + b"ustar\00000" + bytes(64) + b"0000000\0" * 2 + bytes(155 + 12)
_PLAIN_SUMMED = b"        " + _PLAIN_TAIL


def header(entry: Entry) -> bytes:
    """The header blocks of `entry`, pax records first where ustar cannot say it.

    Raises:
        FileUnusableError: no file system takes its name.
    """
    name = entry.path.encode("utf-8", "surrogateescape") or b"."
    if entry.kind == "dir":
        name += b"/"
    link = entry.target.encode("utf-8", "surrogateescape") if entry.target else b""
    records: list[tuple[str, bytes]] = []
    prefix = b""
    if len(name) > 100 or not name.isascii():
        _bounded(name.rstrip(b"/"))
        prefix, short = _split(name) if name.isascii() else (b"", b"")
        if not short:
            records.append(("path", name))
            prefix, short = b"", name.decode("ascii", "replace").encode("ascii", "replace")[:100]
        name = short
    if len(link) > 100 or not link.isascii():
        _bounded(link, parts=False)  # what it leads to need not be there
        records.append(("linkpath", link))
        link = link.decode("ascii", "replace").encode("ascii", "replace")[:100]
    size, mtime, uid, gid = entry.size, entry.mtime, entry.uid, entry.gid
    if size > 0o77777777777:
        records.append(("size", b"%d" % size))
        size = 0
    if not 0 <= mtime <= 0o77777777777:
        records.append(("mtime", b"%d" % mtime))
        mtime = 0
    if uid > 0o7777777:
        records.append(("uid", b"%d" % uid))
        uid = 0
    if gid > 0o7777777:
        records.append(("gid", b"%d" % gid))
        gid = 0
    records += [(XATTR + key, value) for key, value in sorted(entry.xattrs.items())]
    block = _block(name, prefix, FLAGS[entry.kind], entry.mode, uid, gid, size, mtime, link, entry.major, entry.minor)
    return _pax(records, entry.mtime) + block if records else block


def _bounded(name: bytes, *, parts: bool = True) -> None:
    if len(name) <= NAME_BYTES:
        return
    longest = max(map(len, name.split(b"/"))) if parts else 0
    if longest > NAME_BYTES or len(name) >= PATH_BYTES:
        size = f"with a part of {longest} bytes" if longest > NAME_BYTES else f"of {len(name)} bytes"
        raise FileUnusableError(
            f"no file system takes a name {size}",
            context={"name": name[:100].decode(errors="replace") + "…"},
            hint=f"A part may have {NAME_BYTES} bytes, all of it {PATH_BYTES - 1}.",
        )


def plain_owner(mode: int, uid: int, gid: int) -> bytes:
    """The part of a header that says mode and owner, for `plain_header`."""
    return b"%07o\0%07o\0%07o\0" % (mode, uid, gid)


def plain_header(name: bytes, owner: bytes, size: int, mtime: int) -> bytes:
    """The same as `header` for a small file whose name has at most 100 bytes, all ASCII: what most files are."""
    head = b"%b%b%011o\0%011o\0" % (name.ljust(100, b"\0"), owner, size, mtime)
    return b"%b%06o\0 %b" % (head, (zlib.adler32(head + _PLAIN_SUMMED) & 0xFFFF) - 1, _PLAIN_TAIL)


def _split(name: bytes) -> tuple[bytes, bytes]:
    """Prefix and name of at most 155 and 100 bytes, or two empty strings."""
    cut = name.rfind(b"/", 0, min(156, len(name) - 1))
    if cut > 0 and len(name) - cut - 1 <= 100:
        return name[:cut], name[cut + 1 :]
    return b"", b""


def _block(
    name: bytes,
    prefix: bytes,
    flag: bytes,
    mode: int,
    uid: int,
    gid: int,
    size: int,
    mtime: int,
    link: bytes,
    major: int,
    minor: int,
) -> bytes:
    device = b"%07o\0%07o\0" % (major, minor)
    head = b"%b%07o\0%07o\0%07o\0%011o\0%011o\0" % (name.ljust(100, b"\0"), mode, uid, gid, size, mtime)
    tail = (
        b"%b%b" % (flag, link.ljust(100, b"\0"))
        + b"ustar\00000"
        + bytes(64)
        + device
        + prefix.ljust(155, b"\0")
        + bytes(12)
    )
    # The checksum is the sum of all bytes with its own field as eight spaces. One half of Adler-32 is the sum modulo
    # 65,521, plus one; names are ASCII here, so that the sum of the 512 bytes stays below.
    total = (zlib.adler32(head + b"        " + tail) & 0xFFFF) - 1
    return head + b"%06o\0 " % total + tail


def _pax(records: list[tuple[str, bytes]], mtime: int) -> bytes:
    body = bytearray()
    for key, value in records:
        rest = b" " + key.encode() + b"=" + value + b"\n"
        length = len(rest) + len(str(len(rest)))
        length = len(rest) + len(str(length))
        body += str(length).encode() + rest
    stamp = mtime if 0 <= mtime <= 0o77777777777 else 0
    block = _block(b"PaxHeaders/entry", b"", b"x", 0o644, 0, 0, len(body), stamp, b"", 0, 0)
    return block + bytes(body) + padding(len(body))
