"""Secrets of machines: long, random, with a beginning that says what they are; and passwords of people."""

import hashlib
import hmac
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import BoundedSemaphore
from typing import Any

from dockyard.errors import UsageError

PERSONAL, ROBOT, REFRESH = "dyp_", "dyr_", "dyf_"
_FORM = re.compile(r"dy[prf]_[A-Za-z0-9_-]{43}")
_SHORTEST, _LONGEST = 8, 1024
MEMORY_KIB, PASSES = 19_456, 2  # of argon2id: OWASP's least
# Each check takes 19 MiB for some tens of milliseconds, and its thread keeps them: one thread does all, so that
# strangers do not make the process large. Few may wait for it, so that they do not hold up everything else.
_WAITING = BoundedSemaphore(3)
_PATIENCE_S = 2.0


class PasswordsBusyError(Exception):
    """Too many passwords wait to be checked. Never leaves this folder."""


class PasswordWeakError(UsageError):
    """A password is too short, or longer than anybody types."""

    reference = "password-weak"
    hint = f"Take at least {_SHORTEST} characters; a sentence is good."


def made(prefix: str) -> tuple[str, str]:
    """A new secret and its hash."""
    secret = prefix + secrets.token_urlsafe(32)
    return secret, hashed(secret)


def formed(secret: str) -> bool:
    """Whether that may be a secret made here: then nobody can have guessed it, right or wrong."""
    return _FORM.fullmatch(secret) is not None


def hashed(secret: str) -> str:
    """What is kept of a long random secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two hashes are the same, in a time that does not tell where they differ."""
    return hmac.compare_digest(one, other)


def stamp(*parts: object) -> str:
    """A short text that changes when one of the parts does."""
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "surrogateescape")).hexdigest()[:20]


def password_hash(password: str) -> str:
    """What is kept of a password (argon2id with `MEMORY_KIB` and `PASSES`).

    Raises:
        PasswordWeakError: it is shorter than eight characters, or longer than 1024.
    """
    if not _SHORTEST <= len(password) <= _LONGEST:
        raise PasswordWeakError(f"the password has {len(password)} characters")
    return str(_hasher(MEMORY_KIB, PASSES).hash(password))


def password_right(kept: str | None, password: str) -> bool:
    """Whether `password` is the one that `kept` was made from. Without `kept` it is not, in the same time.

    Raises:
        PasswordsBusyError: it was not looked at.
    """
    if len(password) > _LONGEST:
        return False
    if not _WAITING.acquire(timeout=_PATIENCE_S):
        raise PasswordsBusyError("too many passwords wait to be checked")
    try:
        return _bench().submit(_verified, kept or _nobodys(MEMORY_KIB, PASSES), password).result() and kept is not None
    finally:
        _WAITING.release()


def _verified(kept: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return bool(_hasher(MEMORY_KIB, PASSES).verify(kept, password))
    except (VerificationError, InvalidHashError):
        return False


@cache
def _bench() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "passwords")


@cache
def _hasher(memory: int, passes: int) -> Any:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=1)


@cache
def _nobodys(memory: int, passes: int) -> str:
    return str(_hasher(memory, passes).hash(secrets.token_hex(16)))
