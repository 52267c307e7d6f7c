"""Handlers of the API, each with all that its OpenAPI document says of it."""

import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal

from litestar import delete, get, patch, post, put
from litestar.connection import ASGIConnection
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter, SkipValidation

from dockyard.server.api.problem import LoginNeededError, Problem
from dockyard.server.api.visit import Visit

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
_MAKERS: dict[str, Any] = {"GET": get, "POST": post, "PUT": put, "PATCH": patch, "DELETE": delete}
_SAFE = {
    400: "The request is not of the form that this document says.",
    401: "Nobody is logged in, or the login is wrong.",
    403: "The caller may not do this.",
    404: "It is not there, or the caller may not know of it.",
    429: "There were too many requests, or too many wrong passwords; Retry-After says how many seconds to wait.",
    503: "The database or the storage is out of reach; the same request may succeed later.",
}
_UNSAFE = {
    409: "It contradicts what is there: a name is taken, something is not empty or still needed.",
    412: "A rule of the project holds it: the tag is immutable.",
    413: "The body is too long.",
    422: "The request is well formed, and its values cannot be used; the message says why.",
}

Guest = NamedDependency[SkipValidation[Visit]]
"""The request under way, which every handler gets as `visit`."""
Part = Annotated[str, PathParameter(max_length=512)]
"""A name in a path."""
Number = Annotated[int, PathParameter(ge=1, le=2**53)]
"""A number in a path."""
Count = Annotated[int, QueryParameter(ge=1, le=1000, description="At most so many.")]
Last = Annotated[str, QueryParameter(max_length=1024, description="What comes after this one; the Link header has it.")]
LastNumber = Annotated[int, QueryParameter(ge=0, le=2**53, description="What is older than this number; 0 begins.")]


def route(
    method: Method,
    path: str,
    tag: str,
    *,
    status: int = 0,
    open: bool = False,
    paged: bool = False,
    media: str = "",
) -> Callable[[Callable[..., Any]], HTTPRouteHandler]:
    """Make a function the handler of an operation. It runs in a thread.

    Args:
        method: of HTTP.
        path: below /api/v1.
        tag: the noun under which the document lists it.
        status: of the answer; by default 201 for POST, 204 for DELETE, else 200.
        open: whether callers without a login come as far as the function, which then says what they may.
        paged: whether the answer has a Link header where more follows.
        media: the type of an answer that is no JSON.
    """

    def make(function: Callable[..., Any]) -> HTTPRouteHandler:
        text = inspect.getdoc(function) or ""
        first, _, rest = text.partition("\n\n")
        refusals = _SAFE if method == "GET" else {**_SAFE, **_UNSAFE}
        handler: HTTPRouteHandler = _MAKERS[method](
            path,
            name=function.__name__,
            operation_id=function.__name__,
            summary=first.replace("\n", " "),
            description=rest.replace("\n", " ") or None,
            tags=[tag],
            sync_to_thread=True,
            guards=[] if open else [_logged_in],
            opt={"open": open},
            responses={
                code: ResponseSpec(Problem, generate_examples=False, description=said)
                for code, said in refusals.items()
            },
            response_headers=[_LINK] if paged else [],
            **({"status_code": status} if status else {}),
            **({"media_type": media} if media else {}),
        )(function)
        return handler

    return make


_LINK = ResponseHeader(
    name="Link", documentation_only=True, description='The next page, as `<URL>; rel="next"`; absent on the last one.'
)


def _logged_in(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    visit: Visit = connection.scope["state"]["visit"]
    if visit.anonymous:
        raise LoginNeededError("authentication required")
