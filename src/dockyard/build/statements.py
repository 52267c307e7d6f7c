"""The attestations of a build, read back: for files beside an exported tree, and for those that report on the build."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dockyard._internal import atomic
from dockyard.build.attestation import STATEMENT_TYPE
from dockyard.content.store import Reader, read
from dockyard.images.image import Image
from dockyard.oci.descriptor import Descriptor
from dockyard.signing import statement

_NAMES = {statement.PROVENANCE: "provenance.json", statement.SPDX: "sbom.spdx.json"}


def said(store: Reader, descriptor: Descriptor, image: Image) -> dict[str, Mapping[str, Any]]:
    """What the index `descriptor` says about `image`, by predicate type; nothing where it is no index."""
    found: dict[str, Mapping[str, Any]] = {}
    if descriptor == image.descriptor:
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


def beside(store: Reader, descriptor: Descriptor, image: Image, folder: Path) -> None:
    """Write what is said about `image` into `folder`, which holds its files.

    As with BuildKit, the files are `provenance.json` and `sbom.spdx.json`, and their statements are about every file.
    """
    predicates = said(store, descriptor, image)
    if not predicates:
        return
    subject = []
    for node in image.tree().walk():
        if node.entry.kind == "file":
            with open(folder / node.path, "rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            subject.append({"name": node.path, "digest": {"sha256": digest}})
    for type_, predicate in predicates.items():
        document = {"_type": statement.TYPE, "predicateType": type_, "subject": subject, "predicate": predicate}
        atomic.write(folder / _NAMES[type_], json.dumps(document, indent=2).encode())
