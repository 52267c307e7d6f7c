"""`dockyard push`: an image from the store to a registry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from dockyard.cli import bars, context, report
from dockyard.cli.plain import switched

if TYPE_CHECKING:
    from cyclopts import Parameter  # given by `main` when words are parsed

PARSED = (__name__,)
"""Modules whose annotations name the parser's own classes."""
_SWITCHES = {"--quiet": "quiet", "-q": "quiet", "--json": "json"}


def push(
    name: str,
    destination: str = "",
    /,
    *,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="")] = False,
    json: bool = False,
) -> None:
    """Send an image to a registry; layers that the registry has are not sent.

    Args:
        name: the image in the store.
        destination: where to, if not to the registry that the name says.
        quiet: show no progress.
        json: print one JSON document.
    """
    from dockyard.cli.registry_client import client
    from dockyard.oci.reference import Reference
    from dockyard.registry.push import push as push_image

    reference = Reference.parse(name)
    target = Reference.parse(destination) if destination else reference
    store = context.store()
    with bars.shown(quiet=quiet or json) as progress:
        sent = push_image(target, store, context.resolve(reference), client=client(), progress=progress)
    if json:
        report.result({"image": str(target), "digest": str(sent.digest), "size": sent.size})
    else:
        print(f"{target.familiar} {sent.digest}")


def plainly(words: Sequence[str]) -> bool:
    """Do it, if `words` are plain ones, and return whether they were."""
    read = switched(words, 2, _SWITCHES)
    if read is None:
        return False
    push(*read[0], quiet="quiet" in read[1], json="json" in read[1])
    return True
