"""`dockyard registry search` and `advisory`: finding things by their names, and images by what touches them."""

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from dockyard.cli import output_file, report
from dockyard.cli.registry import scanning
from dockyard.cli.registry.source import HERE, At, Place
from dockyard.cli.registry.words import image_named, moment, needed
from dockyard.errors import UsageError

_MOST = 100_000


def search(
    text: str,
    /,
    *,
    count: int = 20,
    at: At = HERE,
    json: bool = False,
) -> None:
    """Find projects, repositories, tags and digests by a part of their names.

    Args:
        text: a part of a name; web:1.2 for tags with 1.2 in repositories with web; or a digest's beginning.
        count: how many of each kind at most.
        at: which registry.
        json: print one JSON document.
    """
    import msgspec

    from dockyard.server.access.principal import SYSTEM_PRINCIPAL

    verbs = at.verbs("browse.search", "finding")
    with at.database() as database:
        found = verbs.search(database, SYSTEM_PRINCIPAL, lambda name: True, text, count=count)
    if json:
        report.result(msgspec.to_builtins(found))
        return
    rows = [["project", each, ""] for each in found.projects]
    rows += [["repository", each, ""] for each in found.repositories]
    rows += [["tag" if each.tag else "digest", _named(each), each.digest] for each in found.tags]
    report.table(["KIND", "NAME", "DIGEST"], rows)
    if found.more:
        print("and more: --count shows more of them")


def advisory(
    verb: Literal["list", "show", "export", "scan", "schedule"] = "list",
    name: str = "",
    /,
    *,
    severity: Literal["", "negligible", "low", "medium", "high", "critical", "unknown"] = "",
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    everything: Annotated[bool, Parameter(name="--all", negative="")] = False,
    rematch: Annotated[bool, Parameter(negative="")] = False,
    every: str = "",
    never: Annotated[bool, Parameter(negative="")] = False,
    at: At = HERE,
    json: bool = False,
) -> None:
    """List the advisories that touch stored images, or the images that one touches; export all findings of a project,
    or have one image, or everything, looked at anew, now or by schedule.

    Args:
        verb: list, show, export, scan or schedule.
        name: for show the advisory, such as CVE-2026-1234; for export the project; for scan the image: shop/web:1.0.
        severity: for list only this one.
        everything: for scan every image that nobody has looked at yet.
        rematch: for scan --all and schedule match what was looked at already with the feed of then, too.
        every: for schedule five fields as in crontab, in UTC, or a span such as 24h; shown where there is none.
        never: for schedule take it away.
        output: for export a file for the CSV; standard output where there is none.
        at: which registry.
        json: print one JSON document.
    """
    if verb == "schedule":
        scanning.schedule(every, at, rematch=rematch, never=never, json=json)
        return
    if verb == "scan" and everything:
        if name:
            raise UsageError(f"everything, and {name}", hint="Give --all or an image.")
        scanning.scan_all(at, rematch=rematch, json=json)
        return
    verbs = at.verbs("browse.advisories", "finding")
    with at.instance() as instance:
        if verb == "scan":
            _scan(at, verbs, instance, needed(name, "image"), json=json)
        elif verb == "export":
            made = verbs.exported(instance.database, needed(name, "project"), lambda name: True)
            output_file.export(made, output, json=json)
        elif verb == "show":
            _touched(verbs, instance.database, needed(name, "advisory"), json=json)
        else:
            _advisories(verbs, instance.database, severity, json=json)


def _scan(at: Place, verbs: Any, instance: Any, image: str, *, json: bool) -> None:
    repository, reference = image_named(image)
    if at.server:
        job = verbs.rescan(instance, repository, reference)
    else:
        from dockyard.server.trust.watching import ask

        job = ask(instance.jobs, repository, str(instance.registry.manifest(repository, reference).digest))
    said = f"job {job} looks at it" if job is not None else "it waits to be looked at already"
    report.told({"job": job}, said, json=json)


def _touched(verbs: Any, database: Any, advisory: str, *, json: bool) -> None:
    import msgspec

    images = verbs.touched(database, lambda name: True, advisory, count=_MOST)
    if json:
        report.result({"images": msgspec.to_builtins(images)})
        return
    rows = [
        [
            each.repository,
            " ".join(each.tags[:5]) or each.digest[:19],
            ", ".join(f"{one.package} {one.version}" for one in each.findings),
            ", ".join(dict.fromkeys(one.fixed_version or "no fix" for one in each.findings)),
        ]
        for each in images
    ]
    report.table(["REPOSITORY", "IMAGE", "PACKAGES", "FIXED IN"], rows)


def _advisories(verbs: Any, database: Any, severity: str, *, json: bool) -> None:
    import msgspec

    found = verbs.advisories(database, severity=severity, count=_MOST)
    if json:
        report.result({"advisories": msgspec.to_builtins(found)})
        return
    rows = [
        [each.id, each.severity, str(each.images), "yes" if each.fixable else "no", moment(each.found_at)]
        for each in found
    ]
    report.table(["ADVISORY", "SEVERITY", "IMAGES", "FIX", "SINCE"], rows)


def _named(found: Any) -> str:
    return f"{found.repository}:{found.tag}" if found.tag else found.repository
