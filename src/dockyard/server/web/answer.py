"""What a page's function gives back: a page, a way to another one, or a file."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dockyard.server.web.visit import Visit


@dataclass(frozen=True)
class Page:
    """A template and the words it is filled with."""

    template: str
    words: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True)
class Moved:
    """Look there next (303). The notice is shown once, on that page; it travels in a cookie, not in the address.

    `cookies` are (name, value, seconds).
    """

    path: str
    notice: str = ""
    cookies: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True)
class Download:
    """A file to keep."""

    name: str
    media_type: str
    body: bytes


Answer = Page | Moved | Download


@dataclass(frozen=True)
class View:
    """An address: what shows it, and what its forms do, by the value of their button `do`."""

    show: "Callable[[Visit], Answer]"
    actions: "Mapping[str, Callable[[Visit], Answer]]" = field(default_factory=dict)
