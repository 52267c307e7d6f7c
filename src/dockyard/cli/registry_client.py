"""A registry client built from the environment: `config.toml` and Docker's `config.json`."""

from pathlib import Path
from typing import TYPE_CHECKING

from dockyard._internal.proxy import Proxies
from dockyard.cli import context, folders
from dockyard.registry.client import Client
from dockyard.registry.credentials import Credentials

if TYPE_CHECKING:
    from dockyard.registry.settings import Settings


def credentials() -> Credentials:
    """The credentials that `docker login` keeps: in `DOCKER_CONFIG`, or `~/.docker`."""
    return Credentials(Path(folders.docker_config()))


def settings() -> "Settings | None":
    """The user's `config.toml`, if there is one."""
    path = context.config_file()
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    from dockyard.registry.settings import parse

    return parse(raw, str(path))


def client() -> Client:
    """A client with those settings and credentials."""
    return Client(settings(), credentials().get, Proxies.here())
