"""Git repositories as sources: for ADD, as build context and as named context. The work is done by `git`."""

import hashlib
import os
import posixpath
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dockyard._internal import process, redact
from dockyard._internal.lock import locked
from dockyard.build.sources.download import ChecksumMismatchError
from dockyard.build.sources.repository import GitSourceInvalidError, Repository, is_commit
from dockyard.errors import Error
from dockyard.progress import Progress


class GitError(Error):
    """`git` could not fetch what was asked for."""

    reference = "git-failed"
    hint = "Try it by hand: git ls-remote REPOSITORY"


@dataclass(frozen=True)
class Resolved:
    """What a ref is at.

    Attributes:
        ref: its full name; empty for a commit that is named by its number.
        object: what it names: a commit, or an annotated tag.
        commit: the commit itself.
    """

    ref: str
    object: str
    commit: str


@dataclass(frozen=True)
class Checkout:
    """A folder with a repository's tree, and when its commit was made, in seconds since 1970."""

    folder: Path
    made: int


def checkout(repository: Repository, cache: Path, progress: Progress, resolved: Resolved | None = None) -> Checkout:
    """The repository's tree, fetched once a commit.

    Args:
        repository: what is wanted.
        cache: holds the folders.
        progress: gets a task where something is fetched.
        resolved: what the ref was found to be at, where that was asked before.

    Raises:
        GitError: with what `git` said.
        ChecksumMismatchError: the ref is at another commit than it has to be.
    """
    git = process.find("git")
    found = resolved or resolve(repository)
    subdir = posixpath.normpath("/" + repository.subdir.lstrip("/"))[1:]
    keep = bool(repository.keep) and not subdir
    facts = (repository.remote, found, keep, repository.submodules, repository.mtime)
    whole = cache / hashlib.sha256(repr(facts).encode()).hexdigest()[:32]
    date = whole.with_suffix(".date")
    with locked(whole.with_suffix(".lock")):
        if not whole.is_dir():
            task = progress.start(f"git fetch {redact.url(repository.remote)}")
            beside = cache / f".{os.urandom(8).hex()}.tmp"
            try:
                date.write_text(f"{_fetch(git, repository, found, beside, keep=keep)}")
                beside.rename(whole)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
            task.done(found.commit[:12])
        made = int(date.read_text())
    folder = whole
    for part in filter(None, subdir.split("/")):
        folder = folder / part
        if folder.is_symlink() or not folder.is_dir():
            raise GitError(f"{redact.url(repository.remote)} has no folder {repository.subdir}")
    return Checkout(folder, made)


def resolve(repository: Repository) -> Resolved:
    """What the ref is at.

    Raises:
        GitSourceInvalidError: the commit that is wanted is none.
        GitError: the repository cannot be reached, or has no such ref.
        ChecksumMismatchError: the ref is at another commit than it has to be.
    """
    ref, checksum = repository.ref, repository.checksum
    if checksum and not re.fullmatch("[0-9a-fA-F]+", checksum):
        raise GitSourceInvalidError(f"{checksum} is no commit", hint="Write its hexadecimal number.")
    if is_commit(ref):
        found = Resolved("", ref, ref)
    elif repository.direct:
        if not is_commit(checksum):
            raise GitSourceInvalidError("fetch-by-commit needs the whole commit", hint="Add checksum=COMMIT.")
        full = ref if not ref or ref.startswith("refs/") else f"refs/heads/{ref}"
        found = Resolved(full, checksum, checksum)
    else:
        found = _asked(process.find("git"), repository)
    if checksum and not any(each.startswith(checksum) for each in (found.object, found.commit)):
        raise ChecksumMismatchError(
            f"{redact.url(repository.remote)} is at another commit",
            context={"wanted": checksum, "found": found.commit},
        )
    return found


