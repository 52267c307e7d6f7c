"""`dockyard feed`: advisories compiled into the feed that scan reads."""

import time
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from dockyard.cli import bars, context, report
from dockyard.errors import UsageError
from dockyard.scan.advisory import Advisory


def feed(
    action: Literal["update", "status"] = "status",
    /,
    *,
    osv: list[Path] | None = None,
    alpine_secdb: list[Path] | None = None,
    debian_tracker: list[Path] | None = None,
    debian_archive: str = "",
    for_image: Annotated[list[str] | None, Parameter(name="--for")] = None,
    security_mirror: str = "http://deb.debian.org/debian-security",
    keyring: Path = Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    json: bool = False,
) -> None:
    """Make the feed of advisories anew from the sources named, or show what is in it.

    Args:
        action: update makes it, status shows it.
        osv: files or folders of OSV records, JSON or YAML.
        alpine_secdb: files or folders of Alpine's security database.
        debian_tracker: the Debian security tracker's JSON.
        debian_archive: a Debian release whose security updates are read from the archive, with --for.
        for_image: an image in the store whose source packages are looked up in the archive.
        security_mirror: the archive of security updates.
        keyring: the keys that its release file must be signed with.
        output: the feed's file; feed.sqlite in the data folder by default.
        json: print one JSON document.
    """
    from dockyard.scan.feed import Feed, compile_feed

    path = output or context.data_folder() / "feed.sqlite"
    if action == "status":
        with Feed(path) as known:
            about = {**known.about, "age_seconds": round(known.age(time.time()))}
    else:
        found = _files(osv, alpine_secdb, debian_tracker)
        if debian_archive:
            with bars.shown(quiet=json) as progress:
                task = progress.start(f"changelogs of {debian_archive}'s security updates")
                more = _archive(debian_archive, for_image or [], security_mirror, keyring)
                task.done(report.counted(len(more), "advisory"))
                found += more
        if not found:
            raise UsageError("no source of advisories", hint="Name one, for example --osv FOLDER.")
        about = compile_feed(path, found)
    if json:
        report.result({"path": str(path), **about})
        return
    print(f"feed      {path}")
    print(f"snapshot  {about['snapshot']}")
    print(f"sources   {', '.join(f'{name} {count}' for name, count in sorted(about['sources'].items()))}")
    print(f"made      {time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime(about['made']))}")


def _files(osv: list[Path] | None, secdb: list[Path] | None, tracker: list[Path] | None) -> list[Advisory]:
    from dockyard.scan.sources import debian_tracker
    from dockyard.scan.sources import osv as osv_source
    from dockyard.scan.sources import secdb as secdb_source

    found = [each for path in osv or () for each in osv_source.read(path)]
    found += [each for path in secdb or () for each in secdb_source.read(path)]
    found += [each for path in tracker or () for each in debian_tracker.read(path)]
    return found


def _archive(codename: str, images: list[str], mirror: str, keyring: Path) -> list[Advisory]:
    from dockyard.content.distribution import Distribution
    from dockyard.images.image import open_image
    from dockyard.oci.platform import Platform
    from dockyard.oci.reference import Reference
    from dockyard.packages.inventory import inventory
    from dockyard.scan.sources import debian_archive
    from dockyard.scan.sources.debian_tracker import RELEASES

    if codename not in RELEASES or not images:
        raise UsageError(
            "--debian-archive takes a release and an image", hint="Write --debian-archive bookworm --for IMAGE."
        )
    data = context.data_folder()
    sources: set[str] = set()
    for name in images:
        image = open_image(context.store(), context.resolve(Reference.parse(name)))
        held = inventory(image.layers, cache=data / "index").packages
        sources.update(package.source for package in held if package.ecosystem == "debian")
    place = Distribution(data / "cache" / "debian", keyring)
    return debian_archive.read(place, mirror, codename, sources, Platform.host().architecture)
