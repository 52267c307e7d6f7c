"""What is known about an image when it is judged. None means that it could not be found out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """One known vulnerability of one package."""

    id: str
    package: str
    severity: str
    fixed_version: str = ""
    aliases: Sequence[str] = ()


@dataclass(frozen=True)
class Base:
    """An image that it was built on, and whether it was named by digest."""

    image: str
    pinned: bool


@dataclass(frozen=True)
class Facts:
    """Facts about one image.

    `findings`, `bases`, `signers` and `sbom` are None where nobody looked or could look: such a fact never passes.
    """

    registry: str
    repository: str
    tag: str
    digest: str
    user: str = ""
    healthcheck: Sequence[str] = ()
    findings: Sequence[Finding] | None = None
    feed: str = ""
    signers: Sequence[str] | None = None
    sbom: bool | None = None
    bases: Sequence[Base] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As a verdict shows them; findings by number only."""
        return {
            "image": f"{self.registry}/{self.repository}:{self.tag}",
            "digest": self.digest,
            "user": self.user,
            "healthcheck": list(self.healthcheck),
            "findings": None if self.findings is None else len(self.findings),
            "feed": self.feed,
            "signers": None if self.signers is None else list(self.signers),
            "sbom": self.sbom,
            "bases": None if self.bases is None else [{"image": b.image, "pinned": b.pinned} for b in self.bases],
        }
