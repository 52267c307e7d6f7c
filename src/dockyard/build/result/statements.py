"""The attestations of a build, read back: for files beside an exported tree, and for those that report on the build."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from dockyard.build.copy.trees import digests
from dockyard.build.result.attestation import PART, STATEMENT_TYPE
from dockyard.content.store import Reader, read
from dockyard.images.image import Image
from dockyard.oci.descriptor import Descriptor
from dockyard.signing import statement

_PROVENANCE = (statement.PROVENANCE, statement.PROVENANCE_BEFORE)


class Said(msgspec.Struct, frozen=True):
    """One statement: its predicate and the type of that; `part` is what it is about, if not about all of the image."""

    type: str
    predicate: Mapping[str, Any]
    part: str = ""


def said(store: Reader, descriptor: Descriptor, image: Image) -> list[Said]:
    """What the index `descriptor` says about `image`, in its order; nothing where it is no index."""
    found: list[Said] = []
    if descriptor.digest == image.descriptor.digest:
        return found
    index = json.loads(read(store, descriptor))
    for entry in index["manifests"]:
        if (entry.get("annotations") or {}).get("vnd.docker.reference.digest") != str(image.descriptor.digest):
            continue
        manifest = json.loads(read(store, Descriptor.from_json(entry)))
        for layer in manifest["layers"]:
            if layer["mediaType"] == STATEMENT_TYPE:
                document = json.loads(read(store, Descriptor.from_json(layer)))
                part = (layer.get("annotations") or {}).get(PART, "")
                found.append(Said(document["predicateType"], document["predicate"], part))
    return found


def files(
    store: Reader,
    descriptor: Descriptor,
    image: Image,
    *,
    prefix: str = "",
    platform: str = "",
    provenance: str = "provenance.json",
) -> dict[str, bytes]:
    """What is said about `image`, as files to stand beside its own, by name.

    As with BuildKit, they are `provenance.json` and `sbom.spdx.json`, and their statements are about every file.

    Args:
        store: holds the statements.
        descriptor: the index that has them.
        image: what they are about.
        prefix: begins each name.
        platform: stands in each name, where several images share a folder.
        provenance: the name of the provenance; empty leaves it out.
    """
    found = {}
    subject: list[dict[str, Any]] | None = None
    for each in said(store, descriptor, image):
        name = provenance if each.type in _PROVENANCE else f"sbom{f'-{each.part}' if each.part else ''}.spdx.json"
        if not name:
            continue
        if subject is None:
            tree = image.tree()
            files = digests((node for node in tree.walk() if node.entry.kind == "file"), tree)
            subject = [{"name": path, "digest": {"sha256": digest}} for path, digest in sorted(files.items())]
        document = {"_type": statement.TYPE, "predicateType": each.type, "subject": subject}
        stem, dot, rest = name.rpartition(".")
        infix = f".{platform.replace('/', '_')}" * bool(platform)
        whole = {**document, "predicate": each.predicate}
        found[f"{prefix}{stem}{infix}{dot}{rest}"] = json.dumps(whole, indent=2).encode()
    return found
