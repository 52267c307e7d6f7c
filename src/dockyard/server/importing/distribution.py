"""The storage folder of Docker's distribution, which Harbor uses, too.

    docker/registry/v2/blobs/<algorithm>/<first two digits>/<hex>/data
    docker/registry/v2/repositories/<name>/_manifests/revisions/<algorithm>/<hex>/link
    docker/registry/v2/repositories/<name>/_manifests/tags/<tag>/current/link
    docker/registry/v2/repositories/<name>/_layers/<algorithm>/<hex>/link

A link is a small file with a digest in it. Nothing here writes.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dockyard.errors import UsageError
from dockyard.oci.digest import Digest, DigestInvalidError
from dockyard.registry.protocol.request import tag_valid

_ROOT = Path("docker", "registry", "v2")
_MOST_LINK = 1024
_DEEPEST = 64


class ImportFolderError(UsageError):
    """A folder is not one in which Docker's distribution or Harbor keep their images."""

    reference = "import-folder"
    hint = "Name the folder that is `rootdirectory` in the registry's configuration: it has docker/registry/v2 in it."


@dataclass(frozen=True)
class Source:
    """A storage folder, from `open_source`."""

    root: Path

    def repositories(self) -> Iterator[str]:
        """The names of the repositories that have manifests, in order; what is no valid name may be among them."""
        yield from self._below(self.root / "repositories", "", 0)

    def revisions(self, name: str) -> list[Digest]:
        """The manifests of a repository. One that was deleted has no link any more; what a link says is in its folder's
        name, too, so that an empty one, as a crash leaves it, is as good.
        """
        found = []
        folder = self.root / "repositories" / name / "_manifests" / "revisions"
        for algorithm in _names(folder):
            for encoded in _names(folder / algorithm):
                try:
                    digest = Digest(algorithm, encoded)
                except DigestInvalidError:
                    continue
                if _size(folder / algorithm / encoded / "link") is not None:
                    found.append(digest)
        return sorted(found)

    def tags(self, name: str) -> dict[str, Digest | None]:
        """The tags of a repository and where they point; None where that cannot be read, or the name is no tag's."""
        folder = self.root / "repositories" / name / "_manifests" / "tags"
        return {tag: _link(folder / tag / "current" / "link") if tag_valid(tag) else None for tag in _names(folder)}

    def blob(self, digest: Digest) -> Path:
        """Where a blob's bytes would be."""
        return self.root / "blobs" / digest.algorithm / digest.hex[:2] / digest.hex / "data"

    def size(self, digest: Digest) -> int | None:
        """How many bytes a blob's file has; None where there is none that can be read."""
        return _size(self.blob(digest))

    def _below(self, folder: Path, name: str, depth: int) -> Iterator[str]:
        for each in _names(folder):
            if each.startswith("_"):
                continue
            inner = f"{name}/{each}" if name else each
            if (folder / each / "_manifests").is_dir():
                yield inner
            if depth < _DEEPEST:
                yield from self._below(folder / each, inner, depth + 1)


def open_source(folder: Path) -> Source:
    """The storage in `folder`, which may be the root directory or `docker/registry/v2` in it.

    Raises:
        ImportFolderError: there is none.
    """
    for root in (folder / _ROOT, folder):
        if (root / "repositories").is_dir() and (root / "blobs").is_dir():
            return Source(root)
    raise ImportFolderError(f"{folder} has no docker/registry/v2 with blobs and repositories")


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(each.name for each in entries if each.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _size(path: Path) -> int | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None  # whoever opens a pipe waits for ever


def _link(path: Path) -> Digest | None:
    if _size(path) is None:
        return None
    try:
        with open(path, "rb") as stream:
            return Digest.parse(stream.read(_MOST_LINK).decode("ascii").strip())
    except (OSError, UnicodeDecodeError, DigestInvalidError):
        return None
