"""The key files that commands are given; what is wrong with one is told with its name."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from dockyard.errors import Error, UsageError

if TYPE_CHECKING:
    from dockyard.signing.keys import PrivateKey, PublicKey


def public_key(path: Path) -> "PublicKey":
    """The public key in the file.

    Raises:
        UsageError: there is no such file.
        KeyInvalidError: it holds no such key.
    """
    from dockyard.signing.keys import load_public

    with _named(path):
        return load_public(_read(path))


def public_text(path: Path) -> str:
    """The public key in the file as it is written there, once it was seen to be one.

    Raises:
        UsageError, KeyInvalidError: as `public_key`.
    """
    public_key(path)
    return _read(path).decode()


def private_key(path: Path, password: Callable[[], bytes]) -> "Callable[[], PrivateKey]":
    """What opens the private key in the file. The file is read at once; `password` is asked when the key is needed.

    Raises:
        UsageError: there is no such file.
        KeyInvalidError, PasswordWrongError: when it is opened.
    """
    pem = _read(path)

    def opened() -> "PrivateKey":
        from dockyard.signing.keys import load_private

        with _named(path):
            return load_private(pem, password())

    return opened


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except Error as error:
        error.context.setdefault("file", str(path))
        raise


def _read(path: Path) -> bytes:
    from dockyard.signing.keys import KEY_BYTES

    try:
        with open(path, "rb") as stream:
            return stream.read(KEY_BYTES + 1)  # one more, so that what is too large is seen to be
    except FileNotFoundError as error:
        raise UsageError(f"there is no key {path}", hint="Make one: dockyard keygen") from error
