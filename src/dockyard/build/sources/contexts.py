"""Where the files of a build come from: its Dockerfile, its ignore file, and the named contexts beside it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dockyard._internal.limits import DOCKERFILE_BYTES
from dockyard.build.fault import ContextUnreadableError
from dockyard.build.sources.context import Context
from dockyard.content.layout import Layout
from dockyard.dockerfile.ignore import IgnoreRules
from dockyard.dockerfile.names import near, within
from dockyard.dockerfile.node import Dockerfile
from dockyard.dockerfile.parser import parse
from dockyard.errors import Error, UsageError
from dockyard.images.image import Image, open_image
from dockyard.oci.platform import Platform
from dockyard.oci.reference import Reference

if TYPE_CHECKING:
    from dockyard.build.sources.bases import Bases
    from dockyard.progress import Progress


class NamedContextError(UsageError):
    """A --build-context is not of the form NAME=SOURCE, or its source is of no kind that is known."""

    reference = "build-context-invalid"
    hint = "Give a folder, oci-layout://FOLDER:TAG, docker-image://NAME or the address of a Git repository."


def read_dockerfile(context: Path, dockerfile: Path | None) -> tuple[Path, Dockerfile]:
    """The Dockerfile of a build and where it lies: `dockerfile`, or the one in `context` (`names.within`).

    Raises:
        ContextUnreadableError: it is not there, cannot be read, or is too large.
        DockerfileInvalidError: it is not well formed.
    """
    path = dockerfile if dockerfile is not None else within(context)
    try:
        with open(path, "rb") as stream:
            raw = stream.read(DOCKERFILE_BYTES + 1)
    except OSError as error:
        hint = None
        if isinstance(error, NotADirectoryError) and path.parent.is_file():
            hint = f"Give the folder, and the file with -f: dockyard build -f {path.parent} {path.parent.parent}"
        elif isinstance(error, FileNotFoundError) and (name := near(path)):
            hint = f"Did you mean {name}? {ContextUnreadableError.hint}"
        raise ContextUnreadableError(
            f"cannot read {path}: {error.strerror}", context={"file": path}, hint=hint
        ) from error
    if len(raw) > DOCKERFILE_BYTES:
        raise ContextUnreadableError(f"{path} is larger than {DOCKERFILE_BYTES} bytes", context={"file": path})
    return path, parse(raw)


def ignore_rules(context: Path, dockerfile: Path | None) -> IgnoreRules:
    """The rules of `<Dockerfile>.dockerignore` beside the file, which replaces the context's `.dockerignore`."""
    beside = [dockerfile.with_name(dockerfile.name + ".dockerignore")] if dockerfile is not None else []
    for path in (*beside, context / ".dockerignore"):
        try:
            return IgnoreRules.parse(path.read_bytes()[:DOCKERFILE_BYTES])
        except FileNotFoundError:
            continue
    return IgnoreRules()


def key_of(name: str) -> str:
    """What two names of one context have in common: `alpine` and `docker.io/library/alpine:latest`."""
    try:
        return str(Reference.parse(name))
    except Error:
        return name.lower()


def opened(
    name: str, source: str, *, data: Path, bases: "Bases", platform: Platform, progress: "Progress"
) -> Context | Image:
    """What a named context is: a folder or a Git checkout as a `Context`, or an image.

    Raises:
        NamedContextError: `source` is of no kind that is known, or not there.
        git.GitError, BaseMissingError, …: from fetching it.
    """
    from dockyard.build.sources import git

    if source.startswith("oci-layout://"):
        return _layout(name, source.removeprefix("oci-layout://"), platform, bases.store)
    if source.startswith("docker-image://"):
        return bases.open(Reference.parse(source.removeprefix("docker-image://")), platform).image
    from dockyard.build.sources.repository import parse as parse_repository

    repository = parse_repository(source)
    if repository is not None:
        found = git.checkout(repository, data / "cache" / "git", progress)
        return Context(found.folder, IgnoreRules(), found.made if repository.mtime == "commit" else None)
    folder = Path(source.removeprefix("local:"))
    if "://" in source or not folder.is_dir():
        raise NamedContextError(f"the context {name} is {source}, which is neither a folder nor anything else known")
    return Context(folder, ignore_rules(folder, None))


def _layout(name: str, text: str, platform: Platform, store: Layout) -> Image:
    """An image of an OCI layout folder, `FOLDER[:TAG][@DIGEST]`, brought into the store."""
    from dockyard.content.copy import copy
    from dockyard.oci.digest import Digest

    text, _, digest = text.partition("@")
    match = re.fullmatch(r"(.*?)(?::([\w][\w.-]{0,127}))?", text)
    folder, tag = (match[1], match[2] or "") if match else (text, "")
    if not (Path(folder) / "index.json").is_file():
        raise NamedContextError(f"the context {name} is {folder}, which is no OCI layout")
    layout = Layout(Path(folder))
    if digest:
        from dockyard.content.held import held

        descriptor = held(layout, Digest.parse(digest))
    else:
        roots = layout.roots()
        named = [each for each in roots if _tag(each.annotations) == tag] if tag else []
        descriptor = named[0] if named else roots[0] if len(roots) == 1 and not tag else None
    if descriptor is None:
        raise NamedContextError(f"the context {name}: {folder} has no image {digest or tag or 'of its own'}")
    copy(layout, store, descriptor)
    return open_image(store, descriptor, platform)


def _tag(annotations: Mapping[str, str]) -> str:
    return annotations.get("org.opencontainers.image.ref.name", "").rpartition(":")[2]
