"""Annotations of a result: on its manifests, its index, or where those are listed; in Docker's and BuildKit's words."""

import re
from collections.abc import Iterable
from typing import Literal, get_args

import msgspec

from dockyard.errors import UsageError
from dockyard.oci.platform import Platform

Place = Literal["manifest", "manifest-descriptor", "index", "index-descriptor"]
_FORM = r"([a-z-]+)(?:\[([A-Za-z0-9_./-]+)\])?"
_FLAG = re.compile(rf"({_FORM}(?:,{_FORM})*):(.*)", re.DOTALL)
_KEY = re.compile(r"annotation(?:-([a-z-]+))?(?:\[([A-Za-z0-9_./-]+)\])?\.(\S+)")
_HINT = "Write NAME=VALUE, or PLACE[PLATFORM]:NAME=VALUE with " + ", ".join(get_args(Place)) + "."


class Annotation(msgspec.Struct, frozen=True):
    """One of them.

    Attributes:
        name, value: itself.
        place: what has it: a manifest or index, or a descriptor that points to one.
        platform: whose manifest; None is everyone's. An index has none.
    """

    name: str
    value: str
    place: Place = "manifest"
    platform: Platform | None = None


def flagged(text: str) -> list[Annotation]:
    """What `--annotation` says: `name=value`, or with its places before a colon: `index,manifest[linux/arm64]:a=b`.

    Raises:
        UsageError: it is not well formed.
    """
    left, equals, value = text.partition("=")
    match = _FLAG.fullmatch(left)
    name = match[match.re.groups] if match else left
    if not equals or not name or any(each.isspace() for each in name):
        raise UsageError(f"--annotation {text!r} is not well formed", hint=_HINT)
    if match is None:
        return [Annotation(name, value)]
    found = []
    for each in match[1].split(","):
        place, platform = re.fullmatch(_FORM, each).groups()  # type: ignore[union-attr]  # parts of what matched
        found.append(_made(name, value, place, platform, f"--annotation {text}"))
    return found


def keyed(key: str, value: str) -> Annotation | None:
    """What a key of `--output` says, such as `annotation-index.NAME`; None where it is none of an annotation.

    Raises:
        UsageError: its place is unknown.
    """
    match = _KEY.fullmatch(key)
    return _made(match[3], value, match[1] or "manifest", match[2], f"--output {key}") if match else None


def _made(name: str, value: str, place: str, platform: str | None, said: str) -> Annotation:
    if place not in get_args(Place):
        raise UsageError(f"{said}: nothing that is annotated is called {place!r}", hint=_HINT)
    return Annotation(name, value, place, Platform.parse(platform).normal() if platform else None)  # type: ignore[arg-type]  # looked at above


def of(annotations: Iterable[Annotation], place: Place, platform: Platform | None = None) -> dict[str, str]:
    """Those of `place`, and of a manifest for `platform`: what is said of it alone goes before what is said of all."""
    fitting = [each for each in annotations if each.place == place]
    general = [each for each in fitting if each.platform is None or place.startswith("index")]
    own = [each for each in fitting if each.platform is not None and each.platform == platform]
    return dict(sorted({each.name: each.value for each in (*general, *own)}.items()))
