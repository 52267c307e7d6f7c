"""`dockyard registry webhook`: whom a registry tells what happens in it."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dockyard.cli import context, report
from dockyard.cli.registry_house import moment, needed, number, opened

if TYPE_CHECKING:
    from dockyard.server.database import Database


def webhook(
    verb: Literal["list", "add", "on", "off", "rm", "log", "redeliver"] = "list",
    what: str = "",
    /,
    *,
    project: str = "",
    kind: list[str] | None = None,
    repositories: str = "**",
    form: Literal["cloudevents", "cloudevents-binary", "docker"] = "cloudevents",
    secret_stdin: bool = False,
    authorization_env: str = "",
    insecure: bool = False,
    state: Literal["", "waiting", "done", "dead"] = "",
    before: int = 0,
    count: int = 50,
    storage: Path | None = None,
    config: Path | None = None,
    json: bool = False,
) -> None:
    """Tell others by HTTP what happens in a registry (docs/webhooks.md).

    Args:
        verb: list, add, on, off, rm, log or redeliver.
        what: for add the URL; for on, off, rm and log a webhook's number; for redeliver a delivery's.
        project: for add and list only this project; all where there is none.
        kind: for add the kinds of events, such as push or quota.*; may be given several times.
        repositories: for add a pattern for whole names.
        form: for add cloudevents, cloudevents-binary or docker.
        secret_stdin: for add read the secret from standard input; one is made otherwise.
        authorization_env: for add the variable that holds the value of an Authorization header to send.
        insecure: for add do not check the receiver's TLS certificate.
        state: for log only waiting, done or dead.
        before: for log only deliveries with a lower number: the last one of the page before.
        count: for log how many at most.
        storage: the registry's folder, as for `dockyard serve`.
        config: the registry's settings, as for `dockyard serve`.
        json: print one JSON document.
    """
    import sys

    from dockyard.server.webhooks import kept, log

    with opened(storage, config) as house:
        database = house.database
        if verb == "add":
            made, secret = kept.add(
                database,
                house.seal,
                needed(what, "URL"),
                project=project,
                kinds=kind or kept.KINDS,
                repositories=repositories,
                form=form,
                secret=sys.stdin.readline().strip() if secret_stdin else "",
                authorization=needed(context.environment().get(authorization_env, ""), authorization_env)
                if authorization_env
                else "",
                verify=not insecure,
            )
            if json:
                report.result({**made.to_json(), "secret": secret})
            else:
                print(f"webhook {made.number}; its secret is {secret} and is not shown again")
        elif verb in ("on", "off"):
            changed = kept.switch(database, number(what, "a webhook"), active=verb == "on")
            report.result(changed.to_json()) if json else print(f"webhook {changed.number} is {verb}")
        elif verb == "rm":
            kept.remove(database, number(what, "a webhook"))
            report.result({"removed": int(what)}) if json else print(f"removed webhook {what}")
        elif verb == "redeliver":
            log.redeliver(database, number(what, "a delivery"))
            report.result({"waiting": int(what)}) if json else print(f"delivery {what} waits to be sent again")
        elif verb == "log":
            found = log.deliveries(
                database,
                webhook=number(what, "a webhook") if what else 0,
                state=state,
                before=before,
                count=count,
            )
            if json:
                report.result({"deliveries": [each.to_json() for each in found]})
                return
            rows = []
            for each in found:
                last = each.tries[-1] if each.tries else None
                said = "" if last is None else last.error or f"{last.status} in {last.milliseconds} ms"
                when = moment(each.created_at)
                rows.append(
                    [str(each.number), str(each.webhook), each.kind, each.state, when, str(each.attempts), said]
                )
            report.table(["NUMBER", "WEBHOOK", "KIND", "STATE", "WHEN", "TRIES", "LAST"], rows)
        else:
            _list(database, project, json=json)


def _list(database: "Database", project: str, *, json: bool) -> None:
    from dockyard.server.webhooks import kept

    with database.read() as connection:
        found = kept.webhooks(connection, project or None)
    if json:
        report.result({"webhooks": [each.to_json() for each in found]})
        return
    rows = [
        [
            str(each.number),
            each.project or "(all)",
            each.url,
            " ".join(each.kinds),
            each.format,
            "on" if each.active else "off",
        ]
        for each in found
    ]
    report.table(["NUMBER", "PROJECT", "URL", "KINDS", "FORMAT", "STATE"], rows)
