"""A context that comes as a file: a tar archive, from a URL or standard input, or a Dockerfile alone."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from dockyard._internal import redact
from dockyard._internal.limits import DOCKERFILE_BYTES
from dockyard.build.fault import ContextUnreadableError
from dockyard.build.options import Origin
from dockyard.build.sources.download import download
from dockyard.build.sources.unpack import archive_members
from dockyard.content.layout import Layout
from dockyard.layers.apply import Ids, apply
from dockyard.layers.write import LayerWriter
from dockyard.progress import Progress

# What BuildKit calls the one file of a context that is no archive.
_ALONE = "context"


@dataclass(frozen=True)
class Packed:
    """A context that was laid out: its folder, the Dockerfile where it is not the one in it, its time, what it was.

    The time is its server's, or else that of the newest file in an archive.
    """

    folder: Path
    dockerfile: Path | None = None
    made: int | None = None
    origin: Origin = "archive"


def fetched(url: str, place: Path, cache: Path, progress: Progress, ids: Ids = "all") -> Packed:
    """The context at `url`, laid out below `place`, as BuildKit takes it.

    An archive is unpacked; its Dockerfile is looked for in it. Anything else is a Dockerfile, and the only file of the
    context, under the name `context`.

    Args:
        url: http or https.
        place: an empty folder.
        cache: keeps what was fetched.
        progress: gets a task.
        ids: which owners can be given to files here.

    Raises:
        DownloadError, UrlRefusedError: it cannot be fetched.
        ArchiveInvalidError, ArchiveBombError, ArchiveEscapeError: the archive is damaged or hostile.
        ContextUnreadableError: it is no archive, and too large for a Dockerfile.
    """
    found = download(url, cache, "", {}, progress)
    folder = place / "context"
    folder.mkdir()
    newest = unpacked(found.path, folder, ids)
    made = found.mtime or newest or None
    if newest is not None:
        return Packed(folder, None, made)
    if found.size > DOCKERFILE_BYTES:
        raise ContextUnreadableError(
            f"{redact.url(url)} is neither a tar archive nor a Dockerfile",
            context={"url": redact.url(url), "size": found.size},
            hint="Give the URL of a tar archive, of a Dockerfile, or of a Git repository that ends in .git.",
        )
    file = folder / _ALONE
    shutil.copyfile(found.path, file)
    file.chmod(0o600)
    os.utime(file, (found.mtime, found.mtime))
    return Packed(folder, file, made)


def unpacked(path: Path, folder: Path, ids: Ids = "all") -> int | None:
    """Unpack the archive at `path` into `folder`; the time of the newest file in it, or None where it is no archive.

    Raises:
        ArchiveInvalidError, ArchiveBombError, ArchiveEscapeError: it is damaged or hostile.
    """
    members = archive_members(str(path))
    if members is None:
        return None
    newest = 0
    # Through a layer, so that unpacking is as careful as it is with images.
    with LayerWriter(Layout(folder.with_name("store"), create=True), compression="none") as writer:
        for entry, content in members:
            if entry.kind == "file":
                newest = max(newest, entry.mtime)
            writer.add(entry, content if entry.kind == "file" else None)
        apply(writer.commit(), folder, whiteouts="apply", ids=ids)
    return newest
