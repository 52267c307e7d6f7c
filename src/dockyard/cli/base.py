"""`dockyard base`: a base image from a distribution's packages."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from dockyard.cli import bars, context, report


def base(
    distribution: str,
    /,
    *,
    include: list[str] | None = None,
    full: Annotated[bool, Parameter(negative="")] = False,
    tag: Annotated[list[str] | None, Parameter(name=["--tag", "-t"])] = None,
    mirror: str = "http://deb.debian.org/debian",
    security_mirror: str = "http://deb.debian.org/debian-security",
    keyring: Path = Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    json: bool = False,
) -> None:
    """Make a base image from a distribution's signed packages.

    The default is minimal: the named packages and what they need to run, without shell or package manager unless
    named. With --full it is a configured system in which `apt-get install` works.

    Args:
        distribution: debian:bookworm, debian:trixie or debian:bullseye.
        include: packages, separated by commas; may be given several times.
        full: a configured system with apt.
        tag: a name for the image; may be given several times.
        mirror: the archive's address.
        security_mirror: the address of the archive of security updates.
        keyring: the keys that the release files must be signed with.
        json: print one JSON document.
    """
    if full:
        context.enter_namespace()  # its files have many owners
    from dockyard.build.base.make import Order, make
    from dockyard.oci.reference import Reference

    names = [Reference.parse(name) for name in tag or ()]
    packages = [name for item in include or () for name in item.split(",")]
    order = Order.of(
        distribution, include=packages, full=full, mirror=mirror, security_mirror=security_mirror, keyring=keyring
    )
    with bars.shown(quiet=json) as progress:
        made = make(order, context.store(), context.data_folder(), tags=names, progress=progress)
    if json:
        report.result(
            {
                "digest": str(made.descriptor.digest),
                "packages": list(made.packages),
                "cached": made.cached,
                "seconds": made.seconds,
                "tags": [str(name) for name in names],
            }
        )
    else:
        print(f"digest   {made.descriptor.digest}")
        print(f"packages {len(made.packages)}{', already made' if made.cached else ''}, {made.seconds:.1f} s")
        for name in names:
            print(f"tagged   {name.familiar}")
