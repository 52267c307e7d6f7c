"""The Debian security tracker's JSON: `{source: {CVE: {releases: {codename: …}}}}`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dockyard.scan import severity
from dockyard.scan.advisory import Advisory, Range
from dockyard.scan.sources.osv import AdvisoryInvalidError, load

RELEASES = {"buster": "10", "bullseye": "11", "bookworm": "12", "trixie": "13", "forky": "14"}
_UNFIXED = {"no-dsa": "affected", "ignored": "will_not_fix", "postponed": "fix_deferred", "end-of-life": "end_of_life"}


def read(path: Path) -> Iterator[Advisory]:
    """The advisories of all releases.

    `fixed_version` `0` means not affected; none means that every version is. A release without a fix keeps the
    tracker's reason as its status.

    Raises:
        AdvisoryInvalidError: the file is not the tracker's.
    """
    document = load(path)
    if not isinstance(document, dict):
        raise AdvisoryInvalidError(f"{path} is not the Debian tracker's JSON", context={"file": path})
    for package, flaws in sorted(document.items()):
        for name, flaw in sorted((flaws or {}).items()):
            for codename, release in sorted((flaw.get("releases") or {}).items()):
                number = RELEASES.get(codename)
                if number is not None:
                    yield from _advisory(str(package), str(name), number, release, str(flaw.get("description") or ""))


def _advisory(package: str, name: str, number: str, release: dict[str, Any], title: str) -> Iterator[Advisory]:
    fixed = release.get("fixed_version")
    if fixed == "0" or release.get("status") in ("undetermined", "not-affected"):
        return
    urgency = str(release.get("urgency") or "")
    status = "" if fixed else _UNFIXED.get(str(release.get("nodsa_reason") or "no-dsa"), "affected")
    if urgency == "end-of-life":
        status = "end_of_life"
    yield Advisory(
        f"debian:{number}",
        package,
        name,
        "debian-tracker",
        severity=severity.named(urgency.strip("*")),
        title=title[:200],
        ranges=[Range("", str(fixed) if fixed else "")],
        status=status,
    )
