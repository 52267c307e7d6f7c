"""A distribution's packages: the indexes of several suites, and the files of the packages that were chosen."""

import lzma
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from dockyard._internal.limits import read_bounded
from dockyard.content.distribution import Distribution, Release
from dockyard.packages.debian_index import Candidate, PackageIndex
from dockyard.progress import Progress

_INDEX_BYTES = 256 << 20
_AT_ONCE = 6


def index_path(release: Release, architecture: str) -> str:
    """The path of a suite's package index."""
    return f"{release.suite.component}/binary-{architecture}/Packages.xz"


def read_index(distribution: Distribution, releases: Sequence[Release], architecture: str) -> PackageIndex:
    """The packages of all `releases`."""
    index = PackageIndex()
    for release in releases:
        with lzma.open(distribution.named(release, index_path(release, architecture))) as stream:
            text = read_bounded(stream, _INDEX_BYTES, "a package index").decode("utf-8", "replace")
        index.add(text, release.suite.url.rstrip("/"))
    return index


def fetch(distribution: Distribution, candidates: Sequence[Candidate], progress: Progress) -> list[Path]:
    """The files of `candidates` in their order, fetched side by side."""
    task = progress.start("packages", total=sum(int(each.fields["Size"]) for each in candidates))

    def one(candidate: Candidate) -> Path:
        size = int(candidate.fields["Size"])
        path = distribution.file([candidate.url], candidate.fields["SHA256"], size)
        task.advance(size)
        return path

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        jobs = [pool.submit(one, candidate) for candidate in candidates]
        try:
            found = [job.result() for job in jobs]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    task.done(f"{len(found)} packages")
    return found
