"""Taking over repositories: every blob is hashed on its way, every manifest goes through the door that pushes use.

It can be cut off anywhere and started again: what is here already is passed over. On one file system files are linked,
not copied; the other registry never changes a blob's file, so both can go on using it.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from sqlalchemy import select

from dockyard._internal.limits import MANIFEST_BYTES
from dockyard.errors import Error
from dockyard.oci.digest import Digest
from dockyard.oci.manifest import Index, Manifest
from dockyard.oci.mediatype import OCI_INDEX, OCI_MANIFEST, traits
from dockyard.registry.interface import WireError
from dockyard.registry.protocol.request import name_valid
from dockyard.server import globs
from dockyard.server.importing.distribution import Source
from dockyard.server.schema.content import BLOB, MANIFEST, REPOSITORY_BLOB
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.stored import linking, manifests
from dockyard.server.stored.holdings import Holdings

_PIECE = 1 << 20
_MOST_PROBLEMS = 1000


@runtime_checkable
class Adopter(Protocol):
    """A blob store that can take a file over as it is."""

    def adopt(self, path: Path, algorithm: str) -> str:
        """Begin an upload that has all bytes of `path`; returns its number."""


@dataclass
class Imported:
    """What was taken over, or with a dry run would be; what was here already is not counted."""

    repositories: int = 0
    manifests: int = 0
    tags: int = 0
    blobs: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)

    def problem(self, text: str) -> None:
        """Note what could not be taken over."""
        if len(self.problems) < _MOST_PROBLEMS:
            # Names of files may be no text.
            self.problems.append(text.encode("utf-8", "backslashreplace").decode())

    def to_json(self) -> dict[str, Any]:
        """As --json shows it."""
        return asdict(self)


def take(
    holdings: Holdings,
    source: Source,
    *,
    repositories: str = "**",
    dry: bool = False,
    changed: Callable[[str], None] = lambda name: None,
    progress: Callable[[str], None] = lambda text: None,
) -> Imported:
    """Take over the repositories whose names fit a glob, under the same names.

    A tag that is here already stays where it points. What is damaged or incomplete there is named and left out, never
    stored.

    Args:
        holdings: where it goes.
        source: where it comes from.
        repositories: the glob.
        dry: only look and count.
        changed: told of every repository that got something.
        progress: told how far it is.

    Raises:
        GlobInvalidError: `repositories` is no glob.
        DatabaseError, DiskFullError: as the names say; start it again then.
    """
    globs.read(repositories)
    taking = _Taking(holdings, source, dry)
    done = taking.done
    for name in source.repositories():
        if not globs.matches(repositories, name):
            continue
        if not name_valid(name):
            done.problem(f"{name}: no repository can have this name")
        else:
            progress(f"{name}: {done.manifests} manifests and {done.blobs} blobs so far")
            taking.repository(name)
            if not dry:
                changed(name)
    return done


@dataclass(frozen=True)
class _Taking:
    """From `source` into `holdings`; with `dry` nothing is stored."""

    holdings: Holdings
    source: Source
    dry: bool
    done: Imported = field(default_factory=Imported)
    _seen: set[Digest] = field(default_factory=set)

    def repository(self, name: str) -> None:
        """Take over what it has."""
        self.done.repositories += 1
        known = self._known(name)
        here = set(known)
        waiting: dict[str, Manifest | Index] = {}
        for digest in self.source.revisions(name):
            if str(digest) not in known:
                found = self._read(name, digest)
                if found is not None:
                    waiting[str(digest)] = found
        # An index follows what it names, however deep.
        while waiting:
            later: dict[str, Manifest | Index] = {}
            for own, each in waiting.items():
                if isinstance(each, Index) and any(str(child.digest) in waiting for child in each.references):
                    later[own] = each
                elif self._manifest(name, own, each, here):
                    here.add(own)
            waiting = later
        self._tags(name, here)

    def _known(self, name: str) -> set[str]:
        query = (
            select(MANIFEST.c.digest)
            .join_from(MANIFEST, REPOSITORY, REPOSITORY.c.id == MANIFEST.c.repository_id)
            .where(REPOSITORY.c.name == name)
        )
        with self.holdings.database.read() as connection:
            return {str(each) for each in connection.execute(query).scalars()}

    def _read(self, name: str, digest: Digest) -> Manifest | Index | None:
        if self.source.size(digest) is None:
            self.done.problem(f"{name}@{digest}: the manifest's file is not there")
            return None
        try:
            with open(self.source.blob(digest), "rb") as stream:
                raw = stream.read(MANIFEST_BYTES + 1)
            if len(raw) > MANIFEST_BYTES or Digest.of(raw, digest.algorithm) != digest:
                self.done.problem(f"{name}@{digest}: the manifest's file is damaged")
                return None
            return manifests.parsed(raw, _media_type(raw))
        except OSError as error:
            self.done.problem(f"{name}@{digest}: the manifest's file cannot be read: {error.strerror}")
        except WireError as error:
            self.done.problem(f"{name}@{digest}: {error.detail}")
        return None

    def _manifest(self, name: str, own: str, found: Manifest | Index, here: set[str]) -> bool:
        for child in found.references:
            if isinstance(found, Index):
                there = str(child.digest) in here
            else:
                distributable = traits(child.media_type).distributable
                there = not distributable or self._blob(name, child.digest)
            if not there:
                self.done.problem(f"{name}@{own}: {child.digest} is missing or damaged, so the image is left out")
                return False
        if not self.dry:
            try:
                manifests.put(self.holdings, name, own, found.raw, found.media_type, (), "")
            except WireError as error:
                self.done.problem(f"{name}@{own}: {error.message}")
                return False
        self.done.manifests += 1
        return True

    def _blob(self, name: str, digest: Digest) -> bool:
        with self.holdings.database.read() as connection:
            size = connection.execute(select(BLOB.c.size).where(BLOB.c.digest == str(digest))).scalar()
            query = (
                select(REPOSITORY_BLOB.c.digest)
                .join_from(REPOSITORY_BLOB, REPOSITORY, REPOSITORY.c.id == REPOSITORY_BLOB.c.repository_id)
                .where(REPOSITORY.c.name == name, REPOSITORY_BLOB.c.digest == str(digest))
            )
            mine = connection.execute(query).first() is not None
        if mine:
            return True
        length = self.source.size(digest)
        if length is None:  # the caller tells which image lacks it
            return False
        new = size is None and digest not in self._seen
        self._seen.add(digest)
        if not self.dry and not self._mounted(name, digest):
            try:
                upload = self._upload(self.source.blob(digest).resolve(), digest.algorithm)
                length = self.holdings.blobs.seal(upload, digest)
                linking.publish(
                    self.holdings, name, digest, length, partial(self.holdings.blobs.publish, upload, digest)
                )
                self.holdings.blobs.cancel(upload)
            except WireError:  # damaged: the caller tells
                return False
        if new:
            self.done.blobs, self.done.bytes = self.done.blobs + 1, self.done.bytes + length
        return True

    def _mounted(self, name: str, digest: Digest) -> bool:
        holders: Sequence[str] = linking.holders(self.holdings.database, digest, 1)
        return any(linking.mount(self.holdings, name, digest, each) for each in holders)

    def _upload(self, path: Path, algorithm: str) -> str:
        if isinstance(self.holdings.blobs, Adopter):
            return self.holdings.blobs.adopt(path, algorithm)
        upload = self.holdings.blobs.begin(algorithm)
        with open(path, "rb", buffering=0) as stream:
            while data := stream.read(_PIECE):
                self.holdings.blobs.append(upload, data)
        return upload

    def _tags(self, name: str, here: set[str]) -> None:
        for tag, digest in self.source.tags(name).items():
            if digest is None:
                self.done.problem(f"{name}:{tag} is no tag, or its link cannot be read")
                continue
            try:
                there = str(manifests.get(self.holdings.database, name, tag).digest)
            except WireError:  # not here yet
                there = ""
            if there == str(digest):
                continue
            if there:
                self.done.problem(f"{name}:{tag} is at {there} here and stays there; the folder has {digest}")
                continue
            if str(digest) not in here:
                self.done.problem(f"{name}:{tag} leads to {digest}, which could not be taken over")
                continue
            if not self.dry:
                found = manifests.get(self.holdings.database, name, str(digest))
                try:
                    manifests.put(self.holdings, name, tag, found.raw, found.media_type, (), "")
                except Error as error:
                    self.done.problem(f"{name}:{tag}: {error.message}")
                    continue
            self.done.tags += 1


def _media_type(raw: bytes) -> str:
    """What a manifest says it is, or looks like; the other registry keeps no note of it."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return OCI_MANIFEST  # parsing says what is wrong
    if not isinstance(document, dict):
        return OCI_MANIFEST
    return str(document.get("mediaType") or (OCI_INDEX if "manifests" in document else OCI_MANIFEST))
