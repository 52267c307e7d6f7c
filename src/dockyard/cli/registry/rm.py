"""`dockyard registry rm`: tags with their images, whole repositories and projects."""

from typing import Any

from dockyard.cli import report
from dockyard.cli.registry.source import HERE, At, Place
from dockyard.cli.registry.words import image_named, repository
from dockyard.errors import UsageError


def remove(
    name: str,
    /,
    *more: str,
    project: bool = False,
    force: bool = False,
    tags_only: bool = False,
    dry_run: bool = False,
    at: At = HERE,
    json: bool = False,
) -> None:
    """Remove a repository with all its images, or some of its images; blobs that nobody else needs are collected later.

    An image goes with its last tag, and with it the images that its index alone names, its signatures and its SBOMs.

    Args:
        name: the repository, an image such as shop/web:1.0 or shop/web@sha256:…, or with --project the project.
        more: further images of the same repository.
        project: remove a project.
        force: with its repositories.
        tags_only: remove tags and let their images stay.
        dry_run: say what would go and change nothing; of images only.
        at: which registry.
        json: print one JSON document.
    """
    if more or ":" in name:
        if project or force:
            raise UsageError("--project and --force are not for images")
        _images([name, *more], at, images=not tags_only, dry=dry_run, json=json)
        return
    if tags_only or dry_run:
        raise UsageError("--tags-only and --dry-run are for images", hint="Name them like shop/web:1.0.")
    removing = at.verbs("stored.removing", "removing")
    with at.instance() as instance:
        holdings = instance if at.server else instance.registry.holdings
        names = [name if project else repository(name)]
        if project:
            names = removing.project(holdings, name, force=force)
        else:
            removing.repository(holdings, name)
        for each in names if not at.server else ():
            instance.registry.changed(each)
    if json:
        report.result({"removed": name, "repositories": names})
    else:
        print(f"removed {name}" + (f" and {report.counted(len(names), 'repository')}" if project else ""))


def _images(
    texts: list[str],
    at: Place,
    *,
    images: bool,
    dry: bool,
    json: bool,
) -> None:
    """Remove images of one repository, all at once."""
    named = [image_named(each) for each in texts]
    names = {name for name, _ in named}
    if len(names) > 1:
        raise UsageError(f"images of {report.counted(len(names), 'repository')}", hint="Name those of one at a time.")
    name, references = named[0][0], [reference for _, reference in named]
    removal = at.verbs("rules.removal", "removal")
    with at.instance() as instance:
        verb = removal.plan if dry else removal.remove
        found = verb(instance if at.server else instance.registry.holdings, name, references, images=images).to_json()
        if not at.server and not dry:
            instance.registry.changed(name)
    if json:
        report.result({"repository": name, **found})
        return
    for line in _said(found, dry=dry):
        print(line)


def _said(found: dict[str, Any], *, dry: bool) -> list[str]:
    done = "would go" if dry else "removed"
    lines = [f"{each['name']}: {each['reason']}" for each in found["stays"]]
    lines += [" ".join([each["digest"], *each["tags"]]) for each in found["images"]]
    freed = f", which frees {report.size(found['bytes'])} once collected" if found["images"] else ""
    counts = f"{report.counted(len(found['tags']), 'tag')}, {report.counted(len(found['images']), 'image')}"
    return [*lines, f"{done}: {counts}{freed}"]
