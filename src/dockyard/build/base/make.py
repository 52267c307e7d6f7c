"""`dockyard base`: from the name of a distribution to an image in the store."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockyard._internal import atomic
from dockyard._internal.lock import locked
from dockyard.build.base.archive import fetch, index_path, read_index
from dockyard.build.base.configured import configurable, configure
from dockyard.build.base.unpacked import unpack
from dockyard.build.cache.cache import key
from dockyard.build.state import PATH, rfc3339
from dockyard.content.distribution import Distribution, Release, Suite
from dockyard.content.held import held
from dockyard.content.layout import Layout
from dockyard.errors import UsageError
from dockyard.images.assemble import assemble
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.platform import Platform
from dockyard.oci.reference import Reference
from dockyard.packages.deb import Deb
from dockyard.packages.debian_index import Candidate
from dockyard.packages.resolve import resolve
from dockyard.progress import SILENT, Progress
from dockyard.runtime.way import ROOT, way

FORMAT = 3
SUITES = ("bullseye", "bookworm", "trixie")
ALWAYS = ("base-files", "netbase", "tzdata")
UNFOLLOWED = frozenset(
    {
        "adduser",
        "awk",
        "bash",
        "coreutils",
        "dash",
        "debconf",
        "debconf-2.0",
        "debianutils",
        "dpkg",
        "gawk",
        "init-system-helpers",
        "install-info",
        "libc-bin",
        "login",
        "mawk",
        "openssl",
        "passwd",
        "perl-base",
        "perl:any",
        "sed",
        "sensible-utils",
        "sysvinit-utils",
        "ucf",
        "util-linux",
    }
)
"""What packages depend on only so that their scripts can run. A minimal image runs none, so these are left out unless
they are asked for; that is what keeps shell and package manager away."""


class DistributionUnknownError(UsageError):
    """No base images can be made of this distribution or release."""

    reference = "distribution-unknown"
    hint = f"These can: {', '.join(f'debian:{name}' for name in SUITES)}."


@dataclass(frozen=True)
class Order:
    """What base is wanted."""

    suite: str
    include: Sequence[str] = ()
    full: bool = False
    mirror: str = "http://deb.debian.org/debian"
    security_mirror: str = "http://deb.debian.org/debian-security"
    keyring: Path = Path("/usr/share/keyrings/debian-archive-keyring.gpg")

    @classmethod
    def of(cls, distribution: str, **options: Any) -> "Order":
        """The order for a distribution's name such as `debian:bookworm`.

        Raises:
            DistributionUnknownError: no such distribution.
        """
        name, _, suite = distribution.partition(":")
        if name != "debian" or suite not in SUITES:
            raise DistributionUnknownError(f"no base images of {distribution!r} can be made")
        return cls(suite, **options)

    def suites(self) -> list[Suite]:
        """The suites that packages are taken from."""
        return [
            Suite(self.mirror, self.suite),
            Suite(self.mirror, f"{self.suite}-updates"),
            Suite(self.security_mirror, f"{self.suite}-security"),
        ]


@dataclass(frozen=True)
class Made:
    """The image, its packages as `name version`, and whether it was there already."""

    descriptor: Descriptor
    packages: Sequence[str]
    cached: bool
    seconds: float


def make(
    order: Order, store: Layout, data: Path, *, tags: Sequence[Reference] = (), progress: Progress = SILENT
) -> Made:
    """Make the base image and tag it.

    The same package indexes and the same order give the same digest. Where the image is in the store already, only
    the release files are fetched and checked. On any error nothing is tagged.

    Raises:
        SignatureWrongError, ReleaseExpiredError, HashWrongError: the archive is not what it should be.
        PackageUnknownError, UnsatisfiableError: the packages cannot be had.
        ArchiveUnreachableError, ConfigureFailedError, IdsMissingError, NoWayError: as they say.
    """
    began = time.monotonic()
    architecture = Platform.host().architecture
    archive = Distribution(data / "cache" / "debian", order.keyring)
    task = progress.start("release files", total=None)
    releases = [archive.release(suite) for suite in order.suites()]
    task.done("signatures checked")
    wanted = sorted({name.strip() for name in order.include if name.strip()})
    known = data / "cache" / "base" / key(FORMAT, _hashes(releases, architecture), wanted, order.full, architecture)
    with store.in_use(), locked(known.with_suffix(".lock")):
        found = _known(known, store)
        cached = found is not None
        if found is None:
            found = _made(order, archive, releases, wanted, store, data, progress)
            document = {"digest": str(found[0].digest), "packages": list(found[1])}
            atomic.write(known, json.dumps(document).encode())
        for tag in tags:
            store.tag(str(tag), found[0])
    return Made(found[0], found[1], cached, round(time.monotonic() - began, 3))


def _known(path: Path, store: Layout) -> tuple[Descriptor, Sequence[str]] | None:
    try:
        document = json.loads(path.read_bytes())
        descriptor = held(store, Digest.parse(document["digest"]))
    except (OSError, ValueError, KeyError):
        return None
    if descriptor is None:
        return None
    from dockyard.images.image import Image

    complete = all(store.exists(each) for each in Image(descriptor, store).manifest.references)
    return (descriptor, document["packages"]) if complete else None


def _made(
    order: Order,
    archive: Distribution,
    releases: Sequence[Release],
    wanted: list[str],
    store: Layout,
    data: Path,
    progress: Progress,
) -> tuple[Descriptor, Sequence[str]]:
    here = way(data) if order.full else ROOT
    configurable(here)
    task = progress.start("package indexes", total=None)
    index = read_index(archive, releases, Platform.host().architecture)
    task.done()
    if order.full:
        chosen = resolve(
            index,
            ["apt", "ca-certificates", "debian-archive-keyring", "usr-is-merged", *wanted],
            start=index.essential(),
        )
    else:
        chosen = resolve(index, [*ALWAYS, *wanted], unfollowed=UNFOLLOWED)
    files = fetch(archive, chosen, progress)
    # The newest file of any package stands for the time of the whole: it comes from the packages themselves.
    mtime = max(entry.mtime for path in files for entry, _ in Deb(path).data())
    layers = [unpack(chosen, files, store, mtime=mtime, full=order.full, progress=progress)]
    said = f"dockyard base debian:{order.suite} --include {','.join(wanted)}" + (" --full" if order.full else "")
    created = rfc3339(mtime)
    history = [{"created": created, "created_by": said, "comment": f"{len(chosen)} packages"}]
    if order.full:
        sources = "".join(f"deb {each.url} {each.name} {each.component}\n" for each in order.suites())
        layers.append(configure(layers[0], store, data, mtime=mtime, sources=sources, way=here, progress=progress))
        history.append({"created": created, "created_by": f"{said}: configure"})
    platform = Platform.host()
    config: dict[str, Any] = {
        "created": created,
        **platform.to_json(),
        "config": {"Env": [f"PATH={PATH}"], "WorkingDir": "/", **({"Cmd": ["bash"]} if order.full else {})},
    }
    image = assemble(store, config=config, layers=layers, history=history)
    return image.descriptor, [_shown(each) for each in chosen]


def _shown(candidate: Candidate) -> str:
    return f"{candidate.name} {candidate.version}"


def _hashes(releases: Sequence[Release], architecture: str) -> list[tuple[str, int] | None]:
    return [release.files.get(index_path(release, architecture)) for release in releases]
