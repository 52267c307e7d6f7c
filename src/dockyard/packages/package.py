"""Packages: what was found in a file tree, with the evidence for it (package-url specification for `purl`)."""

import re
from urllib.parse import quote

import msgspec


class Package(msgspec.Struct, frozen=True, order=True):
    """One installed package.

    `ecosystem` is `debian`, `alpine`, `pypi` or `npm`; `source` and `source_version` name what it was built from,
    which is what a distribution's advisories speak of; `path` is the file that says so, `layer` the diff ID of the
    layer that brought that file.
    """

    ecosystem: str
    name: str
    version: str
    source: str = ""
    source_version: str = ""
    architecture: str = ""
    licence: str = ""
    path: str = ""
    layer: str = ""

    def purl(self, distribution: str = "") -> str:
        """The package URL; `distribution` such as `debian-12` for packages of a distribution."""
        version = quote(self.version, safe="+~.-_")
        qualifiers = (
            {"arch": self.architecture, "distro": distribution} if self.ecosystem in ("debian", "alpine") else {}
        )
        tail = "&".join(f"{key}={quote(value, safe='.-_')}" for key, value in sorted(qualifiers.items()) if value)
        kind, name = {
            "debian": ("deb/debian", quote(self.name.lower(), safe="+.-_")),
            "alpine": ("apk/alpine", quote(self.name.lower(), safe="+.-_")),
            "pypi": ("pypi", normalized("pypi", self.name)),
            "npm": ("npm", quote(self.name, safe="/")),
        }[self.ecosystem]
        return f"pkg:{kind}/{name}@{version}" + (f"?{tail}" if tail else "")


class Distribution(msgspec.Struct, frozen=True):
    """The distribution that a system says it is: `debian` `12`, `alpine` `3.16`."""

    id: str = ""
    version: str = ""

    @property
    def key(self) -> str:
        """How advisories name it: `debian:12`; Alpine's by branch, without the last number."""
        version = ".".join(self.version.split(".")[:2]) if self.id == "alpine" else self.version.split(".")[0]
        return f"{self.id}:{version}"


def normalized(ecosystem: str, name: str) -> str:
    """The name under which advisories are looked up: PyPI's by PEP 503, others as they are."""
    return re.sub(r"[-_.]+", "-", name).lower() if ecosystem == "pypi" else name
