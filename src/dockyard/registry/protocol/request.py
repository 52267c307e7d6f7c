"""Requests of the distribution protocol: paths to meanings and back (distribution-spec 1.1, endpoints)."""

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlencode

from dockyard.oci.digest import Digest
from dockyard.oci.reference import REPOSITORY, TAG

Kind = Literal["root", "blob", "manifest", "uploads", "upload", "tags", "referrers", "catalog"]

_NAME = REPOSITORY.pattern
_PATHS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("root", re.compile(r"/v2/?")),
    ("catalog", re.compile(r"/v2/_catalog")),
    ("tags", re.compile(r"/v2/(?P<name>.+)/tags/list")),
    ("uploads", re.compile(r"/v2/(?P<name>.+)/blobs/uploads/?")),
    ("upload", re.compile(r"/v2/(?P<name>.+)/blobs/uploads/(?P<item>[^/]+)")),
    ("blob", re.compile(r"/v2/(?P<name>.+)/blobs/(?P<item>[^/]+)")),
    ("manifest", re.compile(r"/v2/(?P<name>.+)/manifests/(?P<item>[^/]+)")),
    ("referrers", re.compile(r"/v2/(?P<name>.+)/referrers/(?P<item>[^/]+)")),
)


@dataclass(frozen=True)
class Target:
    """What a path names: the repository, and the digest, tag or upload where there is one."""

    kind: Kind
    name: str = ""
    item: str = ""


def parse(path: str) -> Target | None:
    """What `path` names, or None if it is no path of the protocol. Names and items are not yet checked."""
    for kind, pattern in _PATHS:
        match = pattern.fullmatch(path)
        if match is not None:
            parts = match.groupdict()
            return Target(kind, parts.get("name", ""), parts.get("item", ""))
    return None


def name_valid(name: str) -> bool:
    """Whether `name` may be a repository."""
    return len(name) <= 255 and re.fullmatch(_NAME, name) is not None


def tag_valid(text: str) -> bool:
    """Whether `text` may be a tag."""
    return TAG.fullmatch(text) is not None


def manifest_path(name: str, reference: str | Digest) -> str:
    """The path of a manifest by tag or digest."""
    return f"/v2/{name}/manifests/{reference}"


def blob_path(name: str, digest: Digest) -> str:
    """The path of a blob."""
    return f"/v2/{name}/blobs/{digest}"


def uploads_path(name: str, *, mount: Digest | None = None, source: str = "") -> str:
    """The path to begin an upload, or to mount a blob of another repository instead."""
    query = urlencode({"mount": str(mount), "from": source}) if mount is not None else ""
    return f"/v2/{name}/blobs/uploads/" + (f"?{query}" if query else "")


def tags_path(name: str) -> str:
    """The path of the first page of tags."""
    return f"/v2/{name}/tags/list?n=1000"


def referrers_path(name: str, digest: Digest, artifact_type: str = "") -> str:
    """The path of the first page of referrers."""
    return f"/v2/{name}/referrers/{digest}" + (
        f"?artifactType={quote(artifact_type, safe='')}" if artifact_type else ""
    )


def with_digest(location: str, digest: Digest) -> str:
    """An upload's location with the digest that ends it."""
    return location + ("&" if "?" in location else "?") + urlencode({"digest": str(digest)})


def referrers_tag(digest: Digest) -> str:
    """The tag under which clients keep referrers where a registry has no API for them."""
    return f"{digest.algorithm[:32]}-{digest.hex[:64]}"
