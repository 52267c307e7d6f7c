"""`dockyard registry replication`: images copied to and from other registries by rule."""

from pathlib import Path
from typing import Literal

from dockyard.cli import report
from dockyard.cli.registry_house import amount, moment, needed, number, opened


def replication(
    verb: Literal["list", "add", "on", "off", "rm", "run", "dry-run", "history", "errors"] = "list",
    name: str = "",
    /,
    *,
    push_to: str = "",
    pull_from: str = "",
    repositories: str = "**",
    tags: str = "**",
    target: str = "{name}",
    username: str = "",
    password_stdin: bool = False,
    insecure: bool = False,
    ca: str = "",
    events: bool = False,
    schedule: str = "",
    deletions: bool = False,
    parallel: int = 2,
    rate: str = "0",
    before: int = 0,
    count: int = 50,
    storage: Path | None = None,
    config: Path | None = None,
    json: bool = False,
) -> None:
    """Copy images to and from other registries, as they come or on a schedule; signatures and SBOMs come along.

    Args:
        verb: list, add, on, off, rm, run, dry-run, history or errors.
        name: the rule's; for errors a run's number.
        push_to: for add the registry that gets copies, such as registry.example:5000.
        pull_from: for add the registry that copies are taken from.
        repositories: for add a pattern for names at the source; without a wildcard the catalog is not asked.
        tags: for add a pattern for tags.
        target: for add the name at the destination; {name}, {rest} (without the first part), {last} (the last part).
        username: for add the account at the other registry.
        password_stdin: for add read its password from standard input.
        insecure: for add plain HTTP, or TLS that is not checked.
        ca: for add a file of authorities for the other registry.
        events: for add copy what is pushed as it comes (only with --push-to).
        schedule: for add compare everything at these times: five fields as in crontab, in UTC, or a span such as 6h.
        deletions: for add delete at the destination what is deleted at the source.
        parallel: for add how many images are copied at once.
        rate: for add bytes a second for the whole rule, such as 10MB; 0 for no bound.
        before: for history only runs with a lower number: the last one of the page before.
        count: for history how many at most.
        storage: the registry's folder, as for `dockyard serve`.
        config: the registry's settings, as for `dockyard serve`.
        json: print one JSON document.
    """
    import sys

    from dockyard.errors import UsageError
    from dockyard.server.replication import replicate, rules, runs

    with opened(storage, config) as house:
        database = house.database
        if verb == "list":
            with database.read() as connection:
                known = rules.rules(connection)
            if json:
                report.result({"rules": [each.to_json() for each in known]})
                return
            rows = [
                [
                    each.name,
                    f"{each.direction} {each.registry}",
                    f"{each.repositories}:{each.tags}",
                    each.target,
                    " and ".join(part for part in ("events" if each.events else "", each.schedule) if part) or "asked",
                    "on" if each.active else "off",
                ]
                for each in known
            ]
            report.table(["NAME", "REGISTRY", "WHAT", "TARGET", "WHEN", "STATE"], rows)
        elif verb == "history":
            found = runs.history(database, rule=name, before=before, count=count)
            if json:
                report.result({"runs": [each.to_json() for each in found]})
                return
            rows = [
                [
                    str(each.number),
                    each.rule,
                    each.trigger,
                    each.state,
                    moment(each.started_at),
                    str(each.left),
                    each.error or ", ".join(f"{value} {key}" for key, value in sorted(each.counts.items())),
                ]
                for each in found
            ]
            report.table(["NUMBER", "RULE", "TRIGGER", "STATE", "WHEN", "LEFT", "SAYS"], rows)
        elif verb == "errors":
            wrong = runs.errors(database, number(name, "a run"))
            if json:
                report.result({"errors": wrong})
                return
            rows = [[f"{each['repository']}:{each['reference']}", each["state"], each["error"]] for each in wrong]
            report.table(["WHAT", "STATE", "ERROR"], rows)
        elif verb == "add":
            if bool(push_to) == bool(pull_from):
                raise UsageError("name one other registry", hint="With --push-to HOST, or --pull-from HOST.")
            rule = rules.Rule(
                0,
                needed(name, "name"),
                "push" if push_to else "pull",
                push_to or pull_from,
                repositories,
                tags,
                target,
                username,
                insecure,
                ca,
                events,
                schedule,
                deletions,
                parallel,
                amount(rate),
            )
            made = rules.add(database, house.seal, rule, sys.stdin.readline().rstrip("\n") if password_stdin else "")
            report.result(made.to_json()) if json else print(f"made rule {made.name}")
        elif verb in ("on", "off"):
            changed = rules.switch(database, needed(name, "name"), active=verb == "on")
            report.result(changed.to_json()) if json else print(f"rule {changed.name} is {verb}")
        elif verb == "rm":
            rules.remove(database, needed(name, "name"))
            report.result({"removed": name}) if json else print(f"removed rule {name}")
        elif verb == "run":
            run = replicate.ask(database, rules.named(database, needed(name, "name")))
            report.result({"run": run}) if json else print(f"run {run} begins as soon as the registry serves")
        else:
            rule = rules.named(database, needed(name, "name"))
            planned = list(replicate.plan(database, house.registry, house.seal, rule))
            if json:
                report.result({"planned": [each._asdict() for each in planned]})
                return
            rows = [
                [each.action, f"{each.repository}:{each.reference}", each.target, str(each.bytes)] for each in planned
            ]
            report.table(["ACTION", "WHAT", "TARGET", "BYTES"], rows)
