"""A registry on this machine, for the commands that work on it directly, whether it serves or not."""

import contextlib
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dockyard.errors import UsageError

if TYPE_CHECKING:
    from dockyard.server.house import House

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "p": 10**15}


@contextlib.contextmanager
def opened(storage: Path | None, config: Path | None) -> "Iterator[House]":
    """The registry's parts, as `dockyard serve` with the same flags has them; nothing of it is started.

    Raises:
        UsageError: there is no registry in the folder.
        DatabaseError, DatabaseAddressError, SettingsInvalidError: it cannot be opened.
    """
    from dockyard.cli import server_settings
    from dockyard.server.house import open_house

    settings = server_settings.settings(config, str(storage or ""))
    folder = settings.storage
    if "://" not in folder and not Path(folder).is_dir():
        raise UsageError(f"there is no registry in {folder}", hint="Name its folder with --storage or its --config.")
    house = open_house(settings)
    try:
        yield house
    finally:
        house.close()


def needed(text: str, what: str) -> str:
    """The text itself.

    Raises:
        UsageError: it is empty.
    """
    if not text:
        raise UsageError(f"no {what} given", hint="Run the command with --help to see what it takes.")
    return text


def number(text: str, what: str) -> int:
    """A whole number.

    Raises:
        UsageError: it is none.
    """
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise UsageError(f"not a number of {what}: {text!r}", hint="Run the command with --help to see what it takes.")
    return int(text)


def amount(text: str) -> int:
    """Bytes from a text such as 500MB or 10GB.

    Raises:
        UsageError: it is no size.
    """
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)\s*([kmgtp]?)i?b?", text.strip().lower())
    if match is None:
        raise UsageError(f"not a size: {text!r}", hint="Write it like 500MB or 10GB.")
    return int(float(match[1]) * _UNITS[match[2]])


def moment(at: int | None) -> str:
    """A time for people."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at / 1000)) if at else "-"
