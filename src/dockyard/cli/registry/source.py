"""Where the verbs of `dockyard registry …` work: on a registry's own storage, or through the API of a server."""

import importlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from dockyard.errors import UsageError


@dataclass(frozen=True)
class Place:
    """The registry that a command works on: by its storage, or, where a server is named, through that one's API.

    Attributes:
        server: a registry's server, whose API is asked with the credentials of `dockyard login`.
        storage: the registry's folder, as for `dockyard serve`.
        config: the registry's settings, as for `dockyard serve`.
    """

    server: str = ""
    storage: Path | None = None
    config: Path | None = None

    def verbs(self, near: str, far: str) -> Any:
        """The module with the verbs, which take what `database` or `instance` opens.

        Args:
            near: the module of `dockyard.server` that works on the storage.
            far: the module of `dockyard.cli.registry.remote` that asks a server, with functions of the same names and
                arguments.

        Raises:
            UsageError: both a server and a storage are given.
        """
        self._judge()
        return importlib.import_module(
            f"dockyard.cli.registry.remote.{far}" if self.server else f"dockyard.server.{near}"
        )

    def database(self, *, new: bool = False, begin: bool = False) -> AbstractContextManager[Any]:
        """Open the registry's database, or what asks the server in its place.

        Args:
            new: begin one at its usual place where there is none yet.
            begin: begin one in a folder that is named, too.

        Raises:
            UsageError: both a server and a storage are given.
            RegistryMissingError, …: as `here.database`.
        """
        from dockyard.cli.registry import here

        if self.server:
            return self._connected()
        return here.database(self.storage, self.config, new=new, begin=begin)

    def instance(self) -> AbstractContextManager[Any]:
        """Open the whole registry, or what asks the server in its place.

        Raises:
            UsageError: both a server and a storage are given.
            RegistryMissingError, …: as `here.instance`.
        """
        from dockyard.cli.registry import here

        return self._connected() if self.server else here.instance(self.storage, self.config)

    def _connected(self) -> AbstractContextManager[Any]:
        from dockyard.cli.registry.remote.connection import connected

        self._judge()
        return connected(self.server)

    def _judge(self) -> None:
        if self.server and (self.storage is not None or self.config is not None):
            raise UsageError("a server and a storage", hint="Give either --server, or --storage and --config.")


HERE = Place()
"""The registry in the data folder."""
At = Annotated[Place, Parameter(name="*")]
"""`--server`, `--storage` and `--config`."""


def refuse(words: Sequence[str]) -> None:
    """Pass unless a server is named to a command that works on the registry's own storage only.

    Raises:
        UsageError: one is.
    """
    if any(word.partition("=")[0] == "--server" for word in words):
        hint = "Run it where the registry is, with --storage or --config. docs/registry-api.md has what servers offer."
        raise UsageError("this command works on the registry's storage, not through a server", hint=hint)
