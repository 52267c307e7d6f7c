"""SOURCE_DATE_EPOCH: seconds since 1970, or the name of what has a time of its own."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dockyard.dockerfile import instructions as ins
from dockyard.dockerfile import shell
from dockyard.dockerfile.stages import Stage
from dockyard.errors import Error, UsageError
from dockyard.progress import Progress

if TYPE_CHECKING:
    from dockyard.build.sources.repository import Repository

_NAME = "SOURCE_DATE_EPOCH"


class EpochUnknownError(UsageError):
    """The argument SOURCE_DATE_EPOCH is neither seconds since 1970 nor the name of what has a time.

    A name is `context` (a Git repository's commit has a time, a folder none), that of a named context, or that of a
    stage that is `FROM scratch` and one ADD of a URL or a Git repository.
    """

    reference = "build-epoch-invalid"
    hint = "Give seconds since 1970: --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)"


class Names(msgspec.Struct, frozen=True):
    """What SOURCE_DATE_EPOCH may name.

    Attributes:
        made: when the build's context was made, where that is known.
        contexts: the named contexts.
        stages: the Dockerfile's.
        given: the build arguments.
        values: the global arguments' values.
        escape: the Dockerfile's.
    """

    made: int | None
    contexts: Mapping[str, str]
    stages: Sequence[Stage]
    given: dict[str, str]
    values: dict[str, str]
    escape: str


def settled(names: Names, data: Path, progress: Progress) -> int | None:
    """The build argument SOURCE_DATE_EPOCH, or the default of a global ARG of that name, in seconds.

    Where it names what has a time, `names.given` and `names.values` get that; where that has none, they lose it.

    Raises:
        EpochUnknownError, …: as `seconds`.
    """
    text = names.given.get(_NAME, names.values.get(_NAME, ""))
    epoch = seconds(text, names, data, progress)
    for each in (names.given, names.values):
        if _NAME in each and epoch is None:
            del each[_NAME]
        elif _NAME in each:
            each[_NAME] = str(epoch)
    return epoch


def seconds(text: str, names: Names, data: Path, progress: Progress) -> int | None:
    """The time that `text` says or names; None where what it names has none.

    Raises:
        EpochUnknownError: it names nothing, or a stage that is more than one source.
        git.GitError, DownloadError, …: from fetching what it names.
    """
    if not text:
        return None
    if re.fullmatch(r"\+?[0-9]{1,12}", text):
        return int(text)
    if text == "context":
        return names.made
    if text in names.contexts:
        return _context(names.contexts[text], data, progress)
    for stage in names.stages:
        if stage.name and stage.name == text.lower():
            return _stage(stage, names, data, progress)
    raise EpochUnknownError(f"SOURCE_DATE_EPOCH is {text!r}")


def _context(source: str, data: Path, progress: Progress) -> int | None:
    from dockyard.build.sources.repository import parse  # seldom needed, as what is below

    repository = parse(source)
    if repository is not None:
        return _commit(repository, data, progress)
    return _file(source, "", data, progress) if _remote(source) else None


def _stage(stage: Stage, names: Names, data: Path, progress: Progress) -> int | None:
    values = {name: value for name, value in names.values.items() if name != "SOURCE_DATE_EPOCH"}
    if shell.expand(stage.base, values, names.escape) != "scratch":
        raise EpochUnknownError(f"the stage {stage.name} is not FROM scratch")
    found: list[Repository | tuple[str, str]] = []
    for each in stage.instructions:
        match each:
            case ins.Arg():
                for name, default in each.pairs:
                    if name in names.given:
                        values[name] = names.given[name]
                    elif default is not None:
                        values[name] = shell.expand(default, values, names.escape)
            case ins.Add():
                found.append(_source(each, values, names.escape))
            case _:
                raise EpochUnknownError(f"the stage {stage.name} has more than ARG and ADD")
    if len(found) != 1:
        raise EpochUnknownError(f"the stage {stage.name} is not one ADD")
    (source,) = found
    return _file(*source, data, progress) if isinstance(source, tuple) else _commit(source, data, progress)


def _source(add: ins.Add, values: Mapping[str, str], escape: str) -> "Repository | tuple[str, str]":
    if len(add.sources) != 1 or add.heredocs:
        raise EpochUnknownError("its ADD has several sources")
    source, checksum = (shell.expand(each, values, escape) for each in (add.sources[0], add.checksum))
    from dockyard.build.sources.repository import parse  # seldom needed, as what is below

    repository = parse(source)
    if repository is not None:
        return repository.at(checksum) if checksum else repository
    if not _remote(source):
        raise EpochUnknownError(f"its ADD takes {source}, which is neither a URL nor a Git repository")
    return source, checksum


def _commit(repository: "Repository", data: Path, progress: Progress) -> int:
    from dockyard.build.sources import git  # seldom needed, as below

    return git.checkout(repository, data / "cache" / "git", progress).made


def _file(url: str, checksum: str, data: Path, progress: Progress) -> int | None:
    """When its server says that the file was last changed, or else the latest time in it, if it is an archive."""
    from dockyard.build.sources.download import download
    from dockyard.build.sources.unpack import archive_members

    found = download(url, data / "cache" / "http", checksum, {}, progress)
    if found.mtime:
        return found.mtime
    try:
        members = archive_members(str(found.path))
        times = [entry.mtime for entry, _ in members or () if entry.kind == "file"]
    except Error:
        return None
    return max(times, default=None)


def _remote(text: str) -> bool:
    return text.startswith(("http://", "https://"))