def _asked(git: str, repository: Repository) -> Resolved:
    remote, ref = repository.remote, repository.ref
    if ref.startswith("-"):
        raise GitSourceInvalidError(f"{ref!r} is no ref")
    if not ref:
        for line in _git(git, Path("/"), "ls-remote", "--symref", "--", remote, "HEAD").splitlines():
            name, _, what = line.partition("\t")
            if what == "HEAD" and name.startswith("ref: "):
                ref = name.removeprefix("ref: ")
            elif what == "HEAD" and not ref:  # a HEAD that is detached
                return Resolved("", name, name)
    found = {}
    for line in _git(git, Path("/"), "ls-remote", "--", remote, ref, f"{ref}^{{}}").splitlines() if ref else ():
        commit, _, name = line.partition("\t")
        found[name] = commit
    heads, tags = f"refs/heads/{ref.removeprefix('refs/heads/')}", f"refs/tags/{ref.removeprefix('refs/tags/')}"
    for name in (f"refs/{ref.removeprefix('refs/')}", heads, tags):
        if name in found:
            return Resolved(name, found[name], found.get(f"{name}^{{}}", found[name]))
    raise GitError(f"{redact.url(remote)} has no branch or tag {ref or 'HEAD'}", context={"ref": ref or "HEAD"})


def _fetch(git: str, repository: Repository, found: Resolved, folder: Path, *, keep: bool) -> int:
    folder.mkdir(parents=True)
    names = ["--object-format=sha256"] if len(found.commit) == 64 else []
    _git(git, folder, "init", "--quiet", *names)
    _git(git, folder, "remote", "add", "origin", repository.remote)
    wanted = f"{found.object}:{found.ref}" if found.ref else found.object
    try:
        _git(git, folder, "fetch", "--quiet", "-u", "--depth=1", "--no-tags", "origin", wanted)
    except GitError:
        # Some servers give out no commit that no ref names, and some whole histories only: take what the refs name, and
        # from there what is wanted, so that what is kept is the same whatever the server can do.
        whole = folder / ".git" / "whole"
        _git(git, folder, "init", "--quiet", "--bare", *names, str(whole))
        _git(git, whole, "fetch", "--quiet", "--tags", repository.remote, "+refs/heads/*:refs/heads/*")
        _git(git, folder, "fetch", "--quiet", "-u", "--depth=1", "--no-tags", f"file://{whole}", wanted)
        shutil.rmtree(whole)
    _git(git, folder, "checkout", "--quiet", "--detach", found.commit)
    if repository.submodules and (folder / ".gitmodules").is_file():
        words = ["submodule", "update", "--init", "--recursive", "--quiet"]
        try:
            _git(git, folder, *words, "--depth=1")
        except GitError:
            _git(git, folder, *words)
    made = int(_git(git, folder, "log", "-1", "--format=%ct", found.commit))
    if keep:
        # Nothing of how and when it was fetched, and no password that the address has.
        _git(git, folder, "remote", "set-url", "origin", redact.url(repository.remote))
        _git(git, folder, "reflog", "expire", "--all", "--expire=now")
        (folder / ".git" / "FETCH_HEAD").unlink(missing_ok=True)
    else:
        for each in folder.rglob(".git"):
            shutil.rmtree(each) if each.is_dir() and not each.is_symlink() else each.unlink()
    if repository.mtime == "commit":
        for path in (*folder.rglob("*"), folder):
            os.utime(path, (made, made), follow_symlinks=False)
    return made


def _git(git: str, folder: Path, *words: str) -> str:
    settings = ["-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false", "-c", "init.defaultBranch=master"]
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
        said = done.stderr.decode(errors="replace").partition("Please make sure")[0].split("\n")
        lines = [each.strip() for each in said if each.strip() and not each.startswith(("warning: ", "hint: "))]
        raise GitError(f"git {words[0]} failed: {'; '.join(lines[-3:]) if lines else done.returncode}")
    return done.stdout.decode(errors="replace")
