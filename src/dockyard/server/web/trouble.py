"""What can be wrong with a request for a page, and the status that each error is shown with."""

from dockyard.errors import DiskFullError, Error, TransientError, UsageError
from dockyard.registry.interface import WireError
from dockyard.server.access.naming import UnknownNameError
from dockyard.server.access.principal import AccessDeniedError
from dockyard.server.rules.project import ProjectUnknownError
from dockyard.server.web.form import FormRefusedError


class PageUnknownError(UsageError):
    """There is no such page, or no such thing in the registry as its address names."""

    reference = "page-unknown"
    hint = "Look for it from the list of projects."


class NotAllowedMethodError(UsageError):
    """A page was asked for with a method that pages do not have."""

    reference = "page-method"
    hint = "Use GET to look and the page's forms to change something; programs use the API."


class ForeignHostError(UsageError):
    """The registry has no accounts and was addressed by a name other than localhost: another site may be behind it."""

    reference = "page-host"
    hint = "Open it as http://localhost:PORT/, or make an account: dockyard registry user add NAME --admin."


class LoginNeededError(UsageError):
    """The name or the password is wrong, or the account cannot log in to the pages."""

    reference = "page-login"
    hint = "Log in with an account's password; robots' secrets and personal tokens are for command lines."


class LoginWaitError(UsageError):
    """There were too many wrong passwords; a little time has to pass."""

    reference = "page-login-wait"
    hint = "Wait that long, or let a system admin end the wait with `dockyard registry lockout lift`."


_STATUS: tuple[tuple[type[Error], int], ...] = (
    (AccessDeniedError, 403),
    (FormRefusedError, 403),
    (ForeignHostError, 421),
    (PageUnknownError, 404),
    (UnknownNameError, 404),
    (ProjectUnknownError, 404),
    (NotAllowedMethodError, 405),
    (LoginNeededError, 401),
    (LoginWaitError, 429),
    (DiskFullError, 507),
    (TransientError, 503),
    (UsageError, 400),
)


def status(error: Error) -> int:
    """The HTTP status of the page that shows the error."""
    if isinstance(error, WireError):
        return error.code.status
    return next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
