"""Paths of Windows images: backslashes, and a drive that can only be C:."""

import posixpath

from dockyard.build.fault import place
from dockyard.dockerfile.node import Node
from dockyard.errors import UsageError


class DriveInvalidError(UsageError):
    """A path in a Windows image is on another drive than C:, on another machine, or names a drive alone."""

    reference = "drive-invalid"
    hint = r"Write a path like C:\app or /app."


def forward(path: str, node: Node) -> str:
    """A path of a Windows image with slashes and without its drive; a slash at its end stays.

    Raises:
        DriveInvalidError: it is not on the drive C:, or nothing more than that.
    """
    slashed = path.replace("\\", "/")
    drive, colon, rest = slashed.partition(":")
    if slashed.startswith("//") or (colon and (drive.lower() != "c" or not rest)):
        raise DriveInvalidError(f"{path} is not on the drive C:", context=place(node))
    kept = rest if colon else slashed
    end = "/" if kept.endswith("/") and posixpath.normpath(kept) != "/" else ""
    return posixpath.normpath(kept) + end if kept else kept


def backward(path: str) -> str:
    """A path as the configuration of a Windows image has it."""
    return path.replace("/", "\\")
