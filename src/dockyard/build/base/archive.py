"""A distribution's archive: its signed release files, package indexes and packages, each checked before it is used."""

import hashlib
import lzma
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

import urllib3

from dockyard._internal import atomic, process
from dockyard._internal.limits import read_bounded
from dockyard._internal.process import ProgramFailedError
from dockyard._internal.retry import retry
from dockyard.errors import Error, TransientError, UsageError
from dockyard.packages.debian_index import Candidate, PackageIndex, fields
from dockyard.progress import Progress

_RELEASE_BYTES = 8 << 20
_INDEX_BYTES = 256 << 20
_AT_ONCE = 6


class ArchiveUnreachableError(TransientError):
    """A distribution's archive cannot be reached or does not have what it should."""

    reference = "archive-unreachable"
    hint = "Check the network, or choose another mirror with --mirror."


class SignatureWrongError(Error):
    """A distribution's release file is not signed by a key of its keyring, so nothing that it names can be trusted."""

    reference = "release-signature-wrong"
    hint = "Check the mirror and the keyring (--keyring). Nothing was downloaded beyond the release file."


class ReleaseExpiredError(Error):
    """A distribution's release file is past its end of validity: a stale mirror, or somebody replays an old one."""

    reference = "release-expired"
    hint = "Use a mirror that is kept up to date, and check this machine's clock."


class HashWrongError(Error):
    """A file from a distribution's archive is not the one that its signed index names."""

    reference = "archive-hash-wrong"
    hint = "The mirror is in the middle of an update, damaged or hostile: try again later or use another one."


@dataclass(frozen=True)
class Suite:
    """One suite: the archive's URL, the suite's name and the component."""

    url: str
    name: str
    component: str = "main"


@dataclass(frozen=True)
class Release:
    """A verified release file: the hash of the package index for one architecture."""

    suite: Suite
    path: str
    sha256: str
    size: int


class Archive:
    """Fetches and checks; everything checked is kept in `cache` by its hash.

    Args:
        cache: a folder.
        keyring: the distribution's public keys.
        architecture: Debian's name, such as amd64.
    """

    def __init__(self, cache: Path, keyring: Path, architecture: str) -> None:
        self._cache = cache
        self._keyring = keyring
        self._architecture = architecture
        self._pool = urllib3.PoolManager(maxsize=_AT_ONCE, retries=False, timeout=urllib3.Timeout(connect=10, read=60))

    def release(self, suite: Suite) -> Release:
        """The suite's release file, its signature and validity checked.

        Raises:
            SignatureWrongError, ReleaseExpiredError: nothing of it is used.
            ArchiveUnreachableError: it cannot be fetched.
        """
        url = f"{suite.url.rstrip('/')}/dists/{suite.name}/InRelease"
        raw = retry(lambda: self._get(url, _RELEASE_BYTES))
        if not self._keyring.exists():
            raise UsageError(
                f"there is no keyring {self._keyring}", hint="Install it: apt-get install debian-archive-keyring"
            )
        try:
            text = process.run(["gpgv", "--quiet", "--keyring", str(self._keyring), "--output", "-", "-"], input=raw)
        except ProgramFailedError as error:
            raise SignatureWrongError(f"{url} is not signed by {self._keyring}", context={"url": url}) from error
        found = fields(text.decode("utf-8", "replace"))
        until = found.get("Valid-Until")
        if until and parsedate_to_datetime(until.replace("UTC", "+0000")).timestamp() < time.time():
            raise ReleaseExpiredError(f"{url} was valid until {until}", context={"url": url})
        wanted = f"{suite.component}/binary-{self._architecture}/Packages.xz"
        for line in found.get("SHA256", "").split("\n"):
            parts = line.split()
            if len(parts) == 3 and parts[2] == wanted:
                return Release(suite, wanted, parts[0], int(parts[1]))
        raise ArchiveUnreachableError(f"{url} names no {wanted}", context={"url": url})

    def index(self, releases: Sequence[Release]) -> PackageIndex:
        """The packages of all `releases`."""
        index = PackageIndex()
        for release in releases:
            base = release.suite.url.rstrip("/")
            folder = release.path.rpartition("/")[0]
            # By its hash, so that a mirror which is being updated cannot mix old and new.
            url = f"{base}/dists/{release.suite.name}/{folder}/by-hash/SHA256/{release.sha256}"
            other = f"{base}/dists/{release.suite.name}/{release.path}"
            path = self._file([url, other], release.sha256, release.size)
            with lzma.open(path) as stream:
                index.add(read_bounded(stream, _INDEX_BYTES, "a package index").decode("utf-8", "replace"), base)
        return index

    def packages(self, candidates: Sequence[Candidate], progress: Progress) -> list[Path]:
        """The files of `candidates` in their order, fetched side by side."""
        task = progress.start("packages", total=sum(int(each.fields["Size"]) for each in candidates))

        def one(candidate: Candidate) -> Path:
            size = int(candidate.fields["Size"])
            path = self._file([candidate.url], candidate.fields["SHA256"], size)
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

    def _file(self, urls: Sequence[str], sha256: str, size: int) -> Path:
        path = self._cache / sha256[:2] / sha256
        if path.exists():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        for number, url in enumerate(urls):
            try:
                data = retry(lambda url=url: self._get(url, size))  # type: ignore[misc]
            except ArchiveUnreachableError:
                if number + 1 < len(urls):
                    continue
                raise
            if len(data) == size and hashlib.sha256(data).hexdigest() == sha256:
                atomic.write(path, data, durable=False)
                return path
            raise HashWrongError(f"{url} is not what the signed index names", context={"url": url, "sha256": sha256})
        raise AssertionError

    def _get(self, url: str, limit: int) -> bytes:
        try:
            response = self._pool.request("GET", url, preload_content=False)
            try:
                if response.status != 200:
                    raise ArchiveUnreachableError(f"{url} answers {response.status}", context={"url": url})
                return read_bounded(response, limit, url)
            finally:
                response.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise ArchiveUnreachableError(f"cannot fetch {url}: {error}", context={"url": url}) from error
