"""What `dockyard lint` judges: the Dockerfile that the command line means, and the ignore file beside it."""

import sys
from pathlib import Path

from dockyard.dockerfile.fault import DockerfileInvalidError
from dockyard.dockerfile.ignore import IgnoreRules
from dockyard.dockerfile.names import near, within
from dockyard.errors import UsageError

STDIN = "<stdin>"


class DockerfileMissingError(UsageError):
    """There is no Dockerfile where one was expected, or it cannot be read."""

    reference = "dockerfile-missing"
    hint = "Name the file: dockyard lint path/to/Dockerfile, or the folder that holds it."


def folder(path: str, file: str) -> Path | None:
    """The folder that the build would take as its context, or None for standard input."""
    if file == "-" or (not file and path == "-"):
        return None
    where = Path(path)
    return where if where.is_dir() else where.parent


def read(path: str, file: str = "") -> tuple[str, bytes]:
    """The name and the bytes of the Dockerfile that the command line means.

    Raises:
        DockerfileMissingError: it is not there or cannot be read.
        TooLargeError: it is larger than any Dockerfile has to be.
    """
    from dockyard._internal.limits import DOCKERFILE_BYTES, read_bounded

    if file == "-" or (not file and path == "-"):
        return STDIN, read_bounded(sys.stdin.buffer, DOCKERFILE_BYTES, "the Dockerfile")
    where = Path(file) if file else Path(path)
    if not file and where.is_dir():
        where = within(where)
    try:
        with where.open("rb") as stream:
            return str(where), read_bounded(stream, DOCKERFILE_BYTES, str(where))
    except OSError as error:
        name = near(where) if isinstance(error, FileNotFoundError) else ""
        hint = f"Did you mean {name}? {DockerfileMissingError.hint}" if name else None
        said = f"cannot read {where}: {error.strerror or error}"
        raise DockerfileMissingError(said, context={"file": where}, hint=hint) from error


def ignore_rules(path: str, file: str) -> IgnoreRules | None:
    """The rules of the ignore file that a build would follow, or None where there is none."""
    from dockyard._internal.limits import DOCKERFILE_BYTES, read_bounded

    where = Path(path)
    context = where if where.is_dir() else where.parent
    dockerfile = Path(file) if file else within(where) if where.is_dir() else where
    for candidate in (dockerfile.with_name(f"{dockerfile.name}.dockerignore"), context / ".dockerignore"):
        if candidate.is_file():
            with candidate.open("rb") as stream:
                return IgnoreRules.parse(read_bounded(stream, DOCKERFILE_BYTES, str(candidate)))
    return None


def in_file(error: DockerfileInvalidError, name: str, raw: bytes) -> DockerfileInvalidError:
    """`error` with the file's name before its line, and the line itself as it stands in the file."""
    lines = raw.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    line = lines[error.line - 1].decode("utf-8", "replace").rstrip("\r") if 0 < error.line <= len(lines) else error.text
    placed = DockerfileInvalidError(error.bare_message, text=line, hint=error.hint)
    placed.message = f"{name}:{error.line}: {placed.message}" if error.line else f"{name}: {placed.message}"
    placed.line = error.line
    placed.context = {"file": name, **({"line": str(error.line)} if error.line else {}), **placed.context}
    return placed
