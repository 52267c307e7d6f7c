"""Where Dockyard keeps its files, by what the environment says. Little is imported: some commands begin with it."""

import os

TYPE_CHECKING = False  # `typing` and `pathlib` take longer to load than what is done here
if TYPE_CHECKING:
    from pathlib import Path


def data_folder() -> "Path":
    """Where Dockyard keeps its store: `DOCKYARD_HOME`, or `dockyard` in the XDG data folder."""
    from pathlib import Path

    return Path(data_place())


def data_place() -> str:
    """The same as text, for whoever begins before paths are loaded."""
    home = os.environ.get("DOCKYARD_HOME")
    if home:
        return home if os.path.isabs(home) else os.path.join(os.getcwd(), home)
    return os.path.join(os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share"), "dockyard")


def config_file() -> "Path":
    """The user's `config.toml`: `DOCKYARD_CONFIG`, or in the XDG configuration folder."""
    from pathlib import Path

    named = os.environ.get("DOCKYARD_CONFIG")
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Path(named) if named else Path(base) / "dockyard" / "config.toml"


def docker_config() -> str:
    """Docker's file with credentials and proxies; it need not be there."""
    return os.path.join(os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker"), "config.json")
