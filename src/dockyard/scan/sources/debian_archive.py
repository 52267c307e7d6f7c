"""Advisories from the Debian archive itself: security updates name in their changelogs what they fix.

For each source package that is asked for and has a security update, the changelog in one of its packages is read: the
entry of a version names the flaws that this version fixes. The archive is reached and checked as for base images.
"""

import lzma
import re
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor

from dockyard._internal.limits import read_bounded
from dockyard.content.distribution import Distribution, Suite
from dockyard.layers.compress import open_uncompressed
from dockyard.packages.deb import Deb
from dockyard.packages.debian_index import Candidate
from dockyard.packages.versions import debian
from dockyard.scan.advisory import Advisory, Range
from dockyard.scan.sources.debian_tracker import RELEASES

_INDEX_BYTES = 256 << 20
_CHANGELOG_BYTES = 32 << 20
_ENTRY = re.compile(r"^(?P<source>\S+) \((?P<version>[^)]+)\) (?P<suites>[^;]+);(?P<rest>.*)$", re.MULTILINE)
_CHANGELOG = re.compile(r"usr/share/doc/[^/]+/changelog\.Debian\.gz")
_FLAW = re.compile(r"CVE-\d{4}-\d{4,}", re.IGNORECASE)
_URGENCIES = {"low": "LOW", "medium": "MEDIUM", "high": "HIGH", "emergency": "CRITICAL", "critical": "CRITICAL"}


def read(
    distribution: Distribution, mirror: str, codename: str, sources: Collection[str], architecture: str
) -> list[Advisory]:
    """The advisories for `sources` (names of source packages) in the release `codename`.

    The changelog is read from the smallest package that was built from the source and carries it.

    Raises:
        SignatureWrongError, HashWrongError, ArchiveUnreachableError: from the archive.
    """
    release = distribution.release(Suite(mirror, f"{codename}-security"))
    with lzma.open(distribution.named(release, f"main/binary-{architecture}/Packages.xz")) as stream:
        text = read_bounded(stream, _INDEX_BYTES, "a package index").decode("utf-8", "replace")
    built = _newest(text, set(sources), mirror)
    scope = f"debian:{RELEASES[codename]}"

    def one(name: str) -> list[Advisory]:
        for candidate in built[name]:
            found = candidate.fields
            path = distribution.file([candidate.url], found["SHA256"], int(found["Size"]))
            log = _changelog_in(Deb(path))
            if log:
                return list(changelog(log, scope))
        return []

    with ThreadPoolExecutor(6) as pool:
        return [advisory for found in pool.map(one, sorted(built)) for advisory in found]


def _newest(text: str, sources: Collection[str], mirror: str) -> dict[str, list[Candidate]]:
    """For each source its newest packages, the smallest first."""
    built: dict[str, list[Candidate]] = {}
    for stanza in text.split("\n\n"):
        match = re.search(r"^Source: (\S+)", stanza, re.MULTILINE) or re.match(r"Package: (\S+)", stanza)
        if match is not None and match[1] in sources:
            candidate = Candidate(stanza.strip("\n"), mirror.rstrip("/"))
            known = built.setdefault(match[1], [])
            order = debian.compare(candidate.version, known[0].version) if known else 0
            if order > 0:
                known.clear()
            if order >= 0:
                known.append(candidate)
    for known in built.values():
        known.sort(key=lambda each: (int(each.fields["Size"]), each.name))
    return built


def _changelog_in(deb: Deb) -> str:
    for entry, content in deb.data():
        if _CHANGELOG.fullmatch(entry.path) and entry.kind == "file":
            plain = open_uncompressed(content, "gzip")
            return read_bounded(plain, _CHANGELOG_BYTES, "a changelog").decode("utf-8", "replace")
    return ""


def changelog(text: str, scope: str) -> Iterator[Advisory]:
    """What each version in a changelog fixes; of several versions that name a flaw, the lowest fixed it."""
    entries = list(_ENTRY.finditer(text))
    fixed: dict[str, tuple[str, str, str]] = {}
    for number, match in enumerate(entries):
        end = entries[number + 1].start() if number + 1 < len(entries) else len(text)
        urgency = re.search(r"urgency=(\w+)", match["rest"])
        # Only an update made for security says by its urgency how bad the flaws were.
        severity = (
            _URGENCIES.get(urgency[1].lower(), "UNKNOWN") if urgency and "security" in match["suites"] else "UNKNOWN"
        )
        for flaw in _FLAW.findall(text[match.end() : end]):
            known = fixed.get(flaw.upper())
            if known is None or debian.compare(match["version"], known[1]) < 0:
                fixed[flaw.upper()] = (match["source"], match["version"], severity)
    for flaw, (source, version, severity) in sorted(fixed.items()):
        yield Advisory(scope, source, flaw, "debian-archive", severity=severity, ranges=[Range("", version)])
