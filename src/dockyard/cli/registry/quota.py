"""`dockyard registry quota`: how much projects hold and may hold."""

from typing import Literal

from dockyard._internal import amounts
from dockyard.cli import report
from dockyard.cli.registry.source import HERE, At
from dockyard.cli.registry.words import needed


def quota(
    verb: Literal["list", "set"] = "list",
    project: str = "",
    most: str = "",
    /,
    *,
    at: At = HERE,
    json: bool = False,
) -> None:
    """Show what every project holds, each blob counted once, or bound one.

    Args:
        verb: list or set.
        project: the first part of its repositories' names.
        most: such as 10GB; none takes the bound away.
        at: which registry.
        json: print one JSON document.
    """
    quotas = at.verbs("rules.quota", "quotas")
    with at.instance() as instance:
        if verb == "set":
            bound = None if needed(most, "size") == "none" else amounts.size(most)
            found = [quotas.set_quota(instance.database, needed(project, "project"), bound)]
        else:
            found = [each for each in quotas.quotas(instance.database) if project in ("", each.project)]
    if json:
        report.result({"quotas": [each._asdict() for each in found]})
        return
    rows = [
        [each.project, report.size(each.used), "none" if each.most is None else report.size(each.most)]
        for each in found
    ]
    report.table(["PROJECT", "USED", "QUOTA"], rows)
