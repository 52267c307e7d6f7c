"""Where Dockyard keeps its files, by what the environment says. Little is imported: some commands begin with it."""

import os
from pathlib import Path


def data_folder() -> Path:
    """Where Dockyard keeps its store: `DOCKYARD_HOME`, or `dockyard` in the XDG data folder."""
    home = os.environ.get("DOCKYARD_HOME")
    if home:
        return Path(home).absolute()
    base = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    return Path(base) / "dockyard"


def config_file() -> Path:
    """The user's `config.toml`: `DOCKYARD_CONFIG`, or in the XDG configuration folder."""
    named = os.environ.get("DOCKYARD_CONFIG")
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Path(named) if named else Path(base) / "dockyard" / "config.toml"
