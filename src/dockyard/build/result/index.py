"""The index over a build's images: one a platform, and what attests to them."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dockyard._internal import redact
from dockyard.build.annotations import of
from dockyard.build.check import TRUE
from dockyard.build.ground import Ground
from dockyard.build.options import Options
from dockyard.build.plan import Plan, predefined
from dockyard.content.layout import Layout
from dockyard.dockerfile import stages as language
from dockyard.dockerfile.node import Dockerfile
from dockyard.errors import UsageError
from dockyard.images.image import Image
from dockyard.layers.layer import Layer
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.manifest import encode
from dockyard.oci.mediatype import OCI_INDEX, named
from dockyard.oci.platform import Platform

if TYPE_CHECKING:
    from dockyard.build.result.attestation import Facts


def wanted(options: Options, platforms: Sequence[Platform]) -> bool:
    """Whether the result of a build is an index.

    Raises:
        UsageError: something is asked for that such a result cannot have.
    """
    attested = options.sbom or options.provenance
    if attested and options.family == "docker":
        raise UsageError(
            "attestations have no place in an image with Docker's media types", hint="Leave oci-mediatypes=false out."
        )
    several = len(platforms) > 1 or bool(attested) or options.build_args.get("BUILDKIT_MULTI_PLATFORM", "") in TRUE
    if not several and any(each.place.startswith("index") for each in options.annotations):
        raise UsageError(
            "an image for one platform has no index to annotate",
            hint="Annotate its manifest, or build for several platforms, with --provenance, or with "
            "--build-arg BUILDKIT_MULTI_PLATFORM=1.",
        )
    return several


def index(ground: Ground, plans: Sequence[Plan], images: Mapping[str, Image], began: float) -> Descriptor:
    """Write the index, and the attestations that were asked for.

    Args:
        ground: what the build was given.
        plans: those that were built, one a platform.
        images: what they came to, by platform.
        began: when the build did, in seconds since 1970.
    """
    from dockyard.build.result.attestation import Wish, attested  # heavy, and seldom asked for

    options = ground.options
    entries = attested(
        ground.store,
        images,
        Wish(options.sbom, options.provenance, options.slsa),
        _facts(ground, plans, began),
        options.annotations,
        name=str(options.tags[0]) if options.tags else "",
        index=ground.data / "index",
        epoch=plans[0].tools.epoch,
    )
    return _written(ground.store, entries, options)


def listed(target: Descriptor, image: Image, options: Options, *, several: bool) -> Descriptor:
    """`target` as the list of an archive names it; when it was created is told there, too."""
    platform = None if several else image.config.platform
    told = {"org.opencontainers.image.created": str(image.config.document["created"])[:19] + "Z"}
    if several:
        told |= of(options.annotations, "index-descriptor")
    else:
        told |= of(options.annotations, "manifest-descriptor", image.config.platform.normal())
    return Descriptor(target.media_type, target.digest, target.size, dict(sorted(told.items())), platform)


def _facts(ground: Ground, plans: Sequence[Plan], began: float) -> "Facts":
    from dockyard.build.result.attestation import Facts

    options, text = ground.options, ground.path.read_bytes()
    return Facts(
        ground.path.name,
        hashlib.sha256(text).hexdigest(),
        _asked(options),
        options.build_args,
        {name: _mounted(ground.dockerfile, plans[0], name) for name in ("secrets", "ssh")},
        {str(plan.platform): plan.origins.used for plan in plans},
        {str(plan.platform): plan.tools.materials for plan in plans},
        began,
        text,
        options.labels,
        {name: redact.url(source) for name, source in options.contexts.items()},
        {str(plan.platform): _steps(plan) for plan in plans},
        {str(plan.platform): _scanned(plan) for plan in plans if options.sbom},
    )


def _steps(plan: Plan) -> list[dict[str, Any]]:
    return [{"line": each.line, "stage": each.stage, "text": each.text} for each in plan.reports]


def _scanned(plan: Plan) -> Mapping[str, Sequence[Layer]]:
    from dockyard.build.result.scanned import scanned

    return scanned(plan, language.target_stage(plan.stages, plan.options.target))


def _asked(options: Options) -> dict[str, str]:
    """What the build is told beside arguments, labels and contexts, in BuildKit's words."""
    stages = sorted(options.uncached - {"*"})
    return {
        **({"target": options.target} if options.target else {}),
        **({"platform": ",".join(str(each) for each in options.platforms)} if options.platforms else {}),
        **({"no-cache": ",".join(stages)} if options.uncached else {}),
    }


def _mounted(parsed: Dockerfile, plan: Plan, kind: str) -> list[dict[str, Any]]:
    """The secrets or agents that the target's RUN steps ask for, as provenance tells them."""
    from dockyard.dockerfile.outline import outline

    options = plan.options
    values = predefined(plan.platform, options.target, options.build_args)
    asked = outline(parsed, options.target, options.build_args, values)[kind]
    return [{"id": each["id"], **({} if each["required"] else {"optional": True})} for each in asked]


def _written(store: Layout, manifests: list[dict[str, Any]], options: Options) -> Descriptor:
    """An index (image-spec, image-index.md) over one image a platform, and their attestations."""
    media_type = named(OCI_INDEX, options.family)
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_type, "manifests": manifests}
    annotations = of(options.annotations, "index")
    if annotations:
        document["annotations"] = annotations
    return store.add(media_type, encode(document))
