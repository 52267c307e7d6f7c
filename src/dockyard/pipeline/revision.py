"""The Git revision of a folder, which is the tag where none is given."""

import subprocess
from pathlib import Path

from dockyard.errors import UsageError


class TagMissingError(UsageError):
    """No tag was given, and the folder's Git revision cannot stand for one."""

    reference = "tag-missing"
    hint = "Give one: dockyard ship --tag 1.0.0"


def revision(folder: Path) -> str:
    """The first 12 digits of the commit that is checked out.

    Raises:
        TagMissingError: `folder` is in no Git work tree, or has changes that no commit names.
    """
    head = _git(folder, "rev-parse", "--short=12", "HEAD")
    if not head:
        raise TagMissingError("no tag was given and this is no Git work tree with a commit")
    if _git(folder, "status", "--porcelain", "--", "."):
        raise TagMissingError("no tag was given and the folder has changes that are not committed")
    return head


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
