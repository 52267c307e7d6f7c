"""The error tree.

Error                   exit 2  anything Dockyard refuses or cannot do; every message says what to do next
├── UsageError          exit 2  the words or the file given are wrong
├── PolicyError         exit 1  the facts are known and the answer is no
├── TransientError      exit 3  the same command may succeed later (network, disk, registry)
├── InconclusiveError   exit 4  the facts could not be had
└── RolledBackError     exit 5  a rollout failed and the old version serves again

Rooms define their own subclasses beside the code that raises them. A class has a `reference`, which is at once
the anchor in docs/errors.md, the JSON field and the thing to search for; its docstring is the paragraph there
(`make docs` writes the page, a test compares it).
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class Error(Exception):
    """Something Dockyard refuses or cannot do.

    Args:
        message: what happened, one sentence without a full stop at the end.
        context: the facts that locate it: file, line, digest, URL. Values become strings.
        hint: what to do next; defaults to the class's `hint`.
    """

    reference: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 2
    hint: str = ""

    def __init__(self, message: str, *, context: Mapping[str, object] | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.context: dict[str, str] = {key: str(value) for key, value in (context or {}).items()}
        if hint is not None:
            self.hint = hint

    def to_json(self) -> dict[str, Any]:
        """The error as `--json` prints it."""
        return {
            "error": {
                "reference": self.reference,
                "message": self.message,
                "context": self.context,
                "hint": self.hint,
                "exit_code": self.exit_code,
            }
        }


class UsageError(Error):
    """The command line, a configuration file or an argument is wrong."""

    reference = "usage"
    hint = "Run the command with --help to see what it takes."


class PolicyError(Error):
    """The facts about an image are known and the policy does not allow it."""

    reference = "policy-denied"
    exit_code = 1


class TransientError(Error):
    """The same command may succeed later: the network, a registry or the disk was at fault."""

    reference = "transient"
    exit_code = 3
    hint = "Run the same command again; what was finished is not done twice."


class InconclusiveError(Error):
    """The facts that a decision needs could not be had, so nothing was decided."""

    reference = "inconclusive"
    exit_code = 4


class RolledBackError(Error):
    """A rollout failed and the version that served before serves again."""

    reference = "rolled-back"
    exit_code = 5


class FileMissingError(Error):
    """A file or folder that a command was given, or keeps for itself, is not there."""

    reference = "file-missing"
    hint = "Check the path; it is relative to the current folder unless it begins with /."


class FileDeniedError(Error):
    """The system does not let this user read or write a file or folder, or its file system is read-only."""

    reference = "file-denied"
    hint = "Check its owner and mode. Dockyard keeps its own in DOCKYARD_HOME, ~/.local/share/dockyard by default."


class FileUnusableError(Error):
    """A path leads to something that cannot be used so: a folder for a file, a file for a folder, too long a name."""

    reference = "file-unusable"
    hint = "Check the path."


class DiskFullError(TransientError):
    """The disk that holds the store or the output has no room left; nothing half-written is left behind."""

    reference = "disk-full"
    hint = "Free some space (`dockyard rm` drops images you no longer need) and run the same command again."
