"""A file from a URL, kept so that it is fetched again only when it changed."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

import msgspec

from dockyard._internal import atomic, redact
from dockyard._internal.limits import TooLargeError
from dockyard._internal.lock import locked
from dockyard._internal.proxy import Proxies
from dockyard._internal.retry import retry
from dockyard.errors import DiskFullError, Error, TransientError, UsageError
from dockyard.oci.digest import Digest
from dockyard.progress import Progress
from dockyard.registry.wire.line import reason

_PIECE = 1 << 20
_INSIDE = ("reason", "original_error", "__cause__")  # where urllib3's errors keep what was before them
_PATIENCE = 60.0  # seconds that a server may say nothing


class DownloadError(TransientError):
    """A URL that ADD names cannot be fetched: its host does not answer, or says that it is not there."""

    reference = "download-failed"
    hint = "Try the URL with curl -fI; behind a proxy set HTTPS_PROXY."


class ChecksumMismatchError(Error):
    """What a URL or a Git repository gave is not what --checksum says it has to be."""

    reference = "checksum-mismatch"
    hint = "If the publisher changed it and you trust the change, write the new checksum."


class ChecksumInvalidError(UsageError):
    """The value of --checksum is not of the form sha256:… (for URLs) or a commit (for Git)."""

    reference = "checksum-invalid"


class _Kept(msgspec.Struct, omit_defaults=True):
    sha256: str
    size: int
    mtime: int
    etag: str = ""
    modified: str = ""


@dataclass(frozen=True)
class Downloaded:
    """A file and the time that its server gave it, 0 where it gave none."""

    path: Path
    size: int
    mtime: int


def download(url: str, folder: Path, checksum: str, headers: Mapping[str, str], progress: Progress) -> Downloaded:
    """The content of `url`.

    A server that knows ETag or Last-Modified is only asked whether it changed; with a checksum that what is kept
    fulfils, nobody is asked. What is fetched is in place once it is complete. It has to fit on the disk; of a body
    that does not say how long it is, half of what is free is taken at most, so that one without an end fills nothing.

    Raises:
        DownloadError: after several tries.
        ChecksumMismatchError: it is other content than `checksum` says; it is not kept.
        DiskFullError: it does not fit.
        TooLargeError: it does not end.
    """
    wanted = _digest(checksum)
    name = hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()
    with locked(folder / f"{name}.lock"):
        kept = _load(folder / f"{name}.json")
        if kept is not None and wanted is not None and _fulfils(folder / kept.sha256, wanted):
            return Downloaded(folder / kept.sha256, kept.size, kept.mtime)
        kept = retry(lambda: _fetch(url, folder, kept, headers, progress), tries=3)
        if wanted is not None and not _fulfils(folder / kept.sha256, wanted):
            raise ChecksumMismatchError(
                f"{redact.url(url)} has other content than --checksum says",
                context={"wanted": checksum, "found": f"sha256:{kept.sha256}"},
            )
        atomic.write(folder / f"{name}.json", msgspec.json.encode(kept), durable=False)
    return Downloaded(folder / kept.sha256, kept.size, kept.mtime)


def _digest(checksum: str) -> Digest | None:
    if not checksum:
        return None
    try:
        return Digest.parse(checksum)
    except Error as error:
        raise ChecksumInvalidError(f"--checksum={checksum}: {error.message}", hint="Write sha256:HEX.") from error


def _load(path: Path) -> _Kept | None:
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
    except (OSError, msgspec.MsgspecError):  # never fetched, or by another version: fetched anew
        return None
    file = path.with_name(kept.sha256)
    return kept if file.is_file() and file.stat().st_size == kept.size else None


def _fulfils(path: Path, wanted: Digest) -> bool:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, wanted.algorithm).hexdigest() == wanted.hex


def _fetch(url: str, folder: Path, kept: _Kept | None, headers: Mapping[str, str], progress: Progress) -> _Kept:
    import urllib3

    asked = {"User-Agent": "dockyard", "Accept-Encoding": "identity", **headers}
    if kept is not None and kept.etag:
        asked["If-None-Match"] = kept.etag
    if kept is not None and kept.modified:
        asked["If-Modified-Since"] = kept.modified
    shown = redact.url(url)
    task = progress.start(f"fetch {shown}")
    partial = folder / f".{os.urandom(8).hex()}.part"
    pool = Proxies.here().pool(
        url,
        retries=urllib3.Retry(connect=0, read=0, redirect=10, status=0),
        timeout=urllib3.Timeout(connect=10, read=_PATIENCE),
    )
    try:
        response = pool.request("GET", url, headers=asked, preload_content=False, redirect=10)
        try:
            if response.status == 304 and kept is not None:
                task.done("unchanged")
                return kept
            if response.status != 200:
                kind = DownloadError if response.status >= 500 or response.status == 429 else UrlRefusedError
                raise kind(f"{shown} answers {response.status} {response.reason}", context={"url": shown})
            digest, size, most = hashlib.sha256(), 0, _most(response.headers.get("Content-Length", ""), folder, shown)
            with atomic.disk_errors(folder), open(partial, "wb") as stream:
                for data in response.stream(_PIECE, decode_content=False):
                    digest.update(data)
                    stream.write(data)
                    size += len(data)
                    if size > most:
                        raise TooLargeError(f"{shown} does not end after {size} bytes", context={"url": shown})
                    task.advance(len(data))
            modified = response.headers.get("Last-Modified", "")
            os.replace(partial, folder / digest.hexdigest())
            task.done(f"{size} bytes")
            return _Kept(digest.hexdigest(), size, _seconds(modified), response.headers.get("ETag", ""), modified)
        finally:
            response.close()
    except urllib3.exceptions.HTTPError as error:
        by = Proxies.here().to(url)
        way = f"by the proxy {by}: " if by is not None else ""
        raise DownloadError(f"cannot fetch {shown}: {way}{_why(error)}", context={"url": shown}) from error
    finally:
        partial.unlink(missing_ok=True)
        pool.clear()


class UrlRefusedError(UsageError):
    """A URL that ADD names is not there, or its server does not give it out."""

    reference = "url-refused"
    hint = "Check the URL; for one that needs a login, give the secret HTTP_AUTH_TOKEN_<host>."


def _why(error: BaseException) -> str:
    """What went wrong, without the library's words around it."""
    for _ in range(5):
        inner = next((each for each in (getattr(error, name, None) for name in _INSIDE) if each is not None), None)
        if not isinstance(inner, BaseException):
            break
        error = inner
    if isinstance(error, OSError):
        return reason(error)
    return redact.url(str(error))


def _most(length: str, folder: Path, shown: str) -> int:
    """How many bytes a body may have."""
    free = shutil.disk_usage(folder).free
    if not (length.isascii() and length.isdigit()):
        return free // 2
    if int(length) > free:
        raise DiskFullError(f"{shown} has {length} bytes, and {free} are free", context={"path": folder})
    return int(length)


def _seconds(modified: str) -> int:
    try:
        return max(0, int(parsedate_to_datetime(modified).timestamp())) if modified else 0
    except ValueError:
        return 0
