"""Whether a container has the program that is to run in it."""

import os
import posixpath
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dockyard.errors import UsageError
from dockyard.layers.tree import FileTree


class ProgramMissingError(UsageError):
    """A shell or command was asked for in a container whose files do not have it: an image on `scratch` has none."""

    reference = "no-program-there"
    hint = "Name a program that is there after --, or stop by --target or --at where the files have a shell."


def lacking(document: Mapping[str, Any], tree: FileTree, changed: Path) -> str:
    """The program of a container's command where its files surely do not have it, else nothing.

    Args:
        document: the container's configuration.
        tree: the image's files.
        changed: the folder with what commands have changed of them.
    """
    process = document["process"]
    if not process["args"]:
        return ""
    program: str = process["args"][0]
    mounts = [each["destination"].rstrip("/") for each in document["mounts"]]
    folders = [process["cwd"]]
    if "/" not in program:
        path = next((each for each in process["env"] if each.startswith("PATH=")), "")
        folders = path.removeprefix("PATH=").split(":")
    for folder in folders:
        whole = posixpath.normpath(posixpath.join("/", folder, program))
        if tree.get(whole) is not None or any(f"{whole}/".startswith(f"{mount}/") for mount in mounts):
            return ""
        above, _, name = whole.rpartition("/")
        real = tree.get(above)
        for each in {above.lstrip("/"), real.path if real is not None else above.lstrip("/")}:
            if os.path.lexists(changed / each / name):
                return ""
    return program
