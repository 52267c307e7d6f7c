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
from dockyard.build.options import Slsa
from dockyard.build.origins import Base
from dockyard.build.state import rfc3339
from dockyard.build.tools import PROXIES
from dockyard.content.layout import Layout
from dockyard.errors import Error
from dockyard.images.image import Image
from dockyard.layers.layer import Layer
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.manifest import encode
from dockyard.oci.mediatype import OCI_EMPTY, OCI_MANIFEST
from dockyard.oci.platform import Platform
from dockyard.oci.reference import Reference
from dockyard.packages import spdx
from dockyard.packages.inventory import inventory
from dockyard.signing import statement

STATEMENT_TYPE = "application/vnd.in-toto+json"
PART = "dev.dockyard.sbom.part"
"""The annotation of a statement that is about a stage or the context, not about the image: which."""
_BUILD_TYPE = "https://dockyard.dev/build/dockerfile/v1"
_ARTIFACT = "application/vnd.docker.attestation.manifest.v1+json"
_PREDICATE = "in-toto.io/predicate-type"


@dataclass(frozen=True)
class Wish:
    """Which attestations are wanted; `max` provenance tells the build arguments, too, and `slsa` its form."""

    sbom: bool = False
    provenance: Literal["", "min", "max"] = ""
    slsa: Slsa = field(default_factory=Slsa)


@dataclass(frozen=True)
class Facts:
    """What is known of a build: its Dockerfile's name, digest and text, what else was asked for in the words that
    BuildKit has for it (target, platforms, without the cache), the mounts of secrets and agents, when it ran,
    and by platform what it took things from, its steps, and what else is looked into for packages.
    """

    dockerfile: str
    dockerfile_digest: str
    asked: Mapping[str, str]
    build_args: Mapping[str, str]
    mounts: Mapping[str, Sequence[Mapping[str, Any]]]
    bases: Mapping[str, Sequence[Base]]
    materials: Mapping[str, Sequence[Mapping[str, Any]]]
    began: float
    text: bytes = b""
    labels: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    scanned: Mapping[str, Mapping[str, Sequence[Layer]]] = field(default_factory=dict)


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
        said: list[tuple[str, Mapping[str, Any], str]] = []
        if wish.sbom:
            created = str(image.config.document.get("created") or rfc3339(0))
            digest = str(image.descriptor.digest)
            for part, layers in {"": image.layers, **facts.scanned.get(platform, {})}.items():
                held = inventory(layers, cache=index)
                subject = str(layers[-1].diff_id) if part and layers else digest  # a stage has no digest of its own
                document = spdx.document(held, name=part or name or digest, digest=subject, created=created)
                said.append((statement.SPDX, document, part))
        if wish.provenance:
            said.append((*_provenance(facts, platform, wish, epoch), ""))
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

    With `whole` it tells the arguments and labels, the steps with their lines, and the Dockerfile's text, where
    BuildKit has its own graph and the same text.
    """
    request: dict[str, Any] = {"frontend": "dockerfile.v0"}
    args = {**facts.asked, **{f"context:{name}": source for name, source in facts.contexts.items()}}
    if whole:
        # Proxies are this machine's own, and may have a password in them.
        told = {name: value for name, value in facts.build_args.items() if name.upper() not in PROXIES}
        args |= {f"build-arg:{name}": value for name, value in told.items()}
        args |= {f"label:{name}": value for name, value in facts.labels.items()}
        request |= {kind: list(each) for kind, each in facts.mounts.items() if each}
    if args:
        request["args"] = dict(sorted(args.items()))
    request["locals"] = [{"name": "context"}, {"name": "dockerfile"}]
    bases = [
        {"uri": _url(each.reference, each.platform), "digest": {each.digest.algorithm: each.digest.hex}}
        for each in facts.bases.get(platform, ())
    ]
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
            "resolvedDependencies": [*bases, *(dict(each) for each in facts.materials.get(platform, ()))],
        },
        "runDetails": {
            "builder": {"id": "https://dockyard.dev/build", "version": {"dockyard": __version__}},
            "metadata": metadata,
        },
    }


def _provenance(facts: Facts, platform: str, wish: Wish, epoch: int | None) -> tuple[str, dict[str, Any]]:
    """The type of the predicate, and the predicate in the form that is wanted."""
    found = provenance(facts, platform, whole=wish.provenance == "max", epoch=epoch)
    details, metadata = found["runDetails"], found["runDetails"]["metadata"]
    if wish.slsa.builder:
        details["builder"]["id"] = wish.slsa.builder
    if wish.slsa.version == "v1":
        if wish.slsa.reproducible:
            metadata["buildkit_reproducible"] = True
        return statement.PROVENANCE, found
    definition = found["buildDefinition"]
    parameters, internal = definition["externalParameters"], definition["internalParameters"]
    complete = metadata["buildkit_completeness"]
    numbers = {"buildInvocationID": metadata["invocationId"]} if "invocationId" in metadata else {}
    before = {
        "builder": {"id": details["builder"]["id"]},
        "buildType": definition["buildType"],
        "materials": definition["resolvedDependencies"],
        "invocation": {
            "configSource": {**parameters["configSource"], "entryPoint": parameters["configSource"]["path"]},
            "parameters": parameters["request"],
            "environment": {"platform": internal["builderPlatform"]},
        },
        **({"buildConfig": internal["buildConfig"]} if "buildConfig" in internal else {}),
        "metadata": {
            **numbers,
            "buildStartedOn": metadata["startedOn"],
            "buildFinishedOn": metadata["finishedOn"],
            "completeness": {
                "parameters": complete["request"],
                "environment": True,
                "materials": complete["resolvedDependencies"],
            },
            "reproducible": wish.slsa.reproducible,
            "https://mobyproject.org/buildkit@v1#metadata": metadata.get("buildkit_metadata", {}),
        },
    }
    del before["invocation"]["configSource"]["path"]  # which is what version 1 calls the entry point
    return statement.PROVENANCE_BEFORE, before


def _manifest(
    store: Layout, subject: Descriptor, said: Sequence[tuple[str, Mapping[str, Any], str]], name: str
) -> Descriptor:
    layers = []
    for predicate_type, predicate, part in said:
        raw = statement.encode(subject.digest, predicate_type, predicate, {}, name=name)
        told = {_PREDICATE: predicate_type, **({PART: part} if part else {})}
        layers.append({**store.add(STATEMENT_TYPE, raw).to_json(), "annotations": told})
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
