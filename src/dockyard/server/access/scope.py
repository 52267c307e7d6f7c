"""Scopes: what a client asks a token to be good for (distribution's token specification)."""

import re
from collections.abc import Container, Iterable
from typing import NamedTuple

from dockyard.registry.protocol.request import name_valid
from dockyard.server.access.principal import ACTIONS, Principal, may
from dockyard.server.access.tokens import CATALOG, Ceiling

MOST = 32
_LONGEST = 512
_SCOPE = re.compile(r"(?P<type>[a-z0-9]+)(?:\([a-z0-9]+\))?:(?P<name>.+):(?P<actions>[a-z*]+(?:,[a-z*]+)*)")


class Wanted(NamedTuple):
    """One scope: the kind of thing, its name, and the actions."""

    type: str
    name: str
    actions: frozenset[str]


def parse(texts: Iterable[str]) -> list[Wanted]:
    """The scopes in parameters, each of which may have several between spaces. What is none is passed over: it grants
    nothing. The name may have colons of its own.

    Raises:
        ValueError: there are more than anybody needs.
    """
    found = []
    words = [word for text in texts for word in text.split()]
    if len(words) > MOST:
        raise ValueError(f"at most {MOST} scopes")
    for word in words:
        match = _SCOPE.fullmatch(word) if len(word) <= _LONGEST else None
        if match is not None:
            found.append(Wanted(match["type"], match["name"], frozenset(match["actions"].split(","))))
    return found


def granted(
    principal: Principal, wanted: Iterable[Wanted], public: Container[str], most: Ceiling | None = None
) -> Ceiling:
    """The part of the scopes that the principal may have, within `most` where the request itself came with a token."""
    found: dict[str, frozenset[str]] = {}
    for each in wanted:
        if each.type == "registry" and each.name == "catalog" and "*" in each.actions:
            if most is None or CATALOG in most:
                found[CATALOG] = frozenset({"*"})
        elif each.type == "repository" and name_valid(each.name):
            asked = frozenset(ACTIONS) if "*" in each.actions else each.actions & frozenset(ACTIONS)
            if most is not None:
                asked &= most.get(each.name, frozenset())
            actions = frozenset(action for action in asked if may(principal, each.name, action, public))
            if actions:
                found[each.name] = found.get(each.name, frozenset()) | actions
    return found
