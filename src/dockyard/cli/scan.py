"""`dockyard scan`: the known vulnerabilities of an image."""

import json as json_module
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from dockyard.cli import context, output_file, report
from dockyard.errors import UsageError

if TYPE_CHECKING:
    from dockyard.scan.match import Finding


def scan(
    image: str,
    /,
    *,
    severity: str = "",
    ignore_unfixed: bool = False,
    format: Literal["table", "json", "sarif"] = "table",
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    exit_code: int = 0,
    feed: Path | None = None,
    json: bool = False,
) -> int:
    """Find the known vulnerabilities of an image.

    Args:
        image: the image in the store.
        severity: show only these, separated by commas: CRITICAL,HIGH,MEDIUM,LOW,NEGLIGIBLE,UNKNOWN.
        ignore_unfixed: leave out what has no fix.
        format: table, json or sarif.
        output: write to this file instead.
        exit_code: exit with this code when anything is shown.
        feed: the feed's file; feed.sqlite in the data folder by default.
        json: the same as --format json.
    """
    from dockyard.images.image import open_image
    from dockyard.oci.reference import Reference
    from dockyard.packages.inventory import inventory
    from dockyard.scan.feed import STALE_SECONDS, Feed
    from dockyard.scan.match import match
    from dockyard.scan.sarif import document as sarif

    wanted = _severities(severity)
    reference = Reference.parse(image)
    with Feed(feed or context.data_folder() / "feed.sqlite") as known:
        found = open_image(context.store(), context.resolve(reference))
        held = inventory(found.layers, cache=context.data_folder() / "index")
        findings = match(held, known)
        age = known.age(time.time())
        about = known.about
    shown = [
        each
        for each in findings
        if (not wanted or each.severity in wanted) and (not ignore_unfixed or each.status == "fixed")
    ]
    if age > STALE_SECONDS:
        print(f"warning: the feed is {_days(age)} old; dockyard feed update makes a new one", file=sys.stderr)
    document: dict[str, Any] = {
        "image": str(reference),
        "digest": str(found.descriptor.digest),
        "distribution": held.distribution.key if held.distribution.id else "",
        "packages": len(held.packages),
        "feed": {"snapshot": about["snapshot"], "age_seconds": round(age)},
        "findings": [each.to_json() for each in shown],
    }
    if json or format == "json":
        _write(json_module.dumps(document, indent=2), output)
    elif format == "sarif":
        _write(json_module.dumps(sarif(shown, image=str(reference), snapshot=about["snapshot"]), indent=2), output)
    else:
        _table(shown)
        print(
            f"{len(shown)} of {report.counted(len(findings), 'finding')} shown; "
            f"{report.counted(len(held.packages), 'package')} of {document['distribution'] or 'no distribution'}; "
            f"feed {about['snapshot'][7:19]}, {_days(age)} old"
        )
    return exit_code if shown else 0


def _severities(text: str) -> set[str]:
    from dockyard.scan.advisory import ORDER

    wanted = {word.strip().upper() for word in text.split(",") if word.strip()}
    unknown = wanted - set(ORDER)
    if unknown:
        raise UsageError(f"not a severity: {', '.join(sorted(unknown))}", hint=f"Severities: {', '.join(ORDER[::-1])}.")
    return wanted


def _table(shown: "Sequence[Finding]") -> None:
    rows = [
        [f.severity, f.id, f.package, f.version, f.fixed_version or f.status, f.range, f.source, f.layer[7:19]]
        for f in shown
    ]
    if rows:
        report.table(["SEVERITY", "ID", "PACKAGE", "VERSION", "FIXED IN", "RANGE", "SOURCE", "LAYER"], rows)


def _write(text: str, output: Path | None) -> None:
    with output_file.opened(output) as stream:
        print(text, file=stream)


def _days(seconds: float) -> str:
    if seconds < 3600:
        return f"{max(0, seconds) / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 2 * 86400 else f"{seconds / 86400:.0f} days"
