"""The owner that `--chown` and WORKDIR mean, by the image's own passwd and group files."""

from dockyard.build.fault import place
from dockyard.dockerfile.node import Node
from dockyard.errors import UsageError
from dockyard.layers.tree import FileTree
from dockyard.runtime.user import UserUnknownError, resolve_user


class OwnerUnknownError(UsageError):
    """--chown names a user or group that the image does not have."""

    reference = "owner-unknown"
    hint = "Make the user in an earlier step, or name it by number."


def owner(text: str, tree: FileTree, node: Node) -> tuple[int, int]:
    """User and group number of `text`.

    A user alone gives its group the same number when it is written as a number; a group alone belongs to root.

    Raises:
        OwnerUnknownError: the image does not know a name.
    """
    user, _, group_name = text.partition(":")
    if user.isdigit() and not group_name:
        return int(user), int(user)
    if not user:
        text = f"0:{group_name}"
    passwd, group = (_read(tree, path) for path in ("etc/passwd", "etc/group"))
    try:
        found = resolve_user(text, passwd, group)
    except UserUnknownError as error:
        raise OwnerUnknownError(error.message, context=place(node)) from error
    return found.uid, found.gid


def _read(tree: FileTree, path: str) -> bytes:
    node = tree.get(path)
    return tree.read(path, limit=1 << 20) if node is not None and node.entry.kind == "file" else b""
