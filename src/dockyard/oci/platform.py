"""Platforms: operating system, architecture and variant (image-spec, image-index.md)."""

import os
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from dockyard.errors import UsageError

_MACHINES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "i386": "386",
    "i686": "386",
    "armv7l": "arm",
    "ppc64le": "ppc64le",
}


_SYSTEMS = ("linux", "windows", "darwin", "freebsd")
_ARCHITECTURES = (
    "amd64",
    "arm64",
    "arm",
    "386",
    "ppc64le",
    "s390x",
    "riscv64",
    "mips64le",
    "loong64",
    "armhf",
    "armel",
)


class PlatformInvalidError(UsageError):
    """A platform is not of the form `os/architecture[/variant]`, with a version of `os` in brackets behind it."""

    reference = "platform-invalid"
    hint = "Write a platform as os/architecture, for example linux/amd64 or linux/arm64/v8."


class Platform(msgspec.Struct, frozen=True):
    """`os[(version)]/architecture[/variant]` with Go's names, as images use them; only Windows has versions."""

    os: str
    architecture: str
    variant: str = ""
    version: str = ""

    @classmethod
    def parse(cls, text: str) -> "Platform":
        """The platform written as `text`; common names for machines become Go's.

        Raises:
            PlatformInvalidError: `text` has not two or three parts, or one with other characters than platforms have.
        """
        versioned = re.fullmatch(r"([^/(]*)\(([A-Za-z0-9_.%-]*)\)((?:/.*)?)", text.strip())
        version = versioned[2] if versioned else ""
        parts = (versioned[1] + versioned[3] if versioned else text).strip().lower().split("/")
        if parts[0] in _SYSTEMS and len(parts) == 1:
            parts.append(cls.host().architecture)
        elif len(parts) == 1 and (parts[0] in _ARCHITECTURES or parts[0] in _MACHINES):
            parts.insert(0, "linux")
        if len(parts) not in (2, 3) or not all(re.fullmatch(r"[a-z0-9_.-]+", each) for each in parts):
            raise PlatformInvalidError(f"not a platform: {text!r}")
        return cls(parts[0], _MACHINES.get(parts[1], parts[1]), parts[2] if len(parts) == 3 else "", version)

    @classmethod
    def host(cls) -> "Platform":
        """The platform this process runs on, with Linux as the operating system of containers."""
        machine = os.uname().machine.lower()
        return cls("linux", _MACHINES.get(machine, machine))

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Platform":
        """The platform of an index entry or an image configuration."""
        return cls(
            str(document.get("os", "")),
            str(document.get("architecture", "")),
            str(document.get("variant", "")),
            str(document.get("os.version", "")),
        )

    def to_json(self) -> dict[str, str]:
        """As an index writes it."""
        out = {"architecture": self.architecture, "os": self.os}
        if self.variant:
            out["variant"] = self.variant
        if self.version:
            out["os.version"] = self.version
        return out

    def normal(self) -> "Platform":
        """The same with the variant as images name it: none where it is the architecture's usual one, v7 of arm."""
        architecture, variant = self.architecture, self.variant.removeprefix("v")
        variant = f"v{variant}" if variant else ""
        architecture, variant = {"armhf": ("arm", "v7"), "armel": ("arm", "v6")}.get(
            architecture, (architecture, variant)
        )
        if architecture == "arm" and not variant:
            variant = "v7"
        if (architecture, variant) in (("arm64", "v8"), ("amd64", "v1")):
            variant = ""
        return Platform(self.os, architecture, variant, self.version)

    def satisfies(self, wanted: "Platform") -> bool:
        """Whether an image for this platform runs where `wanted` is asked for."""
        same = (self.os, self.architecture) == (wanted.os, wanted.architecture)
        if self.os == "windows" and wanted.version and self.version:
            # Its last number is of no account: a build of Windows runs what was made for the same build.
            same = same and self.version.split(".")[:3] == wanted.version.split(".")[:3]
        return same and (not wanted.variant or not self.variant or self.variant == wanted.variant)

    def __str__(self) -> str:
        system = f"{self.os}({self.version})" if self.version else self.os
        return "/".join(filter(None, (system, self.architecture, self.variant)))
