"""References: which image, where (docker/distribution's reference grammar and its familiar names)."""

import re

import msgspec
from msgspec.structs import replace

from dockyard.errors import UsageError
from dockyard.oci.digest import Digest, DigestInvalidError

DEFAULT_REGISTRY = "docker.io"
_REGISTRY = (  # compiled where a registry is named
    r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?"
)
REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")


class ReferenceInvalidError(UsageError):
    """An image's name does not follow the grammar `[registry/]repository[:tag][@digest]`."""

    reference = "reference-invalid"
    hint = "Write an image as name[:tag], registry/name[:tag] or name@sha256:…; repositories are lower-case."


class Reference(msgspec.Struct, frozen=True):
    """`registry/repository` with a tag, a digest, both or neither. Made by `parse`, at the edge."""

    registry: str
    repository: str
    tag: str = ""
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str, *, default_tag: str = "latest") -> "Reference":
        """The reference that people mean by `text`.

        `alpine` is `docker.io/library/alpine:latest`; a first part with a dot, a colon or the name `localhost`
        is a registry. Without tag and digest the tag is `default_tag` (`""` leaves it out).

        Raises:
            ReferenceInvalidError: `text` does not follow the grammar.
        """
        name, at, encoded = text.partition("@")
        digest = None
        if at:
            try:
                digest = Digest.parse(encoded)
            except DigestInvalidError as error:
                raise ReferenceInvalidError(f"{text!r} has an invalid digest: {error.message}") from error
        first, slash, rest = name.partition("/")
        if slash and ("." in first or ":" in first or first == "localhost" or first != first.lower()):
            registry, path = first, rest
        else:
            registry, path = DEFAULT_REGISTRY, name
        if registry == "index.docker.io":
            registry = DEFAULT_REGISTRY
        path, _, tag = path.partition(":")
        if registry == DEFAULT_REGISTRY and "/" not in path:
            path = f"library/{path}"
        if registry != DEFAULT_REGISTRY and not re.fullmatch(_REGISTRY, registry):
            raise ReferenceInvalidError(f"{text!r} has an invalid registry: {registry!r}")
        if not REPOSITORY.fullmatch(path) or len(path) > 255:
            hint = f"Write it in lower case: {text.lower()}" if REPOSITORY.fullmatch(path.lower()) else None
            raise ReferenceInvalidError(f"{text!r} has an invalid repository name: {path!r}", hint=hint)
        if (tag or name.endswith(":")) and not TAG.fullmatch(tag):
            raise ReferenceInvalidError(f"{text!r} has an invalid tag: {tag!r}")
        return cls(registry, path, tag or ("" if digest else default_tag), digest)

    def __str__(self) -> str:
        """The canonical form, with registry and namespace spelled out."""
        return self._written(f"{self.registry}/{self.repository}")

    @property
    def familiar(self) -> str:
        """The short form that people type: `alpine:3.16`."""
        if self.registry != DEFAULT_REGISTRY:
            return str(self)
        return self._written(self.repository.removeprefix("library/"))

    def _written(self, name: str) -> str:
        return name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    @property
    def name(self) -> str:
        """`registry/repository`, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    def with_tag(self, tag: str) -> "Reference":
        """The same repository under another tag, without digest.

        Raises:
            ReferenceInvalidError: it is not a tag.
        """
        if not TAG.fullmatch(tag):
            raise ReferenceInvalidError(f"invalid tag: {tag!r}")
        return replace(self, tag=tag, digest=None)

    def with_digest(self, digest: Digest) -> "Reference":
        """The same repository at a digest, without tag."""
        return replace(self, tag="", digest=digest)
