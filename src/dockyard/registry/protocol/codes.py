"""Error codes on the wire (distribution-spec, error codes), one table for client and server."""

import json
from typing import NamedTuple


class Code(NamedTuple):
    """A code, the HTTP status it goes with, and its meaning."""

    name: str
    status: int
    meaning: str


BLOB_UNKNOWN = Code("BLOB_UNKNOWN", 404, "blob unknown to registry")
BLOB_UPLOAD_INVALID = Code("BLOB_UPLOAD_INVALID", 400, "blob upload invalid")
BLOB_UPLOAD_UNKNOWN = Code("BLOB_UPLOAD_UNKNOWN", 404, "blob upload unknown to registry")
DIGEST_INVALID = Code("DIGEST_INVALID", 400, "provided digest did not match uploaded content")
MANIFEST_BLOB_UNKNOWN = Code("MANIFEST_BLOB_UNKNOWN", 404, "manifest references a manifest or blob unknown to registry")
MANIFEST_INVALID = Code("MANIFEST_INVALID", 400, "manifest invalid")
MANIFEST_UNKNOWN = Code("MANIFEST_UNKNOWN", 404, "manifest unknown to registry")
NAME_INVALID = Code("NAME_INVALID", 400, "invalid repository name")
NAME_UNKNOWN = Code("NAME_UNKNOWN", 404, "repository name not known to registry")
SIZE_INVALID = Code("SIZE_INVALID", 413, "provided length is not acceptable")
RANGE_INVALID = Code("BLOB_UPLOAD_INVALID", 416, "the range does not follow what was received")
RANGE_NOT_SATISFIABLE = Code("SIZE_INVALID", 416, "the range lies outside the blob")
UNSUPPORTED = Code("UNSUPPORTED", 405, "the operation is unsupported")
NOT_FOUND = Code("UNSUPPORTED", 404, "no such path")
SIZE_DIFFERS = Code("SIZE_INVALID", 400, "the range and the length disagree")
PARAMETER_INVALID = Code("UNSUPPORTED", 400, "a parameter cannot be used")
PAGE_INVALID = Code("PAGINATION_NUMBER_INVALID", 400, "invalid number of results requested")
BLOB_IN_USE = Code("DENIED", 405, "a manifest of the repository names this blob")
MANIFEST_IN_USE = Code("DENIED", 405, "an index of the repository names this manifest")
TAG_IMMUTABLE = Code("DENIED", 412, "the tag is immutable")
TAG_REFUSED = Code("DENIED", 403, "the project does not take this tag")
QUOTA_EXCEEDED = Code("DENIED", 403, "the project's quota is used up")
UNAUTHORIZED = Code("UNAUTHORIZED", 401, "authentication required")
DENIED = Code("DENIED", 403, "requested access to the resource is denied")
TOO_MANY_REQUESTS = Code("TOOMANYREQUESTS", 429, "too many requests")
PRECONDITION_FAILED = Code("MANIFEST_INVALID", 412, "the tag points to another manifest than expected")
CONDITION_FAILED = Code("UNSUPPORTED", 412, "it is another one than the request says")
URI_TOO_LONG = Code("MANIFEST_INVALID", 414, "too many tags at once")
TOO_SLOW = Code("BLOB_UPLOAD_INVALID", 408, "the body came too slowly")
STORAGE_FULL = Code("DENIED", 507, "the registry's disk is full")
UNAVAILABLE = Code("UNAVAILABLE", 503, "the registry cannot reach its database or storage")


_DETAIL = 2000


def body(code: Code, detail: str = "") -> bytes:
    """The JSON document for one error. Of what is wrong with a request the message tells the detail, too: Docker,
    podman, skopeo and containerd show nothing else.
    """
    told = detail and detail not in code.meaning and code.status not in (401, 404)
    message = f"{code.meaning}: {detail}" if told else code.meaning
    item = {"code": code.name, "message": message, **({"detail": detail} if detail else {})}
    return json.dumps({"errors": [item]}).encode()


def messages(raw: bytes) -> str:
    """What an error document says, for people, with its reasons; empty if it is none."""
    try:
        items = json.loads(raw)["errors"]
        return "; ".join(_told(item) for item in items[:5])
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def _told(item: dict[str, object]) -> str:
    message, detail = item.get("message"), item.get("detail")
    text = f"{item.get('code')}: {message}"
    # Some registries put documents there, which tell people nothing.
    return f"{text}: {detail[:_DETAIL]}" if isinstance(detail, str) and detail and detail not in text else text
