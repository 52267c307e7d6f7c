"""Gathering facts: from the image's configuration, and from what its signers attached."""

from collections.abc import Sequence

from dockyard.images.image import Image
from dockyard.oci.reference import Reference
from dockyard.policy.facts import Base, Facts, Finding
from dockyard.signing import statement
from dockyard.signing.keys import PublicKey
from dockyard.signing.place import Place
from dockyard.signing.verify import SignatureMissingError, examine


def gather(
    image: Image,
    reference: Reference,
    *,
    findings: Sequence[Finding] | None,
    feed: str = "",
    bases: Sequence[Base] | None = None,
    keys: Sequence[PublicKey] = (),
    place: Place | None = None,
) -> Facts:
    """The facts about `image`.

    Args:
        image: its configuration is read.
        reference: the name that it has or will have.
        findings: from a scan; None if there was none.
        feed: which advisories the scan knew.
        bases: what it was built on, from the builder; None if that is not known.
        keys: whose signatures and attestations count.
        place: where those lie; None leaves them unknown.
    """
    signers: list[str] | None = None
    sbom: bool | None = None
    if keys and place is not None:
        try:
            verified, _ = examine(image.descriptor, list(keys), place=place)
        except SignatureMissingError:
            verified = []
        kinds = {each.predicate_type for each in verified}
        signed = [each for each in verified if each.predicate_type in ("", statement.SIGNATURE)]
        signers = sorted({each.key_id for each in signed})
        sbom = any(kind.startswith((statement.CYCLONEDX, statement.SPDX)) for kind in kinds)
    config = image.config.execution
    return Facts(
        registry=reference.registry,
        repository=reference.repository,
        tag=reference.tag,
        digest=str(image.descriptor.digest),
        user=str(config.get("User") or ""),
        healthcheck=[str(item) for item in (config.get("Healthcheck") or {}).get("Test") or []],
        findings=findings,
        feed=feed,
        signers=signers,
        sbom=sbom,
        bases=bases,
        labels={str(key): str(value) for key, value in (config.get("Labels") or {}).items()},
    )
