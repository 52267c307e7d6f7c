"""SBOM documents as SPDX 2.3 JSON."""

import re
from typing import Any

from dockyard import __version__
from dockyard.packages.inventory import Inventory


def document(inventory: Inventory, *, name: str, digest: str, created: str) -> dict[str, Any]:
    """The SPDX document of the image `name` with `digest`; arguments as for `cyclonedx.document`."""
    distribution = inventory.distribution
    label = f"{distribution.id}-{distribution.version}" if distribution.id else ""
    root = "SPDXRef-Image"
    packages: list[dict[str, Any]] = [
        {
            "SPDXID": root,
            "name": name,
            "versionInfo": digest,
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False,
            "primaryPackagePurpose": "CONTAINER",
            "checksums": [{"algorithm": "SHA256", "checksumValue": digest.partition(":")[2]}],
        }
    ]
    relationships = [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": root}]
    for number, package in enumerate(inventory.packages):
        spdx_id = f"SPDXRef-Package-{number}-{re.sub(r'[^A-Za-z0-9.-]', '-', package.name)}"
        packages.append(
            {
                "SPDXID": spdx_id,
                "name": package.name,
                "versionInfo": package.version,
                "downloadLocation": "NOASSERTION",
                "filesAnalyzed": False,
                "licenseConcluded": "NOASSERTION",
                "licenseDeclared": "NOASSERTION",
                "copyrightText": "NOASSERTION",
                "sourceInfo": f"found in /{package.path} of layer {package.layer}",
                "externalRefs": [
                    {
                        "referenceCategory": "PACKAGE-MANAGER",
                        "referenceType": "purl",
                        "referenceLocator": package.purl(label),
                    }
                ],
            }
        )
        relationships.append({"spdxElementId": root, "relationshipType": "CONTAINS", "relatedSpdxElement": spdx_id})
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": name,
        "documentNamespace": f"https://dockyard.invalid/spdx/{digest.replace(':', '-')}",
        "creationInfo": {"created": created, "creators": [f"Tool: dockyard-{__version__}"]},
        "packages": packages,
        "relationships": relationships,
    }
