"""The attestations of a build, read back: for files beside an exported tree, and for those that report on the build."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from dockyard.build.attestation import STATEMENT_TYPE
from dockyard.content.store import Reader, read
from dockyard.images.image import Image
from dockyard.oci.descriptor import Descriptor
from dockyard.signing import statement

_NAMES = {statement.PROVENANCE: "provenance.json", statement.SPDX: "sbom.spdx.json"}


def said(store: Reader, descriptor: Descriptor, image: Image) -> dict[str, Mapping[str, Any]]:
    """What the index `descriptor` says about `image`, by predicate type; nothing where it is no index."""
    found: dict[str, Mapping[str, Any]] = {}
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
                found[document["predicateType"]] = document["predicate"]
    return found


def files(
    store: Reader, descriptor: Descriptor, image: Image, *, prefix: str = "", platform: str = ""
) -> dict[str, bytes]:
    """What is said about `image`, as files to stand beside its own, by name.

    As with BuildKit, they are `provenance.json` and `sbom.spdx.json`, and their statements are about every file.

    Args:
        store: holds the statements.
        descriptor: the index that has them.
        image: what they are about.
        prefix: begins each name.
        platform: stands in each name, where several images share a folder.
    """
    predicates = said(store, descriptor, image)
    if not predicates:
        return {}
    subject = [{"name": path, "digest": {"sha256": digest}} for path, digest in _digests(image)]
    found = {}
    for type_, predicate in predicates.items():
        document = {"_type": statement.TYPE, "predicateType": type_, "subject": subject, "predicate": predicate}
        stem, _, rest = _NAMES[type_].rpartition(".")
        infix = f".{platform.replace('/', '_')}" * bool(platform)
        found[f"{prefix}{stem}{infix}.{rest}"] = json.dumps(document, indent=2).encode()
    return found


def _digests(image: Image) -> list[tuple[str, str]]:
    """The path and SHA-256 of every file, sorted by path."""
    tree = image.tree()
    names: dict[int, dict[str, list[str]]] = {}
    for node in tree.walk():
        if node.entry.kind == "file":
            names.setdefault(node.layer, {}).setdefault(node.content, []).append(node.path)
    found = []
    for number, wanted in names.items():
        for entry, content in tree.files(number, wanted):
            digest = hashlib.sha256()
            while chunk := content.read(1 << 20):
                digest.update(chunk)
            found += [(path, digest.hexdigest()) for path in wanted[entry.path]]
    return sorted(found)
