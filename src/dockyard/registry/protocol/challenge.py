"""Challenges: how a registry says where to get a token (RFC 9110 §11, the token specification of distribution)."""

import re
from collections.abc import Mapping

import msgspec

_PART = re.compile(r'\s*([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))\s*(?:,|$)')


class Challenge(msgspec.Struct, frozen=True):
    """`scheme` in lower case (`basic`, `bearer`) with its parameters."""

    scheme: str
    parameters: Mapping[str, str]


def parse(header: str) -> Challenge:
    """The challenge in a `WWW-Authenticate` header; unknown parts are passed over."""
    scheme, _, rest = header.strip().partition(" ")
    found: dict[str, str] = {}
    at = 0
    while match := _PART.match(rest, at):
        quoted, bare = match[2], match[3]
        found[match[1].lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else bare
        at = match.end()
    return Challenge(scheme.lower(), found)
