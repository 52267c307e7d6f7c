"""`dockyard registry exemption`: advisories and images that a project lets pass."""

from typing import Literal

from dockyard.cli import report
from dockyard.cli.registry_source import HERE, At
from dockyard.cli.registry_words import expiry, moment, needed, number


def exemption(
    verb: Literal["list", "add", "rm"],
    project: str,
    subject: str = "",
    /,
    *,
    reason: str = "",
    until: str = "never",
    at: At = HERE,
    json: bool = False,
) -> None:
    """List, add or end a project's exemptions from its policy.

    Args:
        verb: list, add or rm.
        project: the first part of its repositories' names.
        subject: an advisory such as CVE-2026-1234, or an image's digest; for rm the exemption's number.
        reason: for add: why it is let pass.
        until: for add: how long, such as 30d or never.
        at: which registry.
        json: print one JSON document.
    """
    verbs = at.verbs("trust.exempting", "exempting")
    with at.house() as house:
        if verb == "add":
            words = needed(subject, "subject"), needed(reason, "reason"), expiry(until)
            if not at.server:
                from dockyard.server.rules.project import project_number

                with house.database.read() as connection:
                    project_number(connection, project)
            made = verbs.exempt(house.database, project, *words)
            report.told({"number": made}, f"{project} lets {subject} pass: exemption {made}", json=json)
            return
        if verb == "rm":
            verbs.withdraw(house.database, project, number(subject, "exemption"))
            report.told({"removed": int(subject)}, f"ended exemption {subject}", json=json)
            return
        found = [dict(each) for each in verbs.exemptions(house.database, project)]
    shown = ("number", "subject", "reason", "until", "made_by", "made_at")
    if json:
        report.result({"exemptions": [{key: {**each, "number": each["id"]}[key] for key in shown} for each in found]})
        return
    rows = [
        [str(each["id"]), each["subject"], moment(each["until"], "never"), each["made_by"], each["reason"]]
        for each in found
    ]
    report.table(["NUMBER", "SUBJECT", "UNTIL", "BY", "REASON"], rows)
