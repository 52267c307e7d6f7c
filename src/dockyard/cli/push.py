"""`dockyard push`: an image from the store to a registry."""

from typing import Annotated

from cyclopts import Parameter

from dockyard.cli import bars, context, report


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
    from dockyard.cli.registry_access import client
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
