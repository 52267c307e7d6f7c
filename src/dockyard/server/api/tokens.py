"""`/users/…/tokens`: personal access tokens, which people give their command lines in place of a password."""

from typing import Annotated, Literal

import msgspec
from litestar.params import JSONBody

from dockyard.server.access import personal
from dockyard.server.access.personal import Personal
from dockyard.server.api.route import Guest, Part, route
from dockyard.server.api.words import Name

Moment = Annotated[int, msgspec.Meta(ge=1, le=2**53, description="Milliseconds since 1970.")]


class TokenNew(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A token to be made, and the most that it is good for."""

    name: Name
    scope: Literal["read-only", "read-write", "full"] = "full"
    expires_at: Moment | None = None


class TokenMade(msgspec.Struct, frozen=True):
    """A new token with its secret, which is shown this once."""

    token: Personal
    secret: str


@route("GET", "/users/{user:str}/tokens", "tokens")
def tokens_list(visit: Guest, user: Part) -> list[Personal]:
    """All tokens of an account, by name. For their owner, logged in without such a token, and for system admins."""
    return personal.listing(visit.database, visit.by, user)


@route("POST", "/users/{user:str}/tokens", "tokens")
def token_create(visit: Guest, user: Part, data: JSONBody[TokenNew]) -> TokenMade:
    """Make a token."""
    made, secret = personal.add(visit.database, visit.by, user, data.name, scope=data.scope, expires_at=data.expires_at)
    return TokenMade(made, secret)


@route("DELETE", "/users/{user:str}/tokens/{token:str}", "tokens")
def token_delete(visit: Guest, user: Part, token: Part) -> None:
    """End a token and what was made with it."""
    personal.remove(visit.database, visit.by, user, token)
