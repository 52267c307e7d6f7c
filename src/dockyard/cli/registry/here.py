"""A registry on this machine, for the commands that work on it directly, whether it serves or not."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dockyard.errors import UsageError

if TYPE_CHECKING:
    from dockyard.server.database import Database
    from dockyard.server.instance import Instance
    from dockyard.server.settings import Settings


class RegistryMissingError(UsageError):
    """There is no registry in the folder that a command was told to work on, or none was ever served from here."""

    reference = "registry-missing"
    hint = (
        "Name its folder with --storage or its --config, or ask a server with --server. "
        "To begin one there, serve it, or make its first account: dockyard registry user add NAME --admin --new."
    )


@contextlib.contextmanager
def instance(storage: Path | None, config: Path | None, *, begin: bool = False) -> "Iterator[Instance]":
    """The registry's parts, as `dockyard serve` with the same flags has them; nothing of it is started.

    Args:
        storage: the registry's folder.
        config: the registry's settings.
        begin: begin a registry where there is none.

    Raises:
        RegistryMissingError: there is no registry in the folder.
        DatabaseError, DatabaseAddressError, SettingsInvalidError: it cannot be opened.
    """
    from dockyard.registry.interface import WireError
    from dockyard.server.instance import open_instance
    from dockyard.server.refused import refused

    found = open_instance(_settings(storage, config, new=begin))
    try:
        yield found
    except WireError as error:
        error.message, error.hint = refused(error)  # as a server's API would tell it
        raise
    finally:
        found.close()


@contextlib.contextmanager
def database(
    storage: Path | None, config: Path | None, *, new: bool = False, begin: bool = False
) -> "Iterator[Database]":
    """The registry's database, as `dockyard serve` with the same flags has it. Whoever can open it may do everything.

    Args:
        storage: the registry's folder.
        config: the registry's settings.
        new: begin a registry at its usual place, or where its settings say, if there is none: accounts can be made
            before it serves for the first time. A folder that was typed may have been mistyped.
        begin: begin one there, too.

    Raises:
        RegistryMissingError: there is no registry in the folder.
        DatabaseError, DatabaseAddressError, SettingsInvalidError: it cannot be opened.
    """
    from dockyard.server.database import open_database

    settings = _settings(storage, config, new=begin or (new and storage is None))
    found = open_database(settings.database, settings.home, change=settings.auto_migrate)
    try:
        yield found
    finally:
        found.close()


def _settings(storage: Path | None, config: Path | None, *, new: bool = False) -> "Settings":
    from dockyard.cli import server_settings

    settings = server_settings.settings(config, str(storage or ""))
    if not new:
        demand(settings)
    return settings


def demand(settings: "Settings") -> None:
    """Pass if there is a registry, as far as a folder says: object storage and PostgreSQL are not asked.

    Raises:
        RegistryMissingError: there is none.
    """
    from dockyard.server.database import FILE

    there = Path(settings.storage).is_dir() if settings.database else (settings.home / FILE).is_file()
    if "://" not in settings.storage and not there:
        raise RegistryMissingError(f"there is no registry in {settings.storage}")
