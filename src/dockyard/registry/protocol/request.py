"""Requests of the distribution protocol: paths to meanings and back (distribution-spec 1.1, endpoints)."""

import re
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import quote, urlencode

from dockyard.oci.digest import Digest
from dockyard.oci.reference import REPOSITORY, TAG

Kind = Literal["root", "blob", "manifest", "uploads", "upload", "tags", "referrers", "catalog"]


_NAMESPACE = re.compile(r"[A-Za-z0-9._:\[\]-]{1,260}")


class Target(NamedTuple):
    """What a path names: the repository, and the digest, tag or upload where there is one."""

    kind: Kind
    name: str = ""
    item: str = ""


def parse(path: str) -> Target | None:
    """What `path` names, or None if it is no path of the protocol. Names and items are not yet checked."""
    if not path.startswith("/v2"):
        return None
    if path in ("/v2", "/v2/"):
        return Target("root")
    if path == "/v2/_catalog":
        return Target("catalog")
    head, _, item = path[4:].rpartition("/")
    head, _, word = head.rpartition("/")
    if path[3] != "/" or not head:
        return None
    if word == "manifests" and item:
        return Target("manifest", head, item)
    if word == "blobs" and item not in ("", "uploads"):
        return Target("blob", head, item)
    if word == "blobs" and item == "uploads":
        return Target("uploads", head)
    if word == "uploads" and head.endswith("/blobs"):
        return Target("upload", head[:-6], item) if item else Target("uploads", head[:-6])
    if word == "tags" and item == "list":
        return Target("tags", head)
    return Target("referrers", head, item) if word == "referrers" and item else None


@lru_cache(maxsize=8192)
def name_valid(name: str) -> bool:
    """Whether `name` may be a repository."""
    return len(name) <= 255 and REPOSITORY.fullmatch(name) is not None


def tag_valid(text: str) -> bool:
    """Whether `text` may be a tag."""
    return TAG.fullmatch(text) is not None


def upload_valid(text: str) -> bool:
    """Whether `text` may name an upload, and so be a part of a file's name or an object's key."""
    return len(text) <= 64 and text.isascii() and text.isalnum()


def namespace_valid(text: str) -> bool:
    """Whether `text` may be the host of a registry that a client wants mirrored (`ns`)."""
    return _NAMESPACE.fullmatch(text) is not None


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
