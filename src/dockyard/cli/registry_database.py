"""The database of a registry on this machine, for the commands that work on it directly, and what they share."""

import contextlib
import re
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dockyard.errors import UsageError

if TYPE_CHECKING:
    from dockyard.server.access.principal import Permission
    from dockyard.server.database import Database

_SPANS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@contextlib.contextmanager
def opened(storage: Path | None, config: Path | None) -> "Iterator[Database]":
    """The database, as `dockyard serve` with the same flags has it. Whoever can open it may do everything.

    Raises:
        DatabaseError, DatabaseAddressError, SettingsInvalidError: it cannot be opened.
    """
    from dockyard.cli import server_settings
    from dockyard.server.database import open_database

    settings = server_settings.settings(config, str(storage or ""))
    database = open_database(settings.database, settings.home, change=settings.auto_migrate)
    try:
        yield database
    finally:
        database.close()


def needed(text: str, what: str) -> str:
    """The text itself.

    Raises:
        UsageError: it is empty.
    """
    if not text:
        raise UsageError(f"no {what} given", hint="Run the command with --help to see what it takes.")
    return text


def new_password(*, stdin: bool) -> str:
    """A password, from standard input or typed twice.

    Raises:
        UsageError: there is neither, or what was typed differs.
    """
    if stdin:
        return sys.stdin.readline().rstrip("\n")
    if not sys.stdin.isatty():
        raise UsageError("no password", hint="Give it on standard input, with --password-stdin.")
    import getpass

    typed = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != typed:
        raise UsageError("the two passwords differ", hint="Run the command again.")
    return typed


def expiry(text: str) -> int | None:
    """When something that holds for `text`, such as 90d, ends, in milliseconds since 1970; None for no end.

    Raises:
        UsageError: it is no time.
    """
    if text in ("", "never"):
        return None
    match = re.fullmatch(r"(\d{1,6})([mhdw])", text)
    if match is None:
        raise UsageError(f"not a time: {text!r}", hint="Write it like 12h, 90d or 52w.")
    return int((time.time() + int(match[1]) * _SPANS[match[2]]) * 1000)


def day(at: int | None, otherwise: str = "never") -> str:
    """A time for people."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at / 1000)) if at else otherwise


def permissions(allow: Sequence[str]) -> "list[Permission]":
    """Permissions from texts such as `pull,push:team/web-*`; without a glob all repositories are meant.

    Raises:
        UsageError: there are none.
    """
    from dockyard.server.access.principal import Permission
    from dockyard.server.globs import listed

    found = []
    for each in allow:
        actions, _, globs = each.partition(":")
        patterns = tuple(listed(globs))
        found.append(Permission(patterns, frozenset(word for word in actions.split(",") if word)))
    if not found:
        raise UsageError("no permissions", hint="Add --allow pull,push:team/web, or --allow pull for all repositories.")
    return found


def written(allow: "Sequence[Permission]") -> str:
    """Permissions as `permissions` reads them."""
    return " ".join(f"{','.join(sorted(each.actions))}:{','.join(each.repositories)}" for each in allow)
