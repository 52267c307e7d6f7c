"""Passwords of key files: from the environment, as cosign has it, or asked for on a terminal."""

import os
import sys

from dockyard.errors import UsageError


class PasswordMissingError(UsageError):
    """A key file needs a password, and there is no terminal to ask for it on."""

    reference = "password-missing"
    hint = "Set COSIGN_PASSWORD; an empty one is written COSIGN_PASSWORD= before the command."


def password(*, confirm: bool = False) -> bytes:
    """The password: `COSIGN_PASSWORD`, or what is typed on the terminal."""
    given = os.environ.get("COSIGN_PASSWORD")
    if given is not None:
        return given.encode()
    if not sys.stdin.isatty():
        raise PasswordMissingError("no password for the private key")
    import getpass

    typed = getpass.getpass("Password for the private key: ")
    if confirm and getpass.getpass("Again: ") != typed:
        raise UsageError("the two passwords differ", hint="Run the command again.")
    return typed.encode()
