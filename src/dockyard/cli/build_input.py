"""What `dockyard build` is given: the context and the Dockerfile, wherever they come from."""

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dockyard.errors import UsageError
from dockyard.progress import SILENT, Progress

if TYPE_CHECKING:
    from dockyard.build.git import Checkout

_MOST_DOCKERFILE = 1 << 20
# The old way to name a repository without a scheme, which is still known.
_IMPLIED = "github.com/"


@dataclass(frozen=True)
class Given:
    """The context's folder, the Dockerfile where it is not the one in it, and when the context was made, if it says."""

    path: Path
    dockerfile: Path | None
    made: int | None = None


@contextlib.contextmanager
def opened(folder: str, file: str, progress: Progress = SILENT, *, dated: bool = False) -> Iterator[Given]:
    """The context and the Dockerfile; what came from standard input is gone when the block ends.

    `dated` gives the files of a Git repository the commit's time, as BuildKit does beside a SOURCE_DATE_EPOCH.

    Raises:
        UsageError: both are to come from standard input.
        git.GitError, ArchiveInvalidError, …: from fetching or unpacking the context.
    """
    if folder == "-" and file == "-":
        raise UsageError("context and Dockerfile cannot both come from standard input", hint="Give one as a path.")
    with tempfile.TemporaryDirectory(prefix="dockyard-context-") as place:
        root = Path(place)
        path = Path(folder)
        fetched = "://" in folder or ((folder.startswith(_IMPLIED) or "@" in folder) and not path.exists())
        made = None
        if fetched:
            found = _checkout(folder, progress, dated=dated)
            path, made = found.folder, found.made
        elif folder == "-":
            path = root / "context"
            path.mkdir()
            _unpacked(path)
        dockerfile: Path | None = None
        if file == "-":
            dockerfile = root / "Dockerfile"
            dockerfile.write_bytes(sys.stdin.buffer.read(_MOST_DOCKERFILE + 1))
        elif file:
            # Beside a context that was fetched, the file is one of its own.
            dockerfile = path / file if fetched or folder == "-" else Path(file)
        yield Given(path, dockerfile, made)


def _checkout(address: str, progress: Progress, *, dated: bool) -> "Checkout":
    from dockyard.build import git
    from dockyard.build.repository import parse
    from dockyard.cli import context

    repository = parse(f"https://{address}" if address.startswith(_IMPLIED) else address)
    if repository is None:
        raise UsageError(
            f"{address} is no context", hint="Give a folder, or a Git address like https://host/name.git#main"
        )
    if dated:
        repository = replace(repository, mtime="commit")
    return git.checkout(repository, context.data_folder() / "cache" / "git", progress)


def _unpacked(folder: Path) -> None:
    """Standard input as a context: a tar archive, plain or compressed, or else a Dockerfile alone."""
    import shutil

    from dockyard.build.unpack import archive_members

    beside = folder.with_name("standard-input")
    with open(beside, "wb") as stream:
        shutil.copyfileobj(sys.stdin.buffer, stream)
    members = archive_members(str(beside))
    if members is None:
        (folder / "Dockerfile").write_bytes(beside.read_bytes()[: _MOST_DOCKERFILE + 1])
        return
    from dockyard.content.layout import Layout
    from dockyard.layers.apply import apply
    from dockyard.layers.write import LayerWriter

    # Through a layer, so that unpacking is as careful as it is with images.
    with LayerWriter(Layout(folder.with_name("store"), create=True), compression="none") as writer:
        for entry, content in members:
            writer.add(entry, content if entry.kind == "file" else None)
        apply(writer.commit(), folder, whiteouts="apply")


def contexts(texts: list[str] | None) -> dict[str, str]:
    """`NAME=SOURCE` texts as a mapping.

    Raises:
        UsageError: one has no name or no source.
    """
    found = {}
    for text in texts or ():
        name, equals, source = text.partition("=")
        if not name or not equals or not source:
            raise UsageError(f"--build-context {text!r} is not of the form NAME=SOURCE")
        found[name] = source
    return found


def hosts(texts: list[str] | None) -> dict[str, str]:
    """`NAME:ADDRESS` or `NAME=ADDRESS` texts as a mapping.

    Raises:
        UsageError: one has no address, or one that is none.
    """
    import ipaddress

    found = {}
    for text in texts or ():
        name, _, address = text.partition("=" if "=" in text else ":")
        if name and address == "host-gateway":
            found[name] = address
            continue
        try:
            found[name] = str(ipaddress.ip_address(address.strip("[]")))
        except ValueError as error:
            raise UsageError(
                f"--add-host {text!r} has no address", hint="Write --add-host name:192.0.2.1 or name:host-gateway"
            ) from error
    return found
