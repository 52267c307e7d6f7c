"""A registry on a disk: blobs by digest, and small files that say which repository has what.

    blobs/<algorithm>/<hex>                             bytes, shared by all repositories
    repositories/<name>/_/blobs/<algorithm>/<hex>       empty: this repository has the blob
    repositories/<name>/_/manifests/<algorithm>/<hex>   the manifest's media type
    repositories/<name>/_/tags/<tag>                    the manifest's digest
    repositories/<name>/_/referrers/<subject>/<digest>  the referrer's descriptor
    uploads/<number>                                    bytes received so far

Every file appears by rename, and in the order blob, manifest, tag: a tag never points to what is missing, whenever the
process ends. `_` is no valid part of a repository's name, so names cannot collide with these folders.
"""

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from dockyard._internal import atomic
from dockyard._internal.limits import MANIFEST_BYTES
from dockyard.errors import Error
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest, DigestInvalidError
from dockyard.oci.manifest import Index, Manifest, parse
from dockyard.oci.mediatype import traits
from dockyard.registry.interface import StoredManifest, WireError
from dockyard.registry.protocol import codes
from dockyard.registry.protocol.request import tag_valid

_UPLOAD_DIGITS = 32


class LocalRegistry:
    """The registry in the folder `root` (`interface.Registry`). Several processes may serve one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("blobs", "repositories", "uploads"):
            (root / name).mkdir(parents=True, exist_ok=True)

    def blob(self, name: str, digest: Digest) -> tuple[Path, int]:
        """The file that holds a blob, and its size."""
        path = self._blob(digest)
        try:
            if not self._has(name, digest):
                raise FileNotFoundError
            return path, path.stat().st_size
        except FileNotFoundError:
            raise WireError(codes.BLOB_UNKNOWN, str(digest)) from None

    def manifest(self, name: str, reference: str) -> StoredManifest:
        """A manifest by tag or digest."""
        digest = self._digest(name, reference)
        try:
            media_type = self._inside(name, "manifests", digest).read_text()
            return StoredManifest(self._blob(digest).read_bytes(), media_type, digest)
        except FileNotFoundError:
            raise WireError(codes.MANIFEST_UNKNOWN, reference) from None

    def tags(self, name: str) -> list[str]:
        """All tags."""
        repository = self._repository(name)
        if not repository.is_dir():
            raise WireError(codes.NAME_UNKNOWN, name)
        folder = repository / "tags"
        return sorted(each for each in os.listdir(folder) if not each.startswith(".")) if folder.is_dir() else []

    def referrers(self, name: str, digest: Digest) -> Sequence[Descriptor]:
        """The manifests whose subject is `digest`, in the order of their digests."""
        folder = self._repository(name) / "referrers" / f"{digest.algorithm}-{digest.hex}"
        if not folder.is_dir():
            return []
        found = []
        for each in sorted(folder.iterdir()):
            if not each.name.startswith("."):
                with contextlib.suppress(FileNotFoundError):
                    found.append(Descriptor.from_json(json.loads(each.read_bytes())))
        return found

    def repositories(self) -> list[str]:
        """All repositories that have a manifest."""
        base = self.root / "repositories"
        found = [
            str(Path(folder).relative_to(base).parent)
            for folder, folders, _ in os.walk(base)
            if folder.endswith("/_") and "manifests" in folders
        ]
        return sorted(found)

    def begin(self, name: str) -> str:
        """Begin an upload."""
        upload = secrets.token_hex(_UPLOAD_DIGITS // 2)
        with self._full():
            self._upload(upload).touch()
        return upload

    def received(self, name: str, upload: str) -> int:
        """How many bytes have arrived."""
        try:
            return self._upload(upload).stat().st_size
        except FileNotFoundError:
            raise WireError(codes.BLOB_UPLOAD_UNKNOWN, upload) from None

    def append(self, name: str, upload: str, data: bytes) -> None:
        """Add bytes."""
        with self._full():
            try:
                handle = os.open(self._upload(upload), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            except FileNotFoundError:
                raise WireError(codes.BLOB_UPLOAD_UNKNOWN, upload) from None
            with os.fdopen(handle, "wb", buffering=0) as out:
                view = memoryview(data)
                while view:
                    view = view[out.write(view) or 0 :]

    def finish(self, name: str, upload: str, digest: Digest) -> None:
        """End the upload as the blob `digest`."""
        path = self._upload(upload)
        try:
            with open(path, "rb") as stream:
                found = hashlib.file_digest(stream, digest.algorithm).hexdigest()
                if found != digest.hex:
                    path.unlink(missing_ok=True)
                    raise WireError(codes.DIGEST_INVALID, f"the content is {digest.algorithm}:{found}")
                os.fsync(stream.fileno())
        except FileNotFoundError:
            raise WireError(codes.BLOB_UPLOAD_UNKNOWN, upload) from None
        with self._full():
            place = self._blob(digest)
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)
            self._link(name, digest)

    def cancel(self, name: str, upload: str) -> None:
        """Forget the upload."""
        self.received(name, upload)
        self._upload(upload).unlink(missing_ok=True)

    def mount(self, name: str, digest: Digest, source: str) -> bool:
        """Take a blob over from another repository."""
        if not source or not self._has(source, digest) or not self._blob(digest).exists():
            return False
        self._link(name, digest)
        return True

    def put_manifest(self, name: str, reference: str, raw: bytes, media_type: str) -> tuple[Digest, Digest | None]:
        """Store a manifest under a tag or its digest."""
        if len(raw) > MANIFEST_BYTES:
            raise WireError(codes.SIZE_INVALID, f"a manifest has at most {MANIFEST_BYTES} bytes")
        digest = Digest.of(raw)
        if ":" in reference:
            wanted = self._parsed(reference)
            digest = Digest.of(raw, wanted.algorithm)
            if digest != wanted:
                raise WireError(codes.DIGEST_INVALID, f"the content is {digest}")
        elif not tag_valid(reference):
            raise WireError(codes.MANIFEST_INVALID, f"invalid tag {reference[:140]!r}")
        found = self._checked(name, raw, media_type)
        with self._full():
            atomic.write(self._made(self._blob(digest)), raw)
            atomic.write(self._made(self._inside(name, "manifests", digest)), media_type.encode())
            subject = found.subject if isinstance(found, Manifest) else _subject(found)
            if subject is not None:
                self._refer(name, digest, subject.digest, found, len(raw), media_type)
            if ":" not in reference:
                atomic.write(self._made(self._repository(name) / "tags" / reference), str(digest).encode())
        return digest, None if subject is None else subject.digest

    def delete_manifest(self, name: str, reference: str) -> None:
        """Forget a tag, or a manifest with all its tags."""
        if ":" not in reference:
            try:
                (self._repository(name) / "tags" / reference).unlink()
            except FileNotFoundError:
                raise WireError(codes.MANIFEST_UNKNOWN, reference) from None
            return
        digest = self._parsed(reference)
        stored = self.manifest(name, reference)
        for tag in self.tags(name):
            with contextlib.suppress(FileNotFoundError):
                path = self._repository(name) / "tags" / tag
                if path.read_text() == str(digest):
                    path.unlink()
        self._inside(name, "manifests", digest).unlink(missing_ok=True)
        with contextlib.suppress(Error):
            found = parse(stored.raw, stored.media_type)
            subject = found.subject if isinstance(found, Manifest) else _subject(found)
            if subject is not None:
                self._referrer(name, subject.digest, digest).unlink(missing_ok=True)

    def delete_blob(self, name: str, digest: Digest) -> None:
        """Forget a blob of the repository; its bytes stay for other repositories."""
        self.blob(name, digest)
        self._inside(name, "blobs", digest).unlink(missing_ok=True)

    def _checked(self, name: str, raw: bytes, media_type: str) -> Manifest | Index:
        if traits(media_type).role not in ("manifest", "index"):
            raise WireError(codes.MANIFEST_INVALID, f"not a manifest's media type: {media_type[:100]!r}")
        try:
            found = parse(raw, media_type)
            named = found.document.get("mediaType")
            children = found.references
        except Error as error:
            raise WireError(codes.MANIFEST_INVALID, error.message) from None
        if named is not None and named != media_type:
            raise WireError(codes.MANIFEST_INVALID, f"it says {named!r}, but was sent as {media_type!r}")
        for child in children:
            if isinstance(found, Index):
                present = self._inside(name, "manifests", child.digest).exists() or self._has(name, child.digest)
            else:
                present = not traits(child.media_type).distributable or self._has(name, child.digest)
            if not present:
                raise WireError(codes.MANIFEST_BLOB_UNKNOWN, str(child.digest))
        return found

    def _refer(
        self, name: str, digest: Digest, subject: Digest, found: Manifest | Index, size: int, media_type: str
    ) -> None:
        document = found.document
        kind = str(document.get("artifactType") or "")
        if not kind and isinstance(found, Manifest):
            kind = found.config.media_type
        entry = Descriptor(media_type, digest, size, dict(document.get("annotations") or {}), None, kind)
        atomic.write(self._made(self._referrer(name, subject, digest)), json.dumps(entry.to_json()).encode())

    def _digest(self, name: str, reference: str) -> Digest:
        if ":" in reference:
            return self._parsed(reference)
        if not tag_valid(reference):
            raise WireError(codes.MANIFEST_UNKNOWN, reference[:140])
        try:
            return Digest.parse((self._repository(name) / "tags" / reference).read_text())
        except FileNotFoundError:
            code = codes.MANIFEST_UNKNOWN if self._repository(name).is_dir() else codes.NAME_UNKNOWN
            raise WireError(code, f"{name}:{reference}") from None

    @staticmethod
    def _parsed(text: str) -> Digest:
        try:
            return Digest.parse(text)
        except DigestInvalidError:
            raise WireError(codes.DIGEST_INVALID, text[:140]) from None

    def _blob(self, digest: Digest) -> Path:
        return self.root / "blobs" / digest.algorithm / digest.hex

    def _repository(self, name: str) -> Path:
        return self.root / "repositories" / name / "_"

    def _inside(self, name: str, kind: str, digest: Digest) -> Path:
        return self._repository(name) / kind / digest.algorithm / digest.hex

    def _referrer(self, name: str, subject: Digest, digest: Digest) -> Path:
        folder = self._repository(name) / "referrers" / f"{subject.algorithm}-{subject.hex}"
        return folder / f"{digest.algorithm}-{digest.hex}"

    def _has(self, name: str, digest: Digest) -> bool:
        return self._inside(name, "blobs", digest).exists()

    def _link(self, name: str, digest: Digest) -> None:
        self._made(self._inside(name, "blobs", digest)).touch()

    def _upload(self, upload: str) -> Path:
        if len(upload) != _UPLOAD_DIGITS or not upload.isalnum():
            raise WireError(codes.BLOB_UPLOAD_UNKNOWN, upload[:80])
        return self.root / "uploads" / upload

    @staticmethod
    def _made(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _full(self) -> contextlib.AbstractContextManager[None]:
        return atomic.disk_errors(self.root)


def _subject(index: Index) -> Descriptor | None:
    found = index.document.get("subject")
    return None if found is None else Descriptor.from_json(found)
