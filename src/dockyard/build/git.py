"""Git repositories as sources: for ADD, as build context and as named context. The work is done by `git`."""

import hashlib
import os
import posixpath
import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from dockyard._internal import process, redact
from dockyard._internal.lock import locked
from dockyard.build.download import ChecksumMismatchError
from dockyard.errors import Error, UsageError
from dockyard.progress import Progress

_SCP = re.compile(r"(?P<user>[\w.-]+)@(?P<host>[\w.-]+):(?P<path>[^\s#?]+)(?P<rest>.*)", re.ASCII | re.DOTALL)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_TRUE, _FALSE = ("", "1", "t", "true"), ("0", "f", "false")


class GitSourceInvalidError(UsageError):
    """The address of a Git repository has parts that are not known or contradict each other."""

    reference = "git-source-invalid"
    hint = "Write https://host/repository.git#branch:folder, or …git?ref=…&subdir=…"


class GitError(Error):
    """`git` could not fetch what was asked for."""

    reference = "git-failed"
    hint = "Try it by hand: git ls-remote REPOSITORY"


@dataclass(frozen=True)
class Repository:
    """Where a tree comes from.

    Attributes:
        remote: what `git fetch` takes.
        ref: branch, tag or commit; empty for what HEAD names.
        subdir: the folder of the repository.
        checksum: what the commit must be, or how it must begin.
        keep: whether the folder `.git` stays.
        submodules: whether those are fetched, too.
    """

    remote: str
    ref: str = ""
    subdir: str = ""
    checksum: str = ""
    keep: bool = False
    submodules: bool = True

    def keeping(self, keep: bool) -> "Repository":
        """The same with or without its folder `.git`."""
        return replace(self, keep=keep)

    def at(self, checksum: str) -> "Repository":
        """The same at a commit.

        Raises:
            GitSourceInvalidError: it is not what the address says, or no commit.
        """
        if not re.fullmatch("[0-9a-f]{7,64}", checksum):
            raise GitSourceInvalidError(f"--checksum={checksum} is no commit", hint="Write its hexadecimal number.")
        if self.checksum and self.checksum != checksum:
            raise GitSourceInvalidError(f"the commits {self.checksum} and {checksum} contradict each other")
        return replace(self, checksum=checksum)


def parse(text: str) -> Repository | None:
    """The repository that `text` names, or None if it names none.

    `git://`, `ssh://`, `git@host:path`, and `http(s)://` whose path ends in `.git`; then `#ref:folder`, or a query.

    Raises:
        GitSourceInvalidError: it names one, but not soundly.
    """
    scp = _SCP.fullmatch(text)
    if scp is not None and "://" not in text:
        remote, rest = f"{scp['user']}@{scp['host']}:{scp['path']}", scp["rest"]
        query, _, fragment = rest.removeprefix("?").partition("#") if rest.startswith("?") else ("", "", rest[1:])
    else:
        parts = urlsplit(text)
        if parts.scheme not in ("git", "ssh", "http", "https") or not parts.netloc:
            return None
        if parts.scheme in ("http", "https") and not parts.path.endswith(".git"):
            return None
        remote, query, fragment = f"{parts.scheme}://{parts.netloc}{parts.path}", parts.query, parts.fragment
    ref, _, subdir = fragment.partition(":")
    return _with_query(Repository(remote, ref, subdir), query, text)


def _with_query(found: Repository, query: str, text: str) -> Repository:
    seen: set[str] = set()
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in seen:
            raise GitSourceInvalidError(f"{text} says {name} twice")
        seen.add(name)
        match name:
            case "ref" | "tag" | "branch":
                prefix = {"ref": "", "tag": "refs/tags/", "branch": "refs/heads/"}[name]
                wanted = value if value.startswith(prefix) else prefix + value
                if found.ref not in ("", wanted):
                    raise GitSourceInvalidError(f"the refs {found.ref} and {wanted} contradict each other")
                found = replace(found, ref=wanted)
            case "subdir":
                if found.subdir not in ("", value):
                    raise GitSourceInvalidError(f"the folders {found.subdir} and {value} contradict each other")
                found = replace(found, subdir=value)
            case "checksum" | "commit":
                found = found.at(value)
            case "keep-git-dir":
                found = replace(found, keep=_switch(name, value))
            case "submodules":
                found = replace(found, submodules=_switch(name, value))
            case "mtime" | "fetch-by-commit":
                raise GitSourceInvalidError(f"{name} is not supported yet", hint="Leave it out.")
            case _:
                raise GitSourceInvalidError(f"{text} has the unknown part {name}")
    return found


