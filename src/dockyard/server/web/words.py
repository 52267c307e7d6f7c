"""Numbers, sizes, times and instructions as people read them."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dockyard._internal import amounts

_STEPS = ((60, "second"), (60, "minute"), (24, "hour"), (30, "day"), (12, "month"))
_LATEST = 253_402_300_799_000  # the last second of 9999
_NOP = re.compile(r"^(?:\|\d+ (?:\S+=\S* )*)?/bin/sh -c #\(nop\)\s*")
_SHELL = re.compile(r"^(?:RUN )?(?:\|\d+ (?:\S+=\S* )*)?/bin/sh -c\s+")
_KEYWORD = re.compile(
    r"^(?:FROM|RUN|CMD|LABEL|EXPOSE|ENV|ADD|COPY|ENTRYPOINT|VOLUME|USER|WORKDIR|ARG|ONBUILD|STOPSIGNAL"
    r"|HEALTHCHECK|SHELL)\b"
)
_KINDS = (
    ("helm.config", "Helm chart"),
    ("helm.chart.content", "Chart"),
    ("helm.chart.provenance", "Provenance of the chart"),
    ("wasm.config", "WebAssembly module"),
    ("vnd.wasm", "WebAssembly module"),
    ("application/wasm", "WebAssembly module"),
    ("sigstore.bundle", "Sigstore bundle"),
    ("cosign.artifact.sig", "Cosign signature"),
    ("simplesigning", "Cosign signature"),
    ("cyclonedx", "SBOM (CycloneDX)"),
    ("spdx", "SBOM (SPDX)"),
    ("in-toto", "Attestation"),
    ("dsse", "Attestation"),
    ("notary", "Notation signature"),
)


def size(count: int | None) -> str:
    """Bytes in decimal units: 0 B, 812 B, 3.4 MB."""
    return "–" if count is None else amounts.shown(count)


def exact(count: int | None) -> str:
    """Bytes as somebody may type them, to the byte: 10GB, 1500MB, 4096; empty for none."""
    if count is None:
        return ""
    for unit, name in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count and count % unit == 0:
            return f"{count // unit}{name}"
    return str(count)


def number(count: int) -> str:
    """A number with thin spaces between thousands."""
    return f"{count:,}".replace(",", "\u202f")


def counted(count: int, noun: str, nouns: str = "") -> str:
    """A number with its noun: 1 tag, 2 tags."""
    return f"{number(count)} {noun if count == 1 else nouns or noun + 's'}"


def age(at: int | None, now: int) -> str:
    """How long ago, or in how long: `5 minutes ago`, `in 2 days`; `never` where there was no such time."""
    if not at:
        return "never"
    seconds = (now - at) / 1000
    value, past = abs(seconds), seconds >= 0
    if value < 5:
        return "just now" if past else "now"
    unit = "year"
    for step, name in _STEPS:
        if value < step:
            unit = name
            break
        value /= step
    said = counted(int(value), unit)
    return f"{said} ago" if past else f"in {said}"


def moment(at: int | None) -> str:
    """A time as ISO 8601 in UTC; empty for none. What lies outside the years that calendars know is their edge."""
    return datetime.fromtimestamp(max(0, min(at, _LATEST)) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def host(base: str) -> str:
    """What clients write before a repository's name: the host of a URL. They ask it for `/v2/…`, whatever its path."""
    return base.partition("://")[2].partition("/")[0]


def cut(text: str, most: int = 200) -> str:
    """The beginning of a text, up to the end of a word; an ellipsis says that it goes on."""
    if len(text) < most:
        return text
    return (text[:most].rpartition(" ")[0] or text[:most]).rstrip(" ,;:") + "…"


def kindly(media_type: str, otherwise: str = "Artifact") -> str:
    """What people call what has that type."""
    lower = media_type.lower()
    return next((name for part, name in _KINDS if part in lower), otherwise)


def short(digest: str) -> str:
    """The beginning of a digest, enough to tell it from others on a page."""
    algorithm, colon, rest = digest.partition(":")
    return f"{algorithm}:{rest[:12]}" if colon else digest[:12]


def instruction(text: str) -> str:
    """The instruction behind a history entry, without what builders wrap around it."""
    clean = text.removesuffix(" # buildkit").strip()
    if _NOP.match(clean):
        return _NOP.sub("", clean)
    if _SHELL.match(clean):
        return "RUN " + _SHELL.sub("", clean)
    return clean


def keyword(text: str) -> str:
    """The instruction's first word, if it is one of a Dockerfile's."""
    found = _KEYWORD.match(text)
    return found[0] if found else ""


def told(value: Any) -> str:
    """A job's result: names with their values, numbers as people read them."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {told(each)}" for name, each in value.items())
    if isinstance(value, list):
        return counted(len(value), "entry", "entries") if value else "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, int) else "" if value is None else str(value)
