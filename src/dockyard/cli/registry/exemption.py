"""`dockyard registry exemption`: advisories and images that a project, or every project, lets pass."""

from typing import Annotated, Literal

from cyclopts import Parameter

from dockyard.cli import report
from dockyard.cli.registry.source import HERE, At
from dockyard.cli.registry.words import expiry, moment, needed, number
from dockyard.errors import UsageError


def exemption(
    verb: Literal["list", "add", "rm"],
    project: str = "",
    subject: str = "",
    /,
    *,
    everywhere: Annotated[bool, Parameter(negative="")] = False,
    reason: str = "",
    until: str = "never",
    at: At = HERE,
    json: bool = False,
) -> None:
    """List, add or end exemptions from the policy of a project, or of all projects.

    Args:
        verb: list, add or rm.
        project: the first part of its repositories' names; left out with --everywhere.
        subject: an advisory such as CVE-2026-1234, or an image's digest; for rm the exemption's number.
        everywhere: in all projects, which system admins do: `exemption add CVE-2026-1234 --everywhere`.
        reason: for add: why it is let pass.
        until: for add: how long, such as 30d or never.
        at: which registry.
        json: print one JSON document.
    """
    if everywhere:
        if subject:
            raise UsageError(f"everywhere, and in {project}", hint="Give --everywhere or a project.")
        project, subject = "", project
    else:
        needed(project, "project")
    where = project or "every project"
    verbs = at.verbs("trust.exempting", "exempting")
    with at.instance() as instance:
        if verb == "add":
            words = needed(subject, "subject"), needed(reason, "reason"), expiry(until)
            if project and not at.server:
                from dockyard.server.rules.project import project_number

                with instance.database.read() as connection:
                    project_number(connection, project)
            made = verbs.exempt(instance.database, project, *words)
            report.told({"number": made}, f"{where} lets {subject} pass: exemption {made}", json=json)
            return
        if verb == "rm":
            verbs.withdraw(instance.database, project, number(subject, "exemption"))
            report.told({"removed": int(subject)}, f"ended exemption {subject}", json=json)
            return
        found = [dict(each) for each in verbs.exemptions(instance.database, project)]
    shown = ("number", "project", "subject", "reason", "until", "made_by", "made_at")
    if json:
        report.result({"exemptions": [{key: {**each, "number": each["id"]}[key] for key in shown} for each in found]})
        return
    rows = [
        [
            str(each["id"]),
            each["project"] or "every",
            each["subject"],
            moment(each["until"], "never"),
            each["made_by"],
            each["reason"],
        ]
        for each in found
    ]
    report.table(["NUMBER", "PROJECT", "SUBJECT", "UNTIL", "BY", "REASON"], rows)