def _switch(name: str, value: str) -> bool:
    if value.lower() not in (*_TRUE, *_FALSE):
        raise GitSourceInvalidError(f"{name} is true or false, not {value!r}")
    return value.lower() in _TRUE


def checkout(repository: Repository, cache: Path, progress: Progress) -> Path:
    """A folder with the repository's tree, fetched once a commit.

    Raises:
        GitError: with what `git` said.
        ChecksumMismatchError: the ref is at another commit than it has to be.
    """
    git = process.find("git")
    commit = resolve(repository)
    if repository.checksum and not commit.startswith(repository.checksum):
        raise ChecksumMismatchError(
            f"{redact.url(repository.remote)} is at another commit",
            context={"wanted": repository.checksum, "found": commit},
        )
    facts = (repository.remote, commit, repository.keep, repository.submodules)
    whole = cache / hashlib.sha256(repr(facts).encode()).hexdigest()[:32]
    with locked(whole.with_suffix(".lock")):
        if not whole.is_dir():
            task = progress.start(f"git fetch {redact.url(repository.remote)}")
            beside = cache / f".{os.urandom(8).hex()}.tmp"
            try:
                _fetch(git, repository, commit, beside)
                beside.rename(whole)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
            task.done(commit[:12])
    folder = whole / posixpath.normpath("/" + repository.subdir.lstrip("/"))[1:]
    if not folder.resolve().is_relative_to(whole.resolve()) or not folder.is_dir():
        raise GitError(f"{redact.url(repository.remote)} has no folder {repository.subdir}")
    return folder


def resolve(repository: Repository) -> str:
    """The commit that the ref is at.

    Raises:
        GitError: the repository cannot be reached, or has no such ref.
    """
    git = process.find("git")
    ref = repository.ref
    if _COMMIT.fullmatch(ref):
        return ref
    if not ref and _COMMIT.fullmatch(repository.checksum):
        return repository.checksum
    if ref.startswith("-"):
        raise GitSourceInvalidError(f"{ref!r} is no ref")
    said = _git(git, Path("/"), "ls-remote", "--", repository.remote, *([ref, f"{ref}^{{}}"] if ref else ["HEAD"]))
    found = {}
    for line in said.splitlines():
        commit, _, name = line.partition("\t")
        found[name] = commit
    for name in (ref, f"refs/heads/{ref}", f"refs/tags/{ref}") if ref else ("HEAD",):
        if name in found:
            return found.get(f"{name}^{{}}", found[name])
    raise GitError(
        f"{redact.url(repository.remote)} has no branch or tag {ref or 'HEAD'}", context={"ref": ref or "HEAD"}
    )


def _fetch(git: str, repository: Repository, commit: str, folder: Path) -> None:
    folder.mkdir(parents=True)
    _git(git, folder, "init", "--quiet")
    _git(git, folder, "remote", "add", "origin", repository.remote)
    try:
        _git(git, folder, "fetch", "--quiet", "--depth=1", "--no-tags", "origin", commit)
    except GitError:
        # Some servers give out no commit that no ref names: take what the refs name.
        _git(git, folder, "fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*")
    _git(git, folder, "checkout", "--quiet", "--detach", commit)
    if repository.submodules and (folder / ".gitmodules").is_file():
        _git(git, folder, "submodule", "update", "--init", "--recursive", "--depth=1", "--quiet")
    if not repository.keep:
        for each in folder.rglob(".git"):
            shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()


def _git(git: str, folder: Path, *words: str) -> str:
    settings = ["-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false", "-c", "init.defaultBranch=main"]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
        "LC_ALL": "C",
    }
    done = subprocess.run(
        [git, *settings, *words],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        umask=0o022,
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise GitError(f"git {words[0]} failed: {said[-1] if said else done.returncode}")
    return done.stdout.decode(errors="replace")
