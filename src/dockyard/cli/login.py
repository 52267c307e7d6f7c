"""`dockyard login` and `logout`: credentials, kept where Docker keeps them."""

import sys
from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from dockyard.cli import report
from dockyard.errors import UsageError


def refuse(words: Sequence[str]) -> None:
    """Refuse a password among the words, where other users and the shell's history would see it.

    Raises:
        UsageError: there is one.
    """
    if any(word.partition("=")[0] in ("-p", "--password") for word in words):
        raise UsageError(
            "a password on the command line can be seen by others",
            hint="Give it on standard input: dockyard login REGISTRY -u NAME --password-stdin <FILE",
        )


def login(
    registry: str = "docker.io",
    /,
    *,
    username: Annotated[str, Parameter(name=["--username", "-u"])] = "",
    password_stdin: Annotated[bool, Parameter(negative="")] = False,
    json: bool = False,
) -> None:
    """Keep credentials for a registry, after trying them.

    Args:
        registry: its host, with port if it has one.
        username: asked for on a terminal if left out.
        password_stdin: read the password from standard input.
        json: print one JSON document.
    """
    import getpass

    from dockyard._internal.proxy import Proxies
    from dockyard.cli.registry_client import credentials, settings
    from dockyard.oci.reference import Reference
    from dockyard.registry.client import Client
    from dockyard.registry.credentials import Credential
    from dockyard.registry.transport import RegistryDeniedError

    if not username and not sys.stdin.isatty():
        raise UsageError("no user name", hint="Give it with --username, and the password with --password-stdin.")
    user = username or input("Username: ")
    if not password_stdin and not sys.stdin.isatty():
        raise UsageError("no password", hint="Give it on standard input, with --password-stdin.")
    password = sys.stdin.readline().rstrip("\n") if password_stdin else getpass.getpass()
    credential = Credential(user, password)
    try:
        Client(settings(), lambda _: credential, Proxies.here()).check(Reference(registry, "x"))
    except RegistryDeniedError as error:
        hint = "Check name and password; where passwords are not taken, use a token as the password."
        raise RegistryDeniedError(error.message, context=error.context, hint=hint) from error
    credentials().put(registry, credential)
    if json:
        report.result({"registry": registry, "username": user})
    else:
        print(f"logged in to {registry} as {user}")


def logout(registry: str = "docker.io", /, *, json: bool = False) -> None:
    """Forget credentials for a registry.

    Args:
        registry: its host, with port if it has one.
        json: print one JSON document.
    """
    from dockyard.cli.registry_client import credentials

    had = credentials().remove(registry)
    if json:
        report.result({"registry": registry, "removed": had})
    else:
        print(f"logged out of {registry}" if had else f"there were no credentials for {registry}")
