"""`dockyard registry webhook`: whom a registry tells what happens in it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from dockyard.cli import context, report
from dockyard.cli.registry.source import HERE, At
from dockyard.cli.registry.words import moment, needed, number

if TYPE_CHECKING:
    from dockyard.server.webhooks.kept import Webhook
    from dockyard.server.webhooks.log import Delivery

_NEAR = {"log": "webhooks.log", "redeliver": "webhooks.log", "test": "webhooks.trial"}


def webhook(
    verb: Literal["list", "add", "set", "on", "off", "rm", "test", "log", "redeliver"] = "list",
    what: str = "",
    /,
    *,
    project: str = "",
    url: str = "",
    kind: list[str] | None = None,
    repositories: str = "",
    form: Literal["", "cloudevents", "cloudevents-binary", "docker"] = "",
    secret_stdin: bool = False,
    authorization_env: str = "",
    insecure: bool | None = None,
    state: Literal["", "waiting", "done", "dead"] = "",
    before: int = 0,
    count: int = 50,
    at: At = HERE,
    json: bool = False,
) -> int:
    """Tell others by HTTP what happens in a registry (docs/webhooks.md). A test that was not taken ends with 3.

    Args:
        verb: list, add, set, on, off, rm, test, log or redeliver.
        what: for add the URL; for redeliver a delivery's number; else a webhook's.
        project: for add and list only this project; all where there is none.
        url: for set another URL.
        kind: for add and set the kinds of events, such as push or quota.*; may be given several times.
        repositories: for add and set a pattern for whole names; all where there is none.
        form: for add and set cloudevents (the default), cloudevents-binary or docker.
        secret_stdin: for add and set read the secret from standard input; add makes one otherwise.
        authorization_env: for add and set the variable that holds the value of an Authorization header to send.
        insecure: for add and set do not check the receiver's TLS certificate.
        state: for log only waiting, done or dead.
        before: for log only deliveries with a lower number: the last one of the page before.
        count: for log how many at most.
        at: which registry.
        json: print one JSON document.
    """
    verbs = at.verbs(_NEAR.get(verb, "webhooks.kept"), "webhooks")
    with at.instance() as instance:
        database = instance.database
        if verb in ("add", "set"):
            values: dict[str, Any] = {"kinds": kind, "repositories": repositories or None, "form": form or None}
            values |= {"secret": _secret(stdin=secret_stdin), "authorization": _header(authorization_env)}
            values |= {"verify": None if insecure is None else not insecure}
            if verb == "set":
                which = number(what, "a webhook")
                _one(verbs.change(database, instance.seal, which, url=url or None, **values), "changed", json=json)
                return 0
            given = {name: value for name, value in values.items() if value is not None}
            given.setdefault("kinds", _kinds())
            made, secret = verbs.add(database, instance.seal, needed(what, "URL"), project=project, **given)
            said = f"webhook {made.number}; its secret is {secret} and is not shown again"
            report.told({**made.to_json(), "secret": secret}, said, json=json)
        elif verb in ("on", "off"):
            changed = verbs.change(database, instance.seal, number(what, "a webhook"), active=verb == "on")
            _one(changed, f"is {verb}", json=json)
        elif verb == "rm":
            verbs.remove(database, number(what, "a webhook"))
            report.told({"removed": int(what)}, f"removed webhook {what}", json=json)
        elif verb == "test":
            return _tested(_sent(verbs, instance, number(what, "a webhook"), at.server), json=json)
        elif verb == "redeliver":
            narrowed = {"project": project} if at.server else {}
            verbs.redeliver(database, number(what, "a delivery"), **narrowed)
            report.told({"waiting": int(what)}, f"delivery {what} waits to be sent again", json=json)
        elif verb == "log":
            narrowed = {"project": project} if at.server else {}
            which = number(what, "a webhook") if what else 0
            _log(
                verbs.deliveries(database, webhook=which, state=state, before=before, count=count, **narrowed),
                json=json,
            )
        else:
            _list(verbs.listing(database, project), json=json)
    return 0


def _kinds() -> Sequence[str]:
    from dockyard.server.webhooks.kept import KINDS

    return KINDS


def _secret(*, stdin: bool) -> str | None:
    import sys

    return sys.stdin.readline().strip() if stdin else None


def _header(variable: str) -> str | None:
    return needed(context.environment().get(variable, ""), variable) if variable else None


def _one(found: "Webhook", said: str, *, json: bool) -> None:
    report.told(found.to_json(), f"webhook {found.number} {said}", json=json)


def _sent(verbs: Any, instance: Any, which: int, server: str) -> "Delivery":
    if server:
        found: Delivery = verbs.test(instance, which)
        return found
    made: Delivery = verbs.test(
        instance.database, instance.seal, instance.settings.webhooks, instance.settings.url, which
    )
    return made


def _tested(found: "Delivery", *, json: bool) -> int:
    code = 0 if found.state == "done" else 3
    if json:
        report.result(found.to_json())
        return code
    last = found.tries[-1]
    told = f"delivery {found.number} was taken" if found.state == "done" else f"delivery {found.number} was not taken"
    print(f"{told}: {last.error or f'HTTP status {last.status}'} in {last.milliseconds} ms")
    return code


def _log(found: "Sequence[Delivery]", *, json: bool) -> None:
    if json:
        report.result({"deliveries": [each.to_json() for each in found]})
        return
    rows = []
    for each in found:
        last = each.tries[-1] if each.tries else None
        said = "" if last is None else last.error or f"{last.status} in {last.milliseconds} ms"
        when = moment(each.created_at)
        rows.append([str(each.number), str(each.webhook), each.kind, each.state, when, str(each.attempts), said])
    report.table(["NUMBER", "WEBHOOK", "KIND", "STATE", "WHEN", "TRIES", "LAST"], rows)


def _list(found: "Sequence[Webhook]", *, json: bool) -> None:
    if json:
        report.result({"webhooks": [each.to_json() for each in found]})
        return
    rows = []
    for each in found:
        state, kinds = "on" if each.active else "off", " ".join(each.kinds)
        rows.append([str(each.number), each.project or "(all)", each.url, kinds, each.format, state])
    report.table(["NUMBER", "PROJECT", "URL", "KINDS", "FORMAT", "STATE"], rows)
