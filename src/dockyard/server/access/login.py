"""From a name and a secret to who that is: passwords, robots' secrets, personal tokens, tokens of our own."""

import hashlib
import time
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Row, Table, select, update

from dockyard.server.access import secret, tokens, tries
from dockyard.server.access.keys import Keys
from dockyard.server.access.outsider import OnboardingRefusedError, Outsider, welcome
from dockyard.server.access.principal import Proof
from dockyard.server.access.reading import account_stamp, secret_stamp
from dockyard.server.access.tokens import Shown, TokenInvalidError
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.schema.accounts import ACCOUNT, PERSONAL, ROBOT
from dockyard.server.settings import Access

CREDENTIALS_S = 60.0
"""How long a secret that was right is not looked at again. Who it belongs to is: every second."""
_USED_MS = 5 * 60_000


class LoginRefusedError(Exception):
    """The secret is not that of anybody. Never leaves this folder."""


class TooManyTriesError(Exception):
    """There were too many failures before this one. Never leaves this folder."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"try again in {seconds} seconds")
        self.seconds = seconds


class Directory(Protocol):
    """Another system that checks passwords."""

    def check(self, name: str, password: str) -> Outsider | None:
        """Who that is there; None if the password is wrong or nobody is called so."""


@dataclass(frozen=True)
class Login:
    """Where secrets are checked.

    Attributes:
        database: has the accounts.
        keys: of our own tokens.
        settings: how many tries there are.
        directory: checks the passwords of those who have none here.
    """

    database: Database
    keys: Keys
    settings: Access
    directory: Directory | None = None

    def basic(self, name: str, value: str, address: str) -> Shown:
        """Who comes from `address` with this name and secret.

        Raises:
            LoginRefusedError: nobody; it is noted.
            TooManyTriesError: it is not even looked at.
        """
        if value.startswith("eyJ"):
            # A short-lived token in place of a password, for clients that know only those.
            return self.bearer(value, address)
        if name.startswith("robot+") or value.startswith(secret.PERSONAL):
            return self._machine(name, value, address)
        self.patient(name, address)
        try:
            return self._until(self._password(name, value))
        except LoginRefusedError:
            self.failed(name, address)
            raise

    def bearer(self, value: str, address: str) -> Shown:
        """Who shows this token: one of `/token`, a robot's secret, or a personal one.

        Raises:
            LoginRefusedError: nobody.
            TooManyTriesError: it is not even looked at.
        """
        if value.startswith((secret.PERSONAL, secret.ROBOT)):
            return self._machine("", value, address)
        try:
            return tokens.read(self.keys, self.settings.service, value)
        except TokenInvalidError as error:
            raise LoginRefusedError(str(error)) from error

    def failed(self, name: str, address: str) -> None:
        """Note a failure."""
        tries.failed(self.database, name, address, most=self.settings.tries, lock=self.settings.lock)

    def patient(self, name: str, address: str) -> None:
        """Pass if the account and the address may try.

        Raises:
            TooManyTriesError: not yet.
        """
        with self.database.read() as connection:
            seconds = tries.wait(connection, name, address)
        if seconds:
            raise TooManyTriesError(seconds)

    def _machine(self, name: str, value: str, address: str) -> Shown:
        """Who shows a robot's secret or a personal token.

        What has the form of one cannot be guessed: it locks nobody out, as somebody's jobs may go on with one that is
        over, and is let in also from where others guess. What has not that form is a guess like any other.
        """
        guess = not secret.formed(value)
        if guess:
            self.patient("", address)
        try:
            return self._until(
                self._personal(value, name) if value.startswith(secret.PERSONAL) else self._robot(name, value)
            )
        except LoginRefusedError:
            if guess:
                self.failed("", address)
            raise

    def _until(self, proof: Proof) -> Shown:
        return Shown(proof, None, time.time() + CREDENTIALS_S)

    def _robot(self, name: str, value: str) -> Proof:
        row = self._row(ROBOT, value)
        if row is None or (name and row.name != name) or row.disabled:
            raise LoginRefusedError("no such robot, or another secret")
        self._used(ROBOT, row)
        return Proof("robot", int(row.id), secret_stamp("robot", row))

    def _personal(self, value: str, name: str) -> Proof:
        row = self._row(PERSONAL, value)
        if row is None:
            raise LoginRefusedError("no such token")
        if name:
            query = select(ACCOUNT.c.id).where(ACCOUNT.c.name == name, ACCOUNT.c.id == row.account_id)
            with self.database.read() as connection:
                if connection.execute(query).first() is None:
                    raise LoginRefusedError("the token is somebody else's")
        self._used(PERSONAL, row)
        return Proof("personal", int(row.id), secret_stamp("personal", row))

    def _row(self, table: Table, value: str) -> Row[Any] | None:
        with self.database.read() as connection:
            row = connection.execute(select(table).where(table.c.hash == secret.hashed(value))).first()
        return None if row is None or (row.expires_at is not None and row.expires_at <= now()) else row

    def _used(self, table: Table, row: Row[Any]) -> None:
        at = now()
        if row.used_at is None or at - row.used_at > _USED_MS:
            self.database.write(
                lambda connection: connection.execute(update(table).where(table.c.id == row.id).values(used_at=at))
            )

    def _password(self, name: str, value: str) -> Proof:
        with self.database.read() as connection:
            row = connection.execute(select(ACCOUNT).where(ACCOUNT.c.name == name[:300])).first()
        outside = row is None or row.source == "ldap"
        if outside and self.directory is not None:
            person = self.directory.check(name, value) if value else None
            if person is not None:
                try:
                    proof, called = welcome(self.database, person)
                except OnboardingRefusedError as error:
                    raise LoginRefusedError(error.message) from error
                self.database.write(lambda connection: tries.forget(connection, called))
                return proof
            raise LoginRefusedError("the directory does not know that name with that password")
        try:
            right = secret.password_right(row.password if row is not None and row.source == "local" else None, value)
        except secret.PasswordsBusyError as error:
            raise TooManyTriesError(1) from error
        if row is None or not right or row.disabled:
            raise LoginRefusedError("no such account, or another password")
        number = row.id

        def work(connection: Any) -> None:
            tries.forget(connection, name)
            connection.execute(update(ACCOUNT).where(ACCOUNT.c.id == number).values(seen_at=now()))

        self.database.write(work)
        return Proof("account", int(number), account_stamp(row))


def fingerprint(header: str) -> bytes:
    """What is kept of an Authorization header in memory."""
    return hashlib.sha256(header.encode("utf-8", "surrogateescape")).digest()
