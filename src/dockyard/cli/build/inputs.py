"""What `dockyard build` is given: the context and the Dockerfile, wherever they come from."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from dockyard.errors import UsageError
from dockyard.progress import SILENT, Progress

if TYPE_CHECKING:
    from dockyard.build.options import Options, Origin
    from dockyard.build.packed import Packed
    from dockyard.layers.apply import Ids

_MOST_DOCKERFILE = 1 << 20
# The old way to name a repository without a scheme, which is still known.
_IMPLIED = "github.com/"


class Given(msgspec.Struct, frozen=True):
    """The context's folder, the Dockerfile where it is not the one in it, when the context was made, if it says, and
    what it came as.
    """

    path: Path
    dockerfile: Path | None
    made: int | None = None
    origin: "Origin" = "folder"

    def told(self, options: "Options") -> "Options":
        """`options` with what the context says of itself."""
        return replace(options, made=self.made, origin=self.origin)


@contextlib.contextmanager
def opened(folder: str, file: str, progress: Progress = SILENT, options: "Options | None" = None) -> Iterator[Given]:
    """The context and the Dockerfile; what was fetched or came from standard input is gone when the block ends. Of a
    build that is killed meanwhile, a later one throws it away.

    As with BuildKit, the files of a Git repository get the commit's time beside a SOURCE_DATE_EPOCH, and the argument
    BUILDKIT_CONTEXT_KEEP_GIT_DIR keeps its folder `.git`.

    Raises:
        UsageError: both are to come from standard input.
        git.GitError, ArchiveInvalidError, …: from fetching or unpacking the context.
    """
    if folder == "-" and file == "-":
        raise UsageError("context and Dockerfile cannot both come from standard input", hint="Give one as a path.")
    path = Path(folder)
    fetched = "://" in folder or ((folder.startswith(_IMPLIED) or "@" in folder) and not path.exists())
    if not fetched and "-" not in (folder, file):
        yield Given(path, Path(file) if file else None)
        return
    with _place() as root:
        made = None
        origin: Origin = "folder"
        dockerfile: Path | None = None
        if fetched or folder == "-":
            taken = _fetched(folder, root, progress, options) if fetched else _standard_input(root)
            path, dockerfile, made, origin = taken.folder, taken.dockerfile, taken.made, taken.origin
        if file == "-":
            dockerfile = root / "Dockerfile"
            dockerfile.write_bytes(sys.stdin.buffer.read(_MOST_DOCKERFILE + 1))
        elif file and not (fetched and dockerfile is not None):
            # Beside a context that was fetched, the file is one of its own; one that is a Dockerfile has no other.
            dockerfile = path / file if fetched or folder == "-" else Path(file)
        yield Given(path, dockerfile, made, origin)


@contextlib.contextmanager
def _place() -> Iterator[Path]:
    """A folder beside the other work of builds, as contexts may be larger than what holds temporary files."""
    from dockyard._internal import leftover
    from dockyard.build.tools import WORK
    from dockyard.cli import context

    with leftover.beside(context.data_folder() / WORK, folder=True) as (place, _):
        yield place


def _fetched(address: str, place: Path, progress: Progress, options: "Options | None") -> "Packed":
    from dockyard.build.check import TRUE
    from dockyard.build.packed import Packed, fetched
    from dockyard.build.sources import git
    from dockyard.build.sources.repository import parse
    from dockyard.cli import context

    repository = parse(f"https://{address}" if address.startswith(_IMPLIED) else address)
    cache = context.data_folder() / "cache"
    if repository is None and address.startswith(("http://", "https://")):
        (cache / "http").mkdir(parents=True, exist_ok=True)
        return fetched(address, place, cache / "http", progress, _ids())
    if repository is None:
        raise UsageError(
            f"{address} is no context",
            hint="Give a folder, a Git address like https://host/name.git#main, or the URL of a tar archive.",
        )
    given = options.build_args if options is not None else {}
    if (options is not None and options.epoch is not None) or given.get("SOURCE_DATE_EPOCH"):
        repository = replace(repository, mtime="commit")
    if given.get("BUILDKIT_CONTEXT_KEEP_GIT_DIR", "") in TRUE and repository.keep is None:
        repository = replace(repository, keep=True)
    found = git.checkout(repository, cache / "git", progress)
    return Packed(found.folder, None, found.made, "git")


def _standard_input(place: Path) -> "Packed":
    """Standard input as a context: a tar archive, plain or compressed, or else a Dockerfile beside an empty context."""
    import shutil

    from dockyard.build.packed import Packed, unpacked

    folder, beside = place / "context", place / "Dockerfile"
    folder.mkdir()
    with open(beside, "wb") as stream:
        shutil.copyfileobj(sys.stdin.buffer, stream)
    newest = unpacked(beside, folder, _ids())
    return Packed(folder, beside) if newest is None else Packed(folder, None, newest or None)


def _ids() -> "Ids":
    from dockyard.runtime import namespace

    return namespace.ids()


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
