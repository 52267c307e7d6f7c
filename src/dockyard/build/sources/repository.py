"""The address of a Git repository: what it names, and how the tree of it is wanted."""

import posixpath
import re
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from msgspec.structs import replace

from dockyard._internal import redact
from dockyard.errors import UsageError

_SCP = re.compile(
    r"(?P<remote>[\w-]+@[a-zA-Z0-9.-]+:[^\n]*?)(?:\?(?P<query>[^\n]*?))?(?:#(?P<fragment>[^\n]*))?", re.ASCII
)
_SCHEME = re.compile(r"[a-zA-Z0-9]+://")
_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class GitSourceInvalidError(UsageError):
    """The address of a Git repository has parts that are not known or contradict each other."""

    reference = "git-source-invalid"
    hint = "Write https://host/repository.git#branch:folder, or …git?ref=…&subdir=…"


class AddressInvalidError(UsageError):
    """A URL is not well formed, or names no file that could be put anywhere."""

    reference = "address-invalid"
    hint = "Write it as https://host/path/file."


class Repository(msgspec.Struct, frozen=True):
    """Where a tree comes from.

    Attributes:
        remote: what `git fetch` takes.
        ref: branch, tag or commit; empty for what HEAD names.
        subdir: the folder of the repository; nothing above it stays.
        checksum: how the commit must begin, or the object of the tag.
        keep: whether the folder `.git` stays; None where the address does not say. Never with `subdir`.
        submodules: whether those are fetched, too.
        mtime: what time files get: that of the checkout, or the commit's.
        direct: whether the commit that `checksum` names is taken without asking what `ref` is at.
    """

    remote: str
    ref: str = ""
    subdir: str = ""
    checksum: str = ""
    keep: bool | None = None
    submodules: bool = True
    mtime: Literal["checkout", "commit"] = "checkout"
    direct: bool = False

    def keeping(self, *, keep: bool) -> "Repository":
        """The same with or without its folder `.git`.

        Raises:
            GitSourceInvalidError: the address says otherwise.
        """
        if self.keep not in (None, keep):
            raise GitSourceInvalidError("--keep-git-dir and the address's keep-git-dir contradict each other")
        return replace(self, keep=keep)

    def at(self, checksum: str) -> "Repository":
        """The same at a commit.

        Raises:
            GitSourceInvalidError: it is not what the address says.
        """
        if self.checksum and self.checksum != checksum:
            raise GitSourceInvalidError(f"the commits {self.checksum} and {checksum} contradict each other")
        return replace(self, checksum=checksum)


def is_commit(text: str) -> bool:
    """Whether `text` is the whole name of an object."""
    return _COMMIT.fullmatch(text) is not None


def parse(text: str) -> Repository | None:
    """The repository that `text` names, or None if it names none.

    `git://`, `ssh://`, `git@host:path`, and `http(s)://` whose path ends in `.git`; then `#ref:folder`, or a query.

    Raises:
        GitSourceInvalidError: it names one, but not soundly.
        AddressInvalidError: it is not even an address.
    """
    if _SCHEME.match(text):
        try:
            parts = urlsplit(text)
        except ValueError as error:
            raise AddressInvalidError(f"{redact.url(text)} is no address: {error}") from error
        if parts.scheme not in ("git", "ssh", "http", "https"):
            return None
        if parts.scheme in ("http", "https") and not unquote(parts.path).endswith(".git"):
            return None
        remote, query, fragment = f"{parts.scheme}://{parts.netloc}{parts.path}", parts.query, unquote(parts.fragment)
    else:
        scp = _SCP.fullmatch(text)
        if scp is None:
            return None
        remote, query, fragment = scp["remote"], scp["query"] or "", scp["fragment"] or ""
    ref, _, subdir = fragment.partition(":")
    subdir = posixpath.normpath("/" + subdir.lstrip("/"))[1:]
    return _with_query(Repository(remote, ref, subdir), query, text)


def _with_query(found: Repository, query: str, text: str) -> Repository:
    values: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in values:
            raise GitSourceInvalidError(f"{text} says {name} twice")
        if not value and name not in ("submodules", "keep-git-dir", "fetch-by-commit"):
            raise GitSourceInvalidError(f"{text} says nothing for {name}")
        values[name] = value
    if "tag" in values and "branch" in values:
        raise GitSourceInvalidError(f"{text} has a tag and a branch")
    # `ref` first: of a tag or branch beside it, both have to be the same.
    for name, value in sorted(values.items(), key=lambda item: item[0] != "ref"):
        found = _told(found, name, value)
    return found


def _told(found: Repository, name: str, value: str) -> Repository:
    match name:
        case "ref" | "tag" | "branch":
            prefix = {"ref": "", "tag": "refs/tags/", "branch": "refs/heads/"}[name]
            wanted = value if value.startswith(prefix) else prefix + value
            if found.ref not in ("", wanted):
                raise GitSourceInvalidError(f"the refs {found.ref} and {wanted} contradict each other")
            return replace(found, ref=wanted)
        case "subdir":
            if found.subdir not in ("", value):
                raise GitSourceInvalidError(f"the folders {found.subdir} and {value} contradict each other")
            return replace(found, subdir=value)
        case "checksum" | "commit":
            return found.at(value)
        case "keep-git-dir":
            return replace(found, keep=_switch(name, value))
        case "submodules":
            return replace(found, submodules=_switch(name, value))
        case "fetch-by-commit":
            return replace(found, direct=_switch(name, value))
        case "mtime":
            if value not in ("checkout", "commit"):
                raise GitSourceInvalidError(f"mtime is checkout or commit, not {value!r}")
            return replace(found, mtime="commit" if value == "commit" else "checkout")
    raise GitSourceInvalidError(f"the address of {found.remote} has the unknown part {name}")


def _switch(name: str, value: str) -> bool:
    if value and value not in (*_TRUE, *_FALSE):
        raise GitSourceInvalidError(f"{name} is true or false, not {value!r}")
    return value not in _FALSE
