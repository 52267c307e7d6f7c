"""`dockyard registry retention`: what a project keeps."""

from typing import TYPE_CHECKING, Literal

from dockyard.cli import report
from dockyard.cli.registry.source import HERE, At
from dockyard.cli.registry.words import moment, needed, number

if TYPE_CHECKING:
    from dockyard.cli.registry.remote.connection import Remote
    from dockyard.server.instance import Instance

_SHOWN = 200


def retention(
    verb: Literal["list", "add", "rm", "schedule", "dry-run", "run"],
    project: str,
    keep: str = "",
    amount: str = "0",
    /,
    *,
    repositories: str = "**",
    tags: str = "**",
    untagged: bool = False,
    labels: str = "",
    at: At = HERE,
    json: bool = False,
) -> None:
    """Say what a project keeps, see what that would remove, and remove it.

    What any rule keeps stays; the rest of the repositories that rules speak of goes. Immutable tags stay, the parts of
    what stays stay, and signatures and SBOMs stay and go with their image.

    Args:
        verb: list, add or rm rules; schedule runs; dry-run only says what would go and the bytes that this frees; run.
        project: the first part of its repositories' names.
        keep: for add latest-pushed, latest-pulled, pushed-within, pulled-within or always; for rm the rule's number;
            for schedule the hours between runs, 0 for none.
        amount: for add how many images, or days.
        repositories: for add a glob over the names of its repositories, without the project's.
        tags: for add a glob over tags.
        untagged: for add: the rule speaks of images without a tag, too.
        labels: for add a glob over labels: the rule speaks of images only that have such a one.
        at: which registry.
        json: print one JSON document.
    """
    rules = at.verbs("rules.retention_rules", "retention_rules")
    with at.instance() as instance:
        if verb in ("dry-run", "run"):
            run = _run_there if at.server else _run
            run(instance, project, dry=verb == "dry-run", json=json)
            return
        if verb == "list":
            found = rules.listed(instance.database, project)
            if json:
                report.result({"rules": [each._asdict() for each in found]})
                return
            rows = [
                [
                    str(each.number),
                    each.keep,
                    str(each.amount),
                    each.tags,
                    each.repositories,
                    "yes" * each.untagged,
                    each.labels,
                ]
                for each in found
            ]
            report.table(["NUMBER", "KEEP", "AMOUNT", "TAGS", "REPOSITORIES", "UNTAGGED", "LABELS"], rows)
        elif verb == "add":
            made = rules.add(
                instance.database,
                project,
                needed(keep, "way to keep"),
                number(amount, "images or days"),
                repositories=repositories,
                tags=tags,
                untagged=untagged,
                labels=labels,
            )
            report.told(made._asdict(), f"{project} keeps by {made}", json=json)
        elif verb == "rm":
            rules.remove(instance.database, project, number(keep, "rule"))
            report.told({"removed": int(keep)}, f"removed rule {keep}", json=json)
        else:
            hours = number(keep, "hours")
            rules.schedule(instance.database, project, hours)
            said = f"{project}: every {hours} hours" if hours else f"{project}: only when asked"
            report.told({"project": project, "hours": hours}, said, json=json)


def _run(instance: "Instance", project: str, *, dry: bool, json: bool) -> None:
    from dockyard.server.rules import retention as runs

    holdings = instance.registry.holdings
    plan = runs.plan(holdings, project) if dry else None
    done = runs.run(holdings, project, dry=dry, changed=instance.registry.changed)
    if json:
        report.result({**(plan.to_json() if plan else {}), "outcome": done._asdict()})
        return
    if plan is not None:
        gone = list(plan.removed())
        rows = [[name, held.digest, ",".join(held.tags) or "-", moment(held.pushed)] for name, held in gone[:_SHOWN]]
        if rows:
            report.table(["REPOSITORY", "DIGEST", "TAGS", "PUSHED"], rows)
        if len(gone) > _SHOWN:
            print(f"and {len(gone) - _SHOWN} more; --json has them")
    said = "would remove" if dry else "removed"
    print(
        f"{said} {done.removed} manifests and {'keep' if dry else 'kept'} {done.kept}; frees {report.size(done.bytes)}"
    )


def _run_there(remote: "Remote", project: str, *, dry: bool, json: bool) -> None:
    from dockyard.cli.registry.remote import retention_rules

    if not dry:
        job = retention_rules.run(remote, project)
        said = "is being done already" if job is None else f"is done by job {job}"
        report.told({"job": job}, f"{project}: {said}", json=json)
        return
    found = retention_rules.rehearse(remote, project)
    if json:
        report.result(found)
        return
    gone = found["going"]
    rows = [[g["repository"], g["digest"], ",".join(g["tags"]) or "-", moment(g["pushed"])] for g in gone[:_SHOWN]]
    if rows:
        report.table(["REPOSITORY", "DIGEST", "TAGS", "PUSHED"], rows)
    print(f"would remove {found['removed']} manifests and keep {found['kept']}; frees {report.size(found['bytes'])}")
