"""Bearer tokens of this registry: JWT, signed with ES256 (distribution's token specification, RFC 7519).

A token says who it is for and the most that it is good for; what its owner may do at the moment is looked up in the
database besides. So a change of rights, a new password or a disabled account hold for tokens that are out, too.
"""

import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, get_args

from dockyard.server.access.keys import Keys
from dockyard.server.access.principal import ACTIONS, Kind, Principal, Proof

ALGORITHM = "ES256"
CATALOG = "registry:catalog"
_LONGEST = 16 << 10
_LEEWAY_S = 5

Ceiling = Mapping[str, frozenset[str]]
"""The most that a token is good for: actions by repository, and `CATALOG`."""


class TokenInvalidError(Exception):
    """A token is not ours, was changed, or its time is over. Never leaves this folder."""


class Shown(NamedTuple):
    """What a header showed: who, the most it is good for (None for all that its owner may do), and until when in
    seconds since 1970.
    """

    proof: Proof
    ceiling: Ceiling | None
    expires: float


class Issued(NamedTuple):
    """A new token, the seconds for which it holds, and when it was made."""

    token: str
    seconds: int
    at: int


def issue(
    keys: Keys, service: str, principal: Principal, ceiling: Ceiling | None, seconds: int, until: float = 0
) -> Issued:
    """Make a token.

    Args:
        keys: to sign with.
        service: what it is for.
        principal: whom it is for.
        ceiling: the most that it is good for.
        seconds: how long it holds.
        until: the end of what it is made from, in seconds since 1970; 0 for none.
    """
    from joserfc import jwt

    name, key = keys.signing()
    at = int(time.time())
    ends = min(
        [at + seconds, *([int(until)] if until else []), *([principal.expires // 1000] if principal.expires else [])]
    )
    claims: dict[str, Any] = {
        "iss": service,
        "aud": service,
        "sub": principal.name,
        "iat": at,
        "nbf": at,
        "exp": ends,
        "jti": secrets.token_urlsafe(12),
        "proof": list(principal.proof),
    }
    if ceiling is not None:
        claims["access"] = [_entry(each, actions) for each, actions in ceiling.items()]
    token = jwt.encode({"alg": ALGORITHM, "kid": name}, claims, key, algorithms=[ALGORITHM])
    return Issued(token, max(0, ends - at), at)


def read(keys: Keys, service: str, token: str) -> Shown:
    """What a token shows.

    Raises:
        TokenInvalidError: nothing.
    """
    from joserfc import jwt
    from joserfc.errors import JoseError

    if len(token) > _LONGEST:
        raise TokenInvalidError("the token is too long")

    def find(guest: Any) -> Any:
        key = keys.named(str(guest.headers().get("kid", ""))[:200])
        if key is None:
            raise TokenInvalidError("the token is signed with an unknown key")
        return key

    try:
        claims = jwt.decode(token, find, algorithms=[ALGORITHM]).claims
        at = time.time()
        ends, begins = float(claims["exp"]), float(claims["nbf"])
        if claims["iss"] != service or claims["aud"] != service:
            raise TokenInvalidError("the token is for another service")
        if not begins - _LEEWAY_S <= at < ends:
            raise TokenInvalidError("the token's time is over")
        kind, number, stamp = claims["proof"]
        if kind not in get_args(Kind) or kind == "system":
            raise TokenInvalidError("the token is for nobody")
        access = claims.get("access")
        ceiling = None if access is None else _ceiling(access)
        return Shown(Proof(kind, int(number), str(stamp)), ceiling, ends)
    except (JoseError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TokenInvalidError(f"not a token of this registry: {type(error).__name__}") from error


def _entry(name: str, actions: Iterable[str]) -> dict[str, Any]:
    if name == CATALOG:
        return {"type": "registry", "name": "catalog", "actions": ["*"]}
    return {"type": "repository", "name": name, "actions": [each for each in ACTIONS if each in actions]}


def _ceiling(access: list[dict[str, Any]]) -> Ceiling:
    return {
        each["name"] if each["type"] == "repository" else f"{each['type']}:{each['name']}": frozenset(each["actions"])
        for each in access
    }
