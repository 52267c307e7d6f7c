"""The owner that `--chown` and WORKDIR mean, by the image's own passwd and group files."""

from collections.abc import Callable

from dockyard.errors import UsageError
from dockyard.layers.tree import FileTree
from dockyard.runtime.user import whole_number

_MOST = 2**31 - 1


class OwnerUnknownError(UsageError):
    """--chown or USER names a user or group, but nobody can be found by name: with --link the image is not looked at,
    and in a stage on `scratch` nothing may be there yet.
    """

    reference = "owner-unknown"
    hint = "Name user and group by number."


def owner(text: str, tree: FileTree, warn: Callable[[str], None]) -> tuple[int, int]:
    """User and group number of `text`.

    A user that is written as a number gives its group the same number. A name that the image does not know is root, as
    BuildKit has it; `warn` is told. Numbers below 0 count from the end.
    """
    user, _, group = text.partition(":")
    uid = gid = _number(user)
    if uid is None:
        uid = gid = 0
        line = next((line for line in _lines(tree, "etc/passwd") if line[0] == user), None)
        if line is not None:
            uid, gid = (whole_number(each) or 0 for each in line[2:4])
        elif user:
            warn(f"the image has no user {user!r}: root owns it instead")
    if group:
        number = _number(group)
        if number is None:
            line = next((line for line in _lines(tree, "etc/group") if line[0] == group), None)
            if line is not None:
                return uid, whole_number(line[2]) or 0
            warn(f"the image has no group {group!r}: group {gid} owns it instead")
        gid = gid if number is None else number
    return uid, gid or 0


def by_number(text: str) -> bool:
    """Whether `text` needs no look at the image: it has numbers only, or root."""
    return all(_number(part) is not None for part in text.split(":", 1) if part)


def _number(text: str) -> int | None:
    if text == "root":
        return 0
    number = whole_number(text)
    if number is None or not -_MOST - 1 <= number <= _MOST:
        return None
    return 0 if number == -1 else number % 2**32  # to the kernel -1 means that the owner stays: root, who builds


def _lines(tree: FileTree, path: str) -> list[list[str]]:
    """The fields of each line; those that a line lacks are empty."""
    lines = (line.strip().split(":") for line in _read(tree, path).decode("utf-8", "surrogateescape").split("\n"))
    return [[*line, "", "", ""] for line in lines]


def _read(tree: FileTree, path: str) -> bytes:
    node = tree.get(path)
    return tree.read(path, limit=1 << 20) if node is not None and node.entry.kind == "file" else b""
