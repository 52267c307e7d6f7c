"""Matching an inventory against a feed: which advisories touch which packages, and why.

Deterministic: the same inventory and feed give the same findings in the same order. One finding a flaw and package:
advisories that name each other as aliases are one flaw, told under its CVE where it has one.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from dockyard.packages.inventory import Inventory
from dockyard.packages.package import Package
from dockyard.packages.versions import alpine, debian, pep440, semver
from dockyard.scan.advisory import ORDER, Advisory, Range
from dockyard.scan.feed import Feed

_COMPARE: dict[str, Callable[[str, str], int]] = {
    "debian": debian.compare,
    "alpine": alpine.compare,
    "pypi": pep440.compare,
    "npm": semver.compare,
}


class Finding(msgspec.Struct, frozen=True):
    """One flaw in one package: `range` is what the advisory says, `source` the database, `layer` where it came in."""

    id: str
    package: str
    version: str
    severity: str
    status: str
    fixed_version: str
    title: str
    aliases: list[str]
    range: str
    source: str
    ecosystem: str
    purl: str
    path: str
    layer: str

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return dict(msgspec.structs.asdict(self))


def match(inventory: Inventory, feed: Feed) -> list[Finding]:
    """Every finding, the worst first, then by id and package."""
    found: list[Finding] = []
    distribution = inventory.distribution
    label = f"{distribution.id}-{distribution.version}" if distribution.id else ""
    for package in inventory.packages:
        own = package.ecosystem in ("debian", "alpine")
        scope = distribution.key if own else package.ecosystem
        name = (package.source or package.name) if own else package.name
        version = (package.source_version or package.version) if own else package.version
        touching: list[tuple[Advisory, Range | None]] = []
        for advisory in feed.advisories(scope, name):
            touched, why = _touches(advisory, version, _COMPARE[package.ecosystem])
            if touched:
                touching.append((advisory, why))
        found += [_finding(group, package, label, _COMPARE[package.ecosystem]) for group in _flaws(touching)]
    return sorted(found, key=lambda each: (-ORDER.index(each.severity), each.id, each.package, each.path))


def _touches(advisory: Advisory, version: str, compare: Callable[[str, str], int]) -> tuple[bool, Range | None]:
    for each in advisory.ranges:
        if each.introduced and compare(version, each.introduced) < 0:
            continue
        if each.fixed and compare(version, each.fixed) >= 0:
            continue
        if each.last and compare(version, each.last) > 0:
            continue
        return True, each
    return version in advisory.versions, None


def _flaws(touching: Sequence[tuple[Advisory, Range | None]]) -> list[list[tuple[Advisory, Range | None]]]:
    """Groups of advisories that speak of the same flaw."""
    groups: list[tuple[set[str], list[tuple[Advisory, Range | None]]]] = []
    for item in touching:
        names = {item[0].id, *item[0].aliases}
        joined = [group for group in groups if group[0] & names]
        groups = [group for group in groups if not group[0] & names]
        merged = [each for group in joined for each in group[1]] + [item]
        groups.append((names.union(*(group[0] for group in joined)), merged))
    return [group[1] for group in groups]


def _finding(
    group: list[tuple[Advisory, Range | None]], package: Package, label: str, compare: Callable[[str, str], int]
) -> Finding:
    names = sorted({name for advisory, _ in group for name in (advisory.id, *advisory.aliases)})
    shown = next((name for name in names if name.startswith("CVE-")), names[0])
    worst = max((advisory.severity for advisory, _ in group), key=ORDER.index)
    fixes = [why.fixed for _, why in group if why is not None and why.fixed]
    fixed = ""
    for each in fixes:
        fixed = each if not fixed or compare(each, fixed) > 0 else fixed
    _, why = group[0]
    status = "fixed" if fixed else next((a.status for a, _ in group if a.status), "affected")
    return Finding(
        shown,
        package.name,
        package.version,
        worst,
        status,
        fixed,
        next((a.title for a, _ in group if a.title), ""),
        [name for name in names if name != shown],
        str(why) if why is not None else f"lists {package.version}",
        ", ".join(sorted({a.source for a, _ in group})),
        package.ecosystem,
        package.purl(label),
        package.path,
        package.layer,
    )
