"""The owner that `--chown` and WORKDIR mean, by the image's own passwd and group files."""

import re
from collections.abc import Callable

from dockyard.errors import UsageError
from dockyard.layers.tree import FileTree

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
    BuildKit has it; `warn` is told.
    """
    user, _, group = text.partition(":")
    uid, gid = _numbers(user)
    if uid is None:
        uid = gid = 0
        for line in _lines(tree, "etc/passwd", 4):
            if line[0] == user:
                uid, gid = int(line[2]), int(line[3])
                break
        else:
            if user:
                warn(f"the image has no user {user!r}: root owns it instead")
    if group:
        number, _ = _numbers(group)
        if number is not None:
            return uid, number
        for line in _lines(tree, "etc/group", 3):
            if line[0] == group:
                return uid, int(line[2])
        warn(f"the image has no group {group!r}: group {gid} owns it instead")
    return uid, gid or 0


def by_number(text: str) -> bool:
    """Whether `text` needs no look at the image: it has numbers only, or root."""
    return all(_numbers(part)[0] is not None for part in text.split(":", 1) if part) and not text.startswith(":")


def _numbers(text: str) -> tuple[int | None, int | None]:
    if text == "root":
        return 0, 0
    number = int(text) if re.fullmatch(r"[+]?[0-9]{1,18}", text) else _MOST + 1
    return (number, number) if number <= _MOST else (None, None)


def _lines(tree: FileTree, path: str, fields: int) -> list[list[str]]:
    lines = (line.split(":") for line in _read(tree, path).decode("utf-8", "surrogateescape").splitlines())
    return [line for line in lines if len(line) >= fields and all(each.isdigit() for each in line[2:fields])]


def _read(tree: FileTree, path: str) -> bytes:
    node = tree.get(path)
    return tree.read(path, limit=1 << 20) if node is not None and node.entry.kind == "file" else b""
