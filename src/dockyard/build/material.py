"""What a build took in beside its context and bases, for its provenance (slsa.dev, resource descriptors)."""

from typing import Any


def file(url: str, sha256: str) -> dict[str, Any]:
    """What a URL gave."""
    return {"uri": url, "digest": {"sha256": sha256}}


def repository(remote: str, commit: str) -> dict[str, Any]:
    """A Git repository at a commit."""
    return {"uri": f"git+{remote}", "digest": {"sha1" if len(commit) == 40 else "sha256": commit}}
