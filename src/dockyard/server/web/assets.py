"""The style sheet, the script and the icon, under addresses that change with their bytes, so browsers may keep them."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files

_FOLDER = "/assets/"
_TYPES = {
    "dockyard.css": "text/css; charset=utf-8",
    "dockyard.js": "text/javascript; charset=utf-8",
    "dockyard.svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    """A file and the headers that it is sent with."""

    path: str
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True)
class Assets:
    """All of them, by name."""

    named: dict[str, Asset]

    @classmethod
    def load(cls) -> "Assets":
        """Those of this package."""
        folder = files("dockyard.server.web") / "looks"
        made = {}
        for name, media_type in _TYPES.items():
            body = (folder / name).read_bytes()
            headers = {
                "content-type": media_type,
                "cache-control": "public, max-age=31536000, immutable",
                "content-security-policy": "default-src 'none'",
                "cross-origin-resource-policy": "same-origin",
            }
            made[name] = Asset(f"{_FOLDER}{hashlib.sha256(body).hexdigest()[:12]}/{name}", body, headers)
        return cls(made)

    def at(self, path: str) -> Asset | None:
        """The file at an address; None if there is none."""
        return next((each for each in self.named.values() if each.path == path), None)

    def path(self, name: str) -> str:
        """The address of a file."""
        return self.named[name].path
