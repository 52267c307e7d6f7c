"""A whole folder of the context onto fresh ground: the same members as `copy` plans, at a fraction of the work.

Nothing is looked at but what listing a folder gives; headers are made and files opened only for segments that are not
taken from the layer of the last time.
"""

import hashlib
import stat
from typing import BinaryIO

import msgspec

from dockyard.build.copy.copy import Copier, Hashed, Out, facts
from dockyard.build.copy.segments import Segments
from dockyard.build.sources.context import Context
from dockyard.build.sources.listing import Listed, digest_of
from dockyard.build.sources.source import Item
from dockyard.layers.header import plain_header, plain_owner
from dockyard.layers.tar import Entry
from dockyard.layers.write import LayerWriter, ends_segment, nominal

_MOST_TIME, _MOST_ID = 0o77777777777, 0o7777777  # what a header has room for
_Row = tuple[str, str, Listed]  # path in the layer, path in the context, and what the listing says


class Bulk(msgspec.Struct, dict=True):
    """Writes folders; a segment's rows are gathered first.

    Args:
        context: what is copied from.
        copier: knows owner and mode.
        writer: gets the members.
        out: the same, for single members; its key covers what is written here, too.
        segments: of the layer of the last time, or None where nothing is taken over.
    """

    context: Context
    copier: Copier
    writer: LayerWriter
    out: Out
    segments: Segments | None

    def __post_init__(self) -> None:
        self._rows: list[_Row] = []
        self._length = self.writer.begun
        self._links: dict[tuple[int, int], str] = {}
        self._owned: dict[int, tuple[int, int, int, bytes]] = {}
        order = self.copier.order
        self._constant = (order.owner, order.chmod, self.writer.epoch)

    def write(self, folder: Item, at: str) -> None:
        """Write everything below `folder`, as the content of `at`."""
        self._below(folder.path, str(folder.handle), at)
        self._flush(whole=False)

    def _below(self, path: str, place: str, at: str) -> None:
        # A stack of our own, as folders may be nested deeper than functions may call each other.
        open_ = [(path, place, at, iter(self.context.listing(path, place)))]
        while open_:
            path, place, at, rows = open_[-1]
            row = next(rows, None)
            if row is None:
                open_.pop()
                continue
            name, bits = row[0], row[1]
            below = f"{path}/{name}" if path else name
            target = f"{at}/{name}" if at else name
            self._rows.append((target, below, row))
            self._length += nominal(row[2] if stat.S_ISREG(bits) else 0)
            if ends_segment(self._length, target):
                self._flush(whole=True)
            if stat.S_ISDIR(bits):
                whole = f"{place}/{name}"
                open_.append((below, whole, target, iter(self.context.listing(below, whole))))

    def _flush(self, *, whole: bool) -> None:
        rows, self._rows = self._rows, []
        aligned = self.writer.begun == 0
        if not rows:
            return
        links = [self._first(row) for row in rows]
        key = digest_of((self._constant, rows, links)) if self.segments is not None and aligned and whole else ""
        known = self.segments.known.get(key) if self.segments is not None and key else None
        first = self.writer.count
        if known is not None and self.segments is not None:
            self.writer.reuse(known.members, self.segments.read)
            content = known.content
        else:
            content = self._made(rows, links)
        self.out.note(content)
        if key and self.segments is not None:
            self.segments.made.append((key, content, first, self.writer.count))
        self._length = self.writer.begun

    def _first(self, row: _Row) -> str:
        """The path under which a file with several names stands in the layer already, if it does."""
        target, _, listed = row
        if listed[6] < 2 or stat.S_ISDIR(listed[1]):
            return ""
        found = self._links.setdefault((listed[7], listed[5]), target)
        return found if found != target else ""

    def _made(self, rows: list[_Row], links: list[str]) -> str:
        """Write the rows; returns the digest of all but their times."""
        digest = hashlib.sha256()
        told: list[tuple[object, ...]] = []
        for (target, path, listed), link in zip(rows, links, strict=True):
            plain = None if link else self._plain(target, path, listed)
            if plain is not None:
                fact, head, content = plain
                told.append(fact)
                digest.update(content)
                self.writer.put(target, head, content)
                continue
            item = self.context.item(path, listed)
            entry = self.copier.entry(item, target)
            data: bytes | BinaryIO | None = None
            if link:
                entry = Entry(target, "hardlink", entry.mode, entry.uid, entry.gid, 0, entry.mtime, link)
            elif item.size:
                data = self.context.content(item)
            told.append(facts(entry))
            if data is None or isinstance(data, bytes):
                digest.update(data or b"")
                self.writer.add(entry, data)
            else:
                with data:
                    self.writer.add(entry, Hashed(data, digest))  # type: ignore[arg-type]
        return digest_of((told, digest.digest()))

    def _plain(self, target: str, path: str, listed: Listed) -> tuple[tuple[object, ...], bytes, bytes] | None:
        """Facts, header and content of what most files are: small, without attributes, with a short ASCII name.

        None for everything else, which takes the long way. There are very many files, so every call counts here.
        """
        bits, size, mtime = listed[1], listed[2], listed[3] // 10**9
        name = target.encode("utf-8", "surrogateescape")
        if bits & 0o170000 != stat.S_IFREG or len(name) > 100 or not name.isascii() or not 0 <= mtime <= _MOST_TIME:
            return None
        content = self.context.small(path, listed)
        if content is None:
            return None
        owned = self._owned.get(bits)
        if owned is None:
            entry = self.copier.entry(Item("", "", "file", bits & 0o7777), target)
            if max(entry.uid, entry.gid) > _MOST_ID:
                return None
            owned = (entry.mode, entry.uid, entry.gid, plain_owner(entry.mode, entry.uid, entry.gid))
            self._owned[bits] = owned
        if self.writer.epoch is not None and mtime > self.writer.epoch:
            mtime = self.writer.epoch
        mode, uid, gid, owner = owned
        fact = (target, "file", mode, uid, gid, size, "", 0, 0, None)
        return fact, plain_header(name, owner, size, mtime), content
