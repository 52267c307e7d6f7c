"""What a build says about its images: an SBOM and where they come from, attached as BuildKit attaches it.

An attestation manifest stands beside the image in an index; its layers are in-toto statements, unsigned. Whoever signs
the index signs them with it.
"""

import base64
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from dockyard import __version__
from dockyard.build.annotations import Annotation, of
from dockyard.build.plan import Base
from dockyard.build.state import rfc3339
from dockyard.content.layout import Layout
from dockyard.errors import Error
from dockyard.images.image import Image
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.manifest import encode
from dockyard.oci.mediatype import OCI_EMPTY, OCI_MANIFEST
from dockyard.oci.platform import Platform
from dockyard.oci.reference import Reference
from dockyard.packages import spdx
from dockyard.packages.inventory import inventory
from dockyard.signing import statement

STATEMENT_TYPE = "application/vnd.in-toto+json"
_BUILD_TYPE = "https://dockyard.dev/build/dockerfile/v1"
_ARTIFACT = "application/vnd.docker.attestation.manifest.v1+json"
_PREDICATE = "in-toto.io/predicate-type"


@dataclass(frozen=True)
class Wish:
    """Which attestations are wanted; `max` provenance tells the build arguments, too."""

    sbom: bool = False
    provenance: Literal["", "min", "max"] = ""


@dataclass(frozen=True)
class Facts:
    """What is known of a build: its Dockerfile's name, digest and text, what it took things from, when it ran, and its
    steps by platform.
    """

    dockerfile: str
    dockerfile_digest: str
    target: str
    build_args: Mapping[str, str]
    secrets: Sequence[str]
    bases: Sequence[Base]
    materials: Sequence[Mapping[str, Any]]
    began: float
    text: bytes = b""
    labels: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


def attested(
    store: Layout,
    images: Mapping[str, Image],
    wish: Wish,
    facts: Facts,
    annotations: Sequence[Annotation] = (),
    *,
    name: str,
    index: Path,
    epoch: int | None,
) -> list[dict[str, Any]]:
    """The entries of an index: every image by its platform, then the attestations of each.

    Args:
        store: gets the statements and manifests.
        images: by platform.
        wish: what is wanted.
        facts: of the build.
        annotations: those of the entries are taken.
        name: what the image is called, or empty.
        index: keeps what layers hold.
        epoch: the time to tell, where nothing may depend on the clock.
    """
    entries = []
    for text, image in images.items():
        wanted = Platform.parse(text)
        own = of(annotations, "manifest-descriptor", wanted)
        told = {"annotations": own} if own else {}
        entries.append({**image.descriptor.to_json(), **told, "platform": wanted.to_json()})
    for platform, image in images.items():
        said: list[tuple[str, Mapping[str, Any]]] = []
        if wish.sbom:
            created = str(image.config.document.get("created") or rfc3339(0))
            held = inventory(image.layers, cache=index)
            digest = str(image.descriptor.digest)
            said.append((statement.SPDX, spdx.document(held, name=name or digest, digest=digest, created=created)))
        if wish.provenance:
            said.append(
                (statement.PROVENANCE, provenance(facts, platform, whole=wish.provenance == "max", epoch=epoch))
            )
        if said:
            manifest = _manifest(store, image.descriptor, said, _url(name, platform) if name else "_")
            about = {
                "vnd.docker.reference.digest": str(image.descriptor.digest),
                "vnd.docker.reference.type": "attestation-manifest",
            }
            unknown = {"architecture": "unknown", "os": "unknown"}
            entries.append({**manifest.to_json(), "annotations": about, "platform": unknown})
    return entries


def provenance(facts: Facts, platform: str, *, whole: bool, epoch: int | None) -> dict[str, Any]:
    """A SLSA v1 predicate (slsa.dev/spec/v1.0/provenance). Secrets are told by id, never by value.

    With `whole` it tells the arguments, labels and named contexts, the steps with their lines, and the Dockerfile's
    text, where BuildKit has its own graph and the same text.
    """
    request: dict[str, Any] = {"frontend": "dockerfile.v0", "target": facts.target}
    if facts.secrets:
        request["secrets"] = [{"id": each} for each in facts.secrets]
    if whole:
        told = (("build-arg", facts.build_args), ("context", facts.contexts), ("label", facts.labels))
        request["args"] = {f"{kind}:{name}": each[name] for kind, each in told for name in sorted(each)}
    request["locals"] = [{"name": "context"}, {"name": "dockerfile"}]
    bases = [{"uri": _url(each.reference), "digest": {each.digest.algorithm: each.digest.hex}} for each in facts.bases]
    began, ended = (facts.began, time.time()) if epoch is None else (epoch, epoch)
    internal: dict[str, Any] = {"builderPlatform": str(Platform.host()), "targetPlatform": platform}
    metadata: dict[str, Any] = {"startedOn": rfc3339(began), "finishedOn": rfc3339(ended)}
    if epoch is None:  # a number of this run alone, as the times are
        metadata["invocationId"] = secrets.token_hex(12)
    # Folders of this machine are no materials that could be fetched again, so the list of those is never complete.
    metadata["buildkit_completeness"] = {"request": whole, "resolvedDependencies": False}
    if whole:
        internal["buildConfig"] = {"steps": list(facts.steps.get(platform, ()))}
        data = base64.b64encode(facts.text).decode()
        source = {"filename": facts.dockerfile, "language": "Dockerfile", "data": data}
        metadata["buildkit_metadata"] = {"source": {"infos": [source]}}
    return {
        "buildDefinition": {
            "buildType": _BUILD_TYPE,
            "externalParameters": {
                "configSource": {"path": facts.dockerfile, "digest": {"sha256": facts.dockerfile_digest}},
                "request": request,
            },
            "internalParameters": internal,
            "resolvedDependencies": [*bases, *(dict(each) for each in facts.materials)],
        },
        "runDetails": {
            "builder": {"id": "https://dockyard.dev/build", "version": {"dockyard": __version__}},
            "metadata": metadata,
        },
    }


def _manifest(
    store: Layout, subject: Descriptor, said: Sequence[tuple[str, Mapping[str, Any]]], name: str
) -> Descriptor:
    layers = []
    for predicate_type, predicate in said:
        raw = statement.encode(subject.digest, predicate_type, predicate, {}, name=name)
        layers.append({**store.add(STATEMENT_TYPE, raw).to_json(), "annotations": {_PREDICATE: predicate_type}})
    # The artifact form that BuildKit writes beside OCI's media types: an empty configuration, and the image as subject.
    empty = {**store.add(OCI_EMPTY, b"{}").to_json(), "data": "e30="}
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": _ARTIFACT,
        "config": empty,
        "layers": layers,
        "subject": Descriptor(subject.media_type, subject.digest, subject.size).to_json(),
    }
    return store.add(OCI_MANIFEST, encode(document))


def _url(text: str, platform: str = "") -> str:
    """The package URL of an image, as BuildKit writes it: the familiar name, and a digest or else the tag."""
    try:
        reference = Reference.parse(text)
    except Error:
        return text  # a named context's address
    parts = [f"digest={quote(str(reference.digest), safe=':')}"] if reference.digest is not None else []
    parts += [f"platform={quote(platform, safe='')}"] if platform else []
    name = reference.familiar.partition("@")[0].removesuffix(f":{reference.tag}")
    return f"pkg:docker/{quote(name)}" + f"@{reference.tag}" * bool(reference.tag) + "?" * bool(parts) + "&".join(parts)
