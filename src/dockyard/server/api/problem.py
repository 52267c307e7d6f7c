"""Errors as the API tells them: one JSON form, with the reference under which docs/errors.md explains each."""

import logging
from collections.abc import Mapping

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from dockyard.errors import Error, PolicyError, TransientError, UsageError
from dockyard.registry.interface import WireError
from dockyard.registry.protocol import codes
from dockyard.server.access.naming import NameTakenError, UnknownNameError
from dockyard.server.access.principal import AccessDeniedError, allowed
from dockyard.server.access.projects import ProjectNotEmptyError
from dockyard.server.access.users import LastAdminError
from dockyard.server.api.visit import Visit
from dockyard.server.api.words import FORMS
from dockyard.server.refused import refused
from dockyard.server.replication.endpoints import EndpointUnknownError, EndpointUsedError
from dockyard.server.replication.rules import ReplicationRuleUnknownError
from dockyard.server.replication.runs import ReplicationRunUnknownError
from dockyard.server.replication.within import CopyTakenError
from dockyard.server.rules.labels import LabelTakenError, LabelUnknownError
from dockyard.server.rules.project import ProjectUnknownError
from dockyard.server.rules.tag_rules import ProjectRuleUnknownError
from dockyard.server.trust.exempting import ExemptionUnknownError
from dockyard.server.webhooks.kept import WebhookUnknownError
from dockyard.server.webhooks.log import DeliveryUnknownError

_LOG = logging.getLogger("dockyard.api")
_MISSING = (
    UnknownNameError,
    ProjectUnknownError,
    ProjectRuleUnknownError,
    LabelUnknownError,
    ExemptionUnknownError,
    WebhookUnknownError,
    DeliveryUnknownError,
    ReplicationRuleUnknownError,
    ReplicationRunUnknownError,
    EndpointUnknownError,
)
_CONFLICTS = (NameTakenError, LabelTakenError, ProjectNotEmptyError, LastAdminError, EndpointUsedError, CopyTakenError)
_LONGEST = 1000


class RequestInvalidError(UsageError):
    """A request to the API is not of the form that its OpenAPI document says: an odd parameter, an unknown field, a
    body that is no JSON or too long.
    """

    reference = "request-invalid"
    hint = "/api/openapi.json has the parameters and fields of every operation."


class CrossOriginError(PolicyError):
    """A browser sent this request for a page of another site, or without the token that shows that it did not."""

    reference = "cross-origin"
    hint = "Send the session's token, which /api/v1/me gives, as X-CSRF-Token; or use a personal token instead."


class LoginNeededError(PolicyError):
    """The request came without a login, and not everybody may do this."""

    reference = "login-needed"
    hint = "Log in with a password, a personal token or a robot's secret (Basic), or with a token from /token (Bearer)."


class ApiFailedError(TransientError):
    """A registry's management API met a fault of its own. Nothing is half done: what it changes, it changes at once."""

    reference = "api-failed"
    hint = "The server's log says why; the same request may succeed later."


class Details(msgspec.Struct, frozen=True):
    """What went wrong, where, and what to do next."""

    reference: str
    message: str
    hint: str
    context: dict[str, str]
    status: int


class Problem(msgspec.Struct, frozen=True):
    """The body of every answer that is an error."""

    error: Details


def status_of(error: Error) -> int:
    """The HTTP status of an error."""
    if isinstance(error, WireError):
        # Nothing can be called by what is no digest; and what may not be done now is a conflict here.
        known = {codes.DIGEST_INVALID.name: 404}
        return known.get(error.code.name, 409 if error.code.status == 405 else error.code.status)
    if isinstance(error, LoginNeededError):
        return 401
    if isinstance(error, RequestInvalidError):
        return 400
    if isinstance(error, _MISSING):
        return 404
    if isinstance(error, _CONFLICTS):
        return 409
    if isinstance(error, PolicyError):
        return 403
    return 503 if isinstance(error, TransientError) else 422


def problem(
    error: Error, status: int = 0, headers: Mapping[str, str] | None = None
) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of the answer."""
    status = status or status_of(error)
    message, reference, hint = error.message, error.reference, error.hint
    if isinstance(error, WireError):
        message, hint = refused(error)
    details = Details(reference, message[:_LONGEST], hint, error.context, status)
    given = {"content-type": "application/json", "cache-control": "no-store", **(headers or {})}
    if isinstance(error, WireError):
        given |= error.headers
    if status == 503:
        given |= {"retry-after": "5"}
    return status, msgspec.json.encode(Problem(details)), given


def answer(request: Request, error: Exception) -> Response[bytes]:  # type: ignore[type-arg]
    """What a handler of the API answers to an error."""
    visit: Visit | None = request.scope.get("state", {}).get("visit")
    status, body, headers = problem(*_known(request, error, visit))
    kind = headers.pop("content-type")
    return Response(body, status_code=status, media_type=kind, headers=headers)


def _known(
    request: Request,  # type: ignore[type-arg]
    error: Exception,
    visit: Visit | None,
) -> tuple[Error, int, dict[str, str]]:
    if isinstance(error, HTTPException):
        return _of_form(error)
    if isinstance(error, RecursionError | UnicodeDecodeError):
        return RequestInvalidError("the body is nested too deeply, or no UTF-8"), 400, {}
    if not isinstance(error, Error):
        _LOG.error("a request to the API failed", exc_info=error)
        return ApiFailedError("the server failed to do this"), 503, {}
    if isinstance(error, AccessDeniedError | UnknownNameError | LoginNeededError) and visit is not None:
        if visit.anonymous:
            challenge = visit.permit.refusal("", "pull", visit.base)
            headers = challenge.headers if isinstance(challenge, WireError) else {}
            return LoginNeededError("authentication required"), 401, headers
        project = request.path_params.get("project")
        if isinstance(error, AccessDeniedError) and project and not _knows(visit, project):
            return UnknownNameError(f"there is no project {project[:128]!r}"), 404, {}
    return error, 0, {}


def _of_form(error: HTTPException) -> tuple[Error, int, dict[str, str]]:
    """An error that the framework found before any handler ran."""
    status = error.status_code
    extra = getattr(error, "extra", None)
    context = {}
    for each in extra if isinstance(extra, list) else ():
        if isinstance(each, dict):
            context[str(each.get("key", "body"))[:100]] = _plain(str(each.get("message", "")))[:_LONGEST]
    if status == 404:
        found: Error = UnknownNameError("there is no such path in the API", hint=RequestInvalidError.hint)
        return found, 404, {}
    if status >= 500:
        _LOG.error("a request to the API failed", exc_info=error)
        return ApiFailedError("the server failed to do this"), 503, {}
    headers = {str(key).lower(): str(value) for key, value in (error.headers or {}).items()}
    said = "; ".join(f"{name}: {why}" for name, why in context.items()) or str(error.detail)
    return RequestInvalidError(said[:_LONGEST], context=context), status, headers


def _plain(message: str) -> str:
    """What a form asks for, in words where the framework says it as a pattern."""
    for pattern, words in FORMS.items():
        if pattern in message:
            return f"write {words}"
    return message


def _knows(visit: Visit, project: str) -> bool:
    """Whether the caller may know that there is such a project."""
    public = visit.parts.keeper.state().public
    return project in public or allowed(visit.by, project, "project", "read") or visit.by.project == project
