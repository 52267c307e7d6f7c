"""Who a request comes from, known to everything that happens below it."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

Kind = Literal["anonymous", "user", "robot", "system"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a name that people recognise, what kind of caller it is, and the address that the request came from."""

    name: str
    kind: Kind = "user"
    address: str = ""


SYSTEM = Caller("system", "system")
ANONYMOUS = Caller("anonymous", "anonymous")
CALLER: ContextVar[Caller] = ContextVar("caller", default=SYSTEM)
"""The caller of the request under way; threads that work for it inherit it."""
