"""One request for a page: who asks, for what, with which form."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dockyard.errors import Error, UsageError
from dockyard.registry.app.call import Call
from dockyard.server.access.principal import AccessDeniedError, Principal, allowed, may, require
from dockyard.server.globs import listed
from dockyard.server.web.desk import Desk

_LONGEST_TYPED = 100_000
_MOST_DIGITS = 15


class FieldInvalidError(UsageError):
    """A field of a form has a value that cannot be used."""

    reference = "form-field"
    hint = "Mend the field and send the form again."


@dataclass
class Visit:
    """A request.

    Attributes:
        desk: what pages work with.
        call: the request itself.
        who: asks, with the rights of this moment.
        public: the public projects.
        open: whether there are no accounts, so that everybody on this machine may do everything.
        secret: what this browser's form tokens are made of.
        session: the text of the session's cookie; empty without a login.
        places: what the address names.
        form: the fields of the form, if one was sent.
        problem: why the form was refused, shown with the page.
        notice: what was done, shown with the page once.
    """

    desk: Desk
    call: Call
    who: Principal
    public: frozenset[str]
    open: bool = False
    secret: str = ""
    session: str = ""
    places: Sequence[str] = ()
    form: dict[str, list[str]] = field(default_factory=dict)
    problem: Error | None = None
    notice: str = ""

    @property
    def anonymous(self) -> bool:
        """Whether nobody is logged in."""
        return self.who.proof.kind == "anonymous"

    def can(self, project: str, resource: str, action: str) -> bool:
        """What `allowed` says; an empty project is the whole system."""
        return allowed(self.who, project, resource, action)

    def demand(self, project: str, resource: str, action: str) -> None:
        """Pass if `can`.

        Raises:
            AccessDeniedError: it may not.
        """
        require(self.who, project, resource, action)

    def may(self, repository: str, action: str = "pull") -> bool:
        """What the registry's guard would say of a pull, push or delete."""
        return may(self.who, repository, action, self.public)

    def demand_repository(self, repository: str, action: str = "pull") -> None:
        """Pass if `may`.

        Raises:
            AccessDeniedError: it may not.
        """
        if not self.may(repository, action):
            raise AccessDeniedError(f"{self.who.name} may not {action} {repository[:255]}")

    def query(self, name: str, most: int = 255) -> str:
        """A parameter of the address, cut off where it is too long; without zero bytes, as databases have no room."""
        return self.call.query(name)[:most].replace("\0", "").strip()

    def text(self, name: str, most: int = 1000) -> str:
        """A field of the form, without blanks around it; empty where it is not there.

        Raises:
            FieldInvalidError: it is longer than `most`, or has characters that cannot be shown.
        """
        found = self.form.get(name, [""])[0].strip()
        if len(found) > most or "\0" in found:
            raise FieldInvalidError(f"{name} is too long or has odd characters")
        return found

    def secret_text(self, name: str) -> str:
        """A password from the form, as it was typed."""
        return self.form.get(name, [""])[0]

    def checked(self, name: str) -> bool:
        """Whether a box was ticked."""
        return bool(self.form.get(name))

    def several(self, name: str) -> list[str]:
        """The words of a field, which blanks, lines or commas outside of braces separate."""
        return listed(self.text(name, 20_000))

    def whole(self, name: str, otherwise: int = 0) -> int:
        """A whole number from the form, of 15 digits at most: every database has room for that.

        Raises:
            FieldInvalidError: it is none.
        """
        found = self.text(name)
        if not found:
            return otherwise
        if not found.isascii() or not found.isdigit() or len(found) > _MOST_DIGITS:
            raise FieldInvalidError(f"{name}: not a whole number: {found[:20]!r}")
        return int(found)

    def day(self, name: str) -> int | None:
        """The end of a day (UTC) in milliseconds since 1970; None where no day was given.

        Raises:
            FieldInvalidError: it is no day, or lies in the past.
        """
        found = self.text(name, 20)
        if not found:
            return None
        try:
            at = datetime.strptime(found, "%Y-%m-%d").replace(tzinfo=UTC, hour=23, minute=59, second=59)
        except ValueError:
            raise FieldInvalidError(f"{name}: not a day: {found!r}", hint="Write it like 2027-01-31.") from None
        if at < datetime.now(UTC):
            raise FieldInvalidError(f"{name}: {found} is over")
        return int(at.timestamp() * 1000)

    def was(self, name: str, otherwise: object = "") -> str:
        """What was typed into a field before the form was refused."""
        typed = self.form.get(name) if self.problem is not None else None
        return typed[0][:_LONGEST_TYPED] if typed else str(otherwise)
