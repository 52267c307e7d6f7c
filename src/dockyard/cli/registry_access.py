"""A registry client built from the environment: `config.toml` and Docker's `config.json`."""

import os
from pathlib import Path

from dockyard.cli import context
from dockyard.registry.client import Client
from dockyard.registry.credentials import Credentials
from dockyard.registry.settings import Settings, parse


def credentials() -> Credentials:
    """The credentials that `docker login` keeps: in `DOCKER_CONFIG`, or `~/.docker`."""
    folder = os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    return Credentials(Path(folder) / "config.json")


def settings() -> Settings:
    """The user's `config.toml`; empty where there is none."""
    path = context.config_file()
    try:
        return parse(path.read_bytes(), str(path))
    except FileNotFoundError:
        return Settings()


def client() -> Client:
    """A client with those settings and credentials."""
    return Client(settings(), credentials().get)
