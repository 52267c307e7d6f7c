"""What the environment tells a command: folders, configuration, the time to stamp."""

import os
from pathlib import Path

from dockyard.cli.folders import config_file as config_file  # noqa: PLC0414 (an export)
from dockyard.cli.folders import data_folder as data_folder  # noqa: PLC0414
from dockyard.content.layout import Layout
from dockyard.errors import UsageError
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.reference import Reference


class EpochInvalidError(UsageError):
    """SOURCE_DATE_EPOCH is not a whole number of seconds since 1970."""

    reference = "epoch-invalid"
    hint = "Set it to seconds since 1970, for example: SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)"


class DataFolderError(UsageError):
    """The folder in which Dockyard keeps images, cache and records cannot be made or written to, as where a home is
    read-only or not there.
    """

    reference = "data-folder-unwritable"
    hint = "Name one that you may write to: DOCKYARD_HOME=/path dockyard …"


def store() -> Layout:
    """The local store, made on first use: an OCI image layout that other tools can read.

    Raises:
        DataFolderError: its folder cannot be made.
    """
    folder = data_folder()
    try:
        return Layout(folder / "store", create=True)
    except OSError as error:
        raise DataFolderError(
            f"the data folder {folder} cannot be used: {error.strerror}", context={"file": error.filename}
        ) from error


def epoch() -> int | None:
    """`SOURCE_DATE_EPOCH` in seconds, or None where it is not set.

    Raises:
        EpochInvalidError: it is not a whole number.
    """
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if (text and not text.isascii()) or (text and not text.isdigit()):
        raise EpochInvalidError(f"SOURCE_DATE_EPOCH is {text!r}")
    return int(text) if text else None


def environment() -> dict[str, str]:
    """The environment's variables."""
    return dict(os.environ)


def ca_bundle() -> Path | None:
    """The file with certificates that RUN steps trust: `DOCKYARD_CA_BUNDLE`."""
    named = os.environ.get("DOCKYARD_CA_BUNDLE")
    return Path(named) if named else None


def enter_namespace() -> str:
    """Be root in a user namespace, unless this process is root: unpacked files have many owners.

    Called before anything has started a thread. Returns what was missing for subordinate IDs, if anything was.
    """
    from dockyard.runtime import namespace

    return namespace.enter()


def pairs(items: list[str] | None, flag: str) -> dict[str, str]:
    """`NAME=value` texts as a mapping; a bare NAME takes its value from the environment, if it has one there.

    Raises:
        UsageError: a text has no name.
    """
    found: dict[str, str] = {}
    for item in items or ():
        name, equals, value = item.partition("=")
        if not name:
            raise UsageError(f"{flag} {item!r} has no name", hint=f"Write {flag} NAME=value.")
        if equals:
            found[name] = value
        elif name in os.environ:
            found[name] = os.environ[name]
    return found


def resolve(reference: Reference) -> Descriptor:
    """What the store has under a name or digest.

    Raises:
        TagNotFoundError: nothing.
    """
    from dockyard.content.held import held
    from dockyard.content.layout import TagNotFoundError

    place = store()
    if reference.digest is None:
        return place.resolve(str(reference))
    found = held(place, reference.digest)
    if found is None:
        raise TagNotFoundError(f"no image {reference.familiar} in {place.path}", context={"name": reference})
    return found
