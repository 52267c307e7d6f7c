"""ADD of URLs and Git repositories."""

import posixpath
from urllib.parse import unquote, urlsplit

from msgspec.structs import replace

from dockyard._internal import redact
from dockyard._internal.limits import NAME_BYTES
from dockyard.build import material
from dockyard.build.budget import FETCH
from dockyard.build.fault import place
from dockyard.build.sources import git
from dockyard.build.sources.context import Context
from dockyard.build.sources.download import download
from dockyard.build.sources.repository import AddressInvalidError, parse
from dockyard.build.sources.source import Contents, Files, Item
from dockyard.build.stage import Stage
from dockyard.dockerfile import instructions as ins
from dockyard.dockerfile.ignore import IgnoreRules
from dockyard.errors import UsageError


class ChecksumUseError(UsageError):
    """ADD --checksum was given for something that is neither a URL nor a Git repository, or for several sources."""

    reference = "checksum-use"
    hint = "Give --checksum=sha256:… with one URL, or a commit with one Git repository."


def fetch(stage: Stage, instruction: ins.Add, source: str) -> Contents | None:
    """What `source` of an ADD gives where it is a URL or a Git repository; None where it is a path of the context.

    Raises:
        AddressInvalidError, ChecksumUseError, ChecksumMismatchError, DownloadError, git.GitError: see there.
    """
    tools = stage.tools
    checksum = stage.expand(instruction.checksum) if instruction.checksum else ""
    context = place(instruction.node)
    if checksum and len(instruction.sources) != 1:
        raise ChecksumUseError("--checksum is for one source", context=context)
    repository = parse(source)
    if repository is not None:
        if instruction.keep_git_dir is not None:
            repository = repository.keeping(keep=instruction.keep_git_dir)
        if checksum:
            repository = repository.at(checksum)
        # BuildKit reads mtime=commit in the address of a context only; here it takes it and does nothing with it.
        repository = replace(repository, mtime="checkout")
        resolved = git.resolve(repository)
        tools.note(material.repository(redact.url(repository.remote), resolved.commit))
        with tools.budget.granted(FETCH, tools.cancelled.is_set):
            folder = git.checkout(repository, tools.data / "cache" / "git", stage.step, resolved).folder
        return Context(folder, IgnoreRules())
    if not source.startswith(("http://", "https://")):
        if checksum:
            raise ChecksumUseError(f"--checksum is not for {source}, which is in the context", context=context)
        return None
    name = posixpath.basename(unquote(urlsplit(source).path).rstrip("/")) or "__unnamed__"
    if name in (".", "..") or "\0" in name or len(name.encode("utf-8", "surrogateescape")) > NAME_BYTES:
        raise AddressInvalidError(f"{redact.url(source)[:200]} names no file: {name[:60]!r}", context=context)
    headers = {}
    host = urlsplit(source).hostname or ""
    for secret, form in ((f"HTTP_AUTH_HEADER_{host}", "{}"), (f"HTTP_AUTH_TOKEN_{host}", "Bearer {}")):
        if (given := tools.options.secrets.get(secret)) is not None:
            headers["Authorization"] = form.format(given.value.decode("utf-8", "replace").strip())
            break
    with tools.budget.granted(FETCH, tools.cancelled.is_set):
        found = download(source, tools.data / "cache" / "http", checksum, headers, stage.step)
    tools.note(material.file(redact.url(source), found.path.name))
    item = Item(name, name, "file", 0o600, size=found.size, mtime=found.mtime, handle=str(found.path))
    return Files(item)
