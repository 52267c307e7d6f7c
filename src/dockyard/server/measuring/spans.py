"""The trace under way, for those who do something that is worth a span; without traces nothing happens."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any, Protocol


class Tracer(Protocol):
    """Begins spans."""

    def span(self, name: str, attributes: Mapping[str, Any], kind: str = "client") -> AbstractContextManager[None]:
        """A span for as long as the block takes; `kind` is `client` for what others are asked, else empty."""


class _Silent:
    def span(self, name: str, attributes: Mapping[str, Any], kind: str = "client") -> AbstractContextManager[None]:
        return nullcontext()


SILENT: Tracer = _Silent()
TRACER: ContextVar[Tracer] = ContextVar("tracer", default=SILENT)
"""Set by whoever begins a trace; threads that work for it inherit it."""
