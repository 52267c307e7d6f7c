"""A distribution's archive: signed release files, and files that they name by hash; each checked before it is used."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

import urllib3

from dockyard._internal import atomic, process
from dockyard._internal.limits import read_bounded
from dockyard._internal.process import ProgramFailedError
from dockyard._internal.proxy import Proxies, Proxy
from dockyard._internal.retry import retry
from dockyard.errors import Error, TransientError, UsageError

_RELEASE_BYTES = 8 << 20
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
    """A verified release file: hash and size in bytes of each file that it names, by path below the suite."""

    suite: Suite
    files: Mapping[str, tuple[str, int]]

    def urls(self, path: str) -> list[str]:
        """Where a file is: by its hash first, so that a mirror which is being updated cannot mix old and new."""
        base = f"{self.suite.url.rstrip('/')}/dists/{self.suite.name}"
        return [f"{base}/{path.rpartition('/')[0]}/by-hash/SHA256/{self.files[path][0]}", f"{base}/{path}"]


class Distribution:
    """Fetches and checks; everything checked is kept in `cache` by its hash.

    Args:
        cache: a folder.
        keyring: the distribution's public keys.
    """

    def __init__(self, cache: Path, keyring: Path) -> None:
        self._cache = cache
        self._keyring = keyring
        self._proxies = Proxies.here()
        self._pools: dict[Proxy | None, urllib3.PoolManager] = {}

    def release(self, suite: Suite) -> Release:
        """The suite's release file, its signature and validity checked.

        Raises:
            SignatureWrongError, ReleaseExpiredError: nothing of it is used.
            ArchiveUnreachableError: it cannot be fetched.
            UsageError: the archive's keyring is not installed.
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
        found: dict[str, tuple[str, int]] = {}
        section = ""
        for line in text.decode("utf-8", "replace").splitlines():
            if not line.startswith(" "):
                section, _, value = line.partition(":")
                if section == "Valid-Until" and _seconds(value) < time.time():
                    raise ReleaseExpiredError(f"{url} was valid until{value}", context={"url": url})
            elif section == "SHA256" and len(parts := line.split()) == 3 and parts[1].isdigit():
                found[parts[2]] = (parts[0], int(parts[1]))
        return Release(suite, found)

    def named(self, release: Release, path: str) -> Path:
        """A file that a release names, fetched and checked.

        Raises:
            ArchiveUnreachableError: the release does not name it, or it cannot be fetched.
        """
        if path not in release.files:
            raise ArchiveUnreachableError(f"{release.suite.name} of {release.suite.url} names no {path}")
        sha256, size = release.files[path]
        return self.file(release.urls(path), sha256, size)

    def file(self, urls: Sequence[str], sha256: str, size: int) -> Path:
        """A file by its hash: from the cache, or from the first of `urls` that has it.

        Raises:
            HashWrongError: the file is another one; it is not kept.
            ArchiveUnreachableError: none has it.
        """
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

    def _pool(self, url: str) -> urllib3.PoolManager:
        by = self._proxies.to(url)
        if by not in self._pools:
            patience = urllib3.Timeout(connect=10, read=60)
            self._pools[by] = self._proxies.pool(url, maxsize=_AT_ONCE, retries=False, timeout=patience)
        return self._pools[by]

    def _get(self, url: str, limit: int) -> bytes:
        try:
            response = self._pool(url).request("GET", url, preload_content=False)
            try:
                if response.status != 200:
                    raise ArchiveUnreachableError(f"{url} answers {response.status}", context={"url": url})
                data = read_bounded(response, limit, url)
            except BaseException:
                response.close()  # its socket is not for anybody else: there is more to read from it
                raise
            response.release_conn()
            return data
        except urllib3.exceptions.HTTPError as error:
            raise ArchiveUnreachableError(f"cannot fetch {url}: {error}", context={"url": url}) from error


def _seconds(text: str) -> float:
    return parsedate_to_datetime(text.strip().replace("UTC", "+0000")).timestamp()
