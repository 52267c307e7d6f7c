"""`dockyard registry exemption`: advisories and images that a project, or every project, lets pass."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from dockyard.cli import report
from dockyard.cli.registry_source import source
from dockyard.cli.registry_words import expiry, moment, needed, number
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
    server: str = "",
    storage: Path | None = None,
    config: Path | None = None,
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
        server: a registry's server, whose API is asked with the credentials of `dockyard login`.
        storage: the registry's folder, as for `dockyard serve`.
        config: the registry's settings, as for `dockyard serve`.
        json: print one JSON document.
    """
    if everywhere:
        if subject:
            raise UsageError(f"everywhere, and in {project}", hint="Give --everywhere or a project.")
        project, subject = "", project
    else:
        needed(project, "project")
    where = project or "every project"
    verbs, place = source("trust.exempting", "exempting", server, storage, config, house=True)
    with place as house:
        if verb == "add":
            words = needed(subject, "subject"), needed(reason, "reason"), expiry(until)
            if project and not server:
                from dockyard.server.rules.project import project_number

                with house.database.read() as connection:
                    project_number(connection, project)
            made = verbs.exempt(house.database, project, *words)
            report.result({"number": made}) if json else print(f"{where} lets {subject} pass: exemption {made}")
            return
        if verb == "rm":
            verbs.withdraw(house.database, project, number(subject, "exemption"))
            report.result({"removed": int(subject)}) if json else print(f"ended exemption {subject}")
            return
        found = [dict(each) for each in verbs.exemptions(house.database, project)]
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
