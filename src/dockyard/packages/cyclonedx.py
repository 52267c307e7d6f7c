"""SBOM documents as CycloneDX 1.6 JSON."""

from typing import Any

from dockyard import __version__
from dockyard.packages.inventory import Inventory


def document(inventory: Inventory, *, name: str, digest: str, created: str) -> dict[str, Any]:
    """The bill of materials of the image `name` with `digest`.

    The same inventory, name, digest and time give the same document: there is no random serial number.

    Args:
        inventory: the packages.
        name: the image's name.
        digest: the digest of its manifest, `sha256:…`.
        created: RFC 3339.
    """
    distribution = inventory.distribution
    label = f"{distribution.id}-{distribution.version}" if distribution.id else ""
    components: list[dict[str, Any]] = []
    if distribution.id:
        components.append(
            {
                "type": "operating-system",
                "bom-ref": f"os:{label}",
                "name": distribution.id,
                "version": distribution.version,
            }
        )
    for number, package in enumerate(inventory.packages):
        purl = package.purl(label)
        properties = {
            "dockyard:layer": package.layer,
            "dockyard:path": package.path,
            "dockyard:source": package.source,
            "dockyard:source-version": package.source_version,
        }
        component: dict[str, Any] = {
            "type": "library",
            "bom-ref": f"{number}:{purl}",
            "name": package.name,
            "version": package.version,
            "purl": purl,
            "properties": [{"name": key, "value": value} for key, value in properties.items() if value],
        }
        if package.licence:
            component["licenses"] = [{"license": {"name": package.licence}}]
        components.append(component)
    image = {
        "type": "container",
        "bom-ref": f"image:{digest}",
        "name": name,
        "version": digest,
        "hashes": [{"alg": "SHA-256", "content": digest.partition(":")[2]}],
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": created,
            "tools": {"components": [{"type": "application", "name": "dockyard", "version": __version__}]},
            "component": image,
        },
        "components": components,
    }
