"""What a build and its image showed: facts that somebody else measured, for rules to judge."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Cost:
    """What one step cost when it last really ran: seconds, and bytes of its layer's blob."""

    text: str
    seconds: float
    size: int


@dataclass(frozen=True, slots=True)
class Leftover:
    """Files in one layer that nothing needs any more: `kind` says whose they are, `size` is in bytes unpacked.

    `step` is the history's text of the instruction that made the layer; `hidden` says that a later layer deletes them,
    so that they are carried without being seen.
    """

    kind: str
    place: str
    files: int
    size: int
    step: str
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """The ELF file that the image starts. `static` means that it names no interpreter and no library, `needed` has
    the libraries that it names; sizes are bytes unpacked, `packages` counts the packages in the image.
    """

    path: str
    size: int
    static: bool
    image_size: int
    packages: int
    needed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """All that was measured; empty where nothing was. `costs` maps a line of the Dockerfile to its step's cost."""

    costs: Mapping[int, Cost] = field(default_factory=dict)
    leftovers: tuple[Leftover, ...] = ()
    program: Program | None = None
