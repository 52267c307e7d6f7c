"""Package databases: from their bytes to packages. Nothing here is trusted to be well-formed."""

import json
import re
from collections.abc import Iterator
from email.parser import BytesHeaderParser

from dockyard.packages.debian_index import fields
from dockyard.packages.package import Distribution, Package

_BINARY_REBUILD = re.compile(r"\+b\d+$")
_SOURCE = re.compile(r"([^\s(]+)(?:\s*\(([^)]+)\))?")


def dpkg(data: bytes) -> Iterator[Package]:
    """Dpkg's `status`, or one file of `status.d`: the packages that are installed."""
    for stanza in data.decode("utf-8", "replace").split("\n\n"):
        found = fields(stanza.strip("\n"))
        name, version = found.get("Package", ""), found.get("Version", "")
        if not name or not version or not found.get("Status", "installed").endswith("installed"):
            continue
        match = _SOURCE.match(found.get("Source", ""))
        source = match[1] if match else name
        source_version = (match[2] if match and match[2] else "") or _BINARY_REBUILD.sub("", version)
        yield Package("debian", name, version, source, source_version, found.get("Architecture", ""))


def apk(data: bytes) -> Iterator[Package]:
    """Apk's `installed`."""
    for stanza in data.decode("utf-8", "replace").split("\n\n"):
        found = {line[0]: line[2:] for line in stanza.split("\n") if line[1:2] == ":"}
        if "P" in found and "V" in found:
            source = found.get("o", found["P"])
            yield Package(
                "alpine", found["P"], found["V"], source, found["V"], found.get("A", ""), found.get("L", "").strip()
            )


def apk_files(data: bytes) -> Iterator[str]:
    """The paths of the files that apk installed."""
    folder = ""
    for line in data.decode("utf-8", "replace").split("\n"):
        if line.startswith("F:"):
            folder = line[2:]
        elif line.startswith("R:"):
            yield f"{folder}/{line[2:]}".lstrip("/")


def wheel(data: bytes) -> Iterator[Package]:
    """`METADATA` of a `.dist-info`, or `PKG-INFO` of an `.egg-info`."""
    found = BytesHeaderParser().parsebytes(data.split(b"\n\n")[0])
    name, version = found.get("Name", ""), found.get("Version", "")
    if name and version:
        licence = found.get("License-Expression") or found.get("License") or ""
        yield Package("pypi", str(name), str(version), licence=str(licence).split("\n")[0][:100])


def npm(data: bytes) -> Iterator[Package]:
    """`package.json` of an installed module."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):  # some modules carry broken ones as test data
        return
    if isinstance(found, dict) and isinstance(found.get("name"), str) and isinstance(found.get("version"), str):
        licence = found.get("license")
        if found["name"] and found["version"]:
            yield Package("npm", found["name"], found["version"], licence=licence if isinstance(licence, str) else "")


def os_release(data: bytes) -> Distribution:
    """`os-release`: which distribution it is."""
    found = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', data.decode("utf-8", "replace"), re.MULTILINE))
    return Distribution(found.get("ID", ""), found.get("VERSION_ID", ""))
