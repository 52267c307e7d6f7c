"""What the commands `dockyard registry …` take and show alike: names, numbers, passwords, ends, permissions, times."""

import re
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dockyard._internal import amounts
from dockyard.errors import UsageError

if TYPE_CHECKING:
    from dockyard.server.access.principal import Permission


def needed(text: str, what: str) -> str:
    """The text itself.

    Raises:
        UsageError: it is empty.
    """
    if not text:
        raise UsageError(f"no {what} given")
    return text


def repository(text: str) -> str:
    """The name of a repository.

    Raises:
        UsageError: nothing can be called so.
    """
    from dockyard.registry.protocol.request import name_valid

    if not name_valid(text):
        raise UsageError(
            f"not a repository's name: {text!r}",
            hint="Write it like shop/web: lower-case letters and digits, with . _ - between them, in parts between /.",
        )
    return text


def image_named(text: str) -> tuple[str, str]:
    """Repository and tag or digest of `shop/web:1.0` or `shop/web@sha256:…`.

    Raises:
        UsageError, DigestInvalidError: it is no image's name.
    """
    from dockyard.oci.digest import Digest
    from dockyard.registry.protocol.request import tag_valid

    name, at, reference = text.partition("@")
    if not at:
        name, _, reference = text.rpartition(":")
    if not name or not (at or tag_valid(reference)):
        raise UsageError(f"not an image: {text!r}", hint="Write it like shop/web:1.0 or shop/web@sha256:….")
    return repository(name), str(Digest.parse(reference)) if at else reference


def number(text: str, what: str) -> int:
    """A whole number.

    Raises:
        UsageError: it is none.
    """
    if not re.fullmatch(r"[0-9]{1,15}", text):
        raise UsageError(f"not a number of {what}: {text!r}")
    return int(text)


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
    return int((time.time() + amounts.seconds(text)) * 1000)


def moment(at: int | None, otherwise: str = "-") -> str:
    """A time, in milliseconds since 1970, for people."""
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
