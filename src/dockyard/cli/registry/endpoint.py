"""`dockyard registry endpoint`: other registries by name, for rules of replication."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from dockyard.cli import report
from dockyard.cli.registry.source import HERE, At
from dockyard.cli.registry.words import moment, needed
from dockyard.errors import UsageError

if TYPE_CHECKING:
    from dockyard.server.replication.endpoints import Endpoint


def endpoint(
    verb: Literal["list", "add", "set", "rm", "ping"] = "list",
    name: str = "",
    registry: str = "",
    /,
    *,
    description: str | None = None,
    username: str | None = None,
    password_stdin: bool = False,
    insecure: bool | None = None,
    ca: str | None = None,
    at: At = HERE,
    json: bool = False,
) -> int:
    """Name other registries, with how to log in there, so that rules of replication can use them. `ping` asks one
    whether it answers and takes the password, and ends with 3 where it does not.

    Args:
        verb: list, add, set, rm or ping.
        name: the endpoint's.
        registry: for add and set the other registry, such as registry.example:5000.
        description: for add and set what it is, for people.
        username: for add and set the account there.
        password_stdin: for add and set read its password from standard input.
        insecure: for add and set plain HTTP, or TLS that is not checked.
        ca: for add and set a file of authorities for its certificate.
        at: which registry.
        json: print one JSON document.
    """
    import sys

    endpoints = at.verbs("replication.endpoints", "endpoints")
    given: dict[str, Any] = {"description": description, "username": username, "insecure": insecure, "ca": ca}
    given = {key: value for key, value in given.items() if value is not None}
    if verb not in ("add", "set") and (given or registry or password_stdin):
        raise UsageError(f"{verb} takes the endpoint's name only", hint="add and set say what an endpoint is like.")
    with at.instance() as instance:
        database = instance.database
        if verb == "list":
            _shown(endpoints.listing(database), json=json)
        elif verb == "rm":
            endpoints.remove(database, needed(name, "name"))
            report.told({"removed": name}, f"removed endpoint {name}", json=json)
        elif verb == "ping":
            pinging = at.verbs("replication.pinging", "endpoints")
            said = pinging.ping(database, instance.seal, needed(name, "name"))
            if json:
                report.result(said.to_json())
            elif said.trouble:
                print(f"{said.registry}: {said.trouble}\n{said.hint}".rstrip())
            else:
                catalog = "shows" if said.catalog else "does not show"
                print(f"{said.registry} answers, {said.milliseconds} ms; it {catalog} which repositories it has")
            return 3 if said.trouble else 0
        else:
            secret = sys.stdin.readline().rstrip("\n") if password_stdin else None
            if verb == "set":
                given |= {"registry": registry} if registry else {}
                kept = endpoints.change(database, instance.seal, needed(name, "name"), secret, **given)
            else:
                from dockyard.server.replication.endpoints import Endpoint

                made = Endpoint(0, needed(name, "name"), needed(registry, "registry"), **given)
                kept = endpoints.add(database, instance.seal, made, secret or "")
            told = "changed" if verb == "set" else "added"
            report.told(kept.to_json(), f"{told} endpoint {kept.name}: {kept.registry}", json=json)
    return 0


def _shown(known: "Sequence[Endpoint]", *, json: bool) -> None:
    if json:
        report.result({"endpoints": [each.to_json() for each in known]})
        return
    rows = [
        [
            each.name,
            each.registry,
            each.username or "-",
            ", ".join(each.rules) or "-",
            f"{moment(each.checked_at, 'never asked')}{' ' if each.checked_at else ''}"
            + (each.trouble or ("answers" if each.checked_at else "")),
        ]
        for each in known
    ]
    report.table(["NAME", "REGISTRY", "ACCOUNT", "RULES", "STATE"], rows)
