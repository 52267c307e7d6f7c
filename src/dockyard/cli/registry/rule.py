"""`dockyard registry rule`: which tags a project takes, and which never change."""

from typing import Literal

from dockyard.cli import report
from dockyard.cli.registry.source import HERE, At
from dockyard.cli.registry.words import needed, number


def rule(
    verb: Literal["list", "add", "rm"],
    project: str,
    kind: str = "",
    tags: str = "",
    /,
    *,
    repositories: str = "**",
    at: At = HERE,
    json: bool = False,
) -> None:
    """List, add or remove a project's rules for tags.

    Args:
        verb: list, add or rm.
        project: the first part of its repositories' names.
        kind: immutable (cannot be moved or deleted), refused, or required; for rm the rule's number.
        tags: a glob such as `v*`; for required also semver or git-sha.
        repositories: a glob over the names of its repositories, without the project's.
        at: which registry.
        json: print one JSON document.
    """
    tag_rules = at.verbs("rules.tag_rules", "tag_rules")
    with at.instance() as instance:
        if verb == "list":
            found = tag_rules.listed(instance.database, project)
            if json:
                report.result({"rules": [each._asdict() for each in found]})
                return
            rows = [[str(each.number), each.kind, each.tags, each.repositories] for each in found]
            report.table(["NUMBER", "KIND", "TAGS", "REPOSITORIES"], rows)
            return
        if verb == "rm":
            tag_rules.remove(instance.database, project, number(kind, "rule"))
            report.told({"removed": int(kind)}, f"removed rule {kind}", json=json)
            return
        made = tag_rules.add(instance.database, project, needed(kind, "kind"), needed(tags, "tags"), repositories)
        report.told(made._asdict(), f"{project}: {made}", json=json)
