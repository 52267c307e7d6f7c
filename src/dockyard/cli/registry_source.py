"""Where the verbs of `dockyard registry …` work: on a registry's own storage, or through the API of a server."""

import importlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from dockyard.errors import UsageError


def source(
    near: str,
    far: str,
    server: str,
    storage: Path | None,
    config: Path | None,
    *,
    house: bool = False,
    new: bool = False,
    begin: bool = False,
) -> tuple[Any, AbstractContextManager[Any]]:
    """The module with the verbs, and what opens that which they work on.

    Args:
        near: the module of `dockyard.server` that works on the storage.
        far: the module of `dockyard.cli.remote` that asks a server, with functions of the same names and arguments.
        server: asks this one; empty for the storage.
        storage: the registry's folder.
        config: the registry's settings.
        house: open the whole registry rather than its database.
        new: begin a registry's database at its usual place where there is none yet.
        begin: begin one in a folder that is named, too.

    Raises:
        UsageError: both a server and a storage are given.
    """
    if not server:
        from dockyard.cli import registry_here

        opened: AbstractContextManager[Any] = (
            registry_here.house(storage, config)
            if house
            else registry_here.database(storage, config, new=new, begin=begin)
        )
        return importlib.import_module(f"dockyard.server.{near}"), opened
    if storage is not None or config is not None:
        raise UsageError("a server and a storage", hint="Give either --server, or --storage and --config.")
    from dockyard.cli.remote.connection import connected

    return importlib.import_module(f"dockyard.cli.remote.{far}"), connected(server)


def refuse(words: Sequence[str]) -> None:
    """Pass unless a server is named to a command that works on the registry's own storage only.

    Raises:
        UsageError: one is.
    """
    if any(word.partition("=")[0] == "--server" for word in words):
        hint = "Run it where the registry is, with --storage or --config. docs/registry-api.md has what servers offer."
        raise UsageError("this command works on the registry's storage, not through a server", hint=hint)
