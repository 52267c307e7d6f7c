"""`dockyard pull`: an image from a registry into the store."""

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


def pull(
    name: str,
    /,
    *,
    platform: str = "",
    all_platforms: bool = False,
    quiet: Annotated[bool, Parameter(name=["--quiet", "-q"], negative="")] = False,
    json: bool = False,
) -> None:
    """Fetch an image from a registry, or from the mirror that config.toml names for it.

    Args:
        name: the image, such as alpine:3.16 or registry.example/team/app@sha256:….
        platform: os/architecture; this machine's by default.
        all_platforms: fetch every image of an index.
        quiet: show no progress.
        json: print one JSON document.
    """
    from dockyard.cli.registry_client import client
    from dockyard.oci.platform import Platform
    from dockyard.oci.reference import Reference
    from dockyard.registry.pull import pull as pull_image

    reference = Reference.parse(name)
    store = context.store()
    with store.in_use(), bars.shown(quiet=quiet or json) as progress:
        found = pull_image(
            reference,
            store,
            client=client(),
            platform=Platform.parse(platform) if platform else None,
            every_platform=all_platforms,
            progress=progress,
        )
    if json:
        report.result({"image": str(reference), "digest": str(found.digest)})
    else:
        print(f"{reference.familiar} {found.digest}")


def plainly(words: Sequence[str]) -> bool:
    """Do it, if `words` are plain ones, and return whether they were."""
    read = switched(words, 1, _SWITCHES)
    if read is None:
        return False
    pull(read[0][0], quiet="quiet" in read[1], json="json" in read[1])
    return True
