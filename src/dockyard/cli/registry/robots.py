"""`dockyard registry robot`: what machines log in with, straight in the database or through a server's API."""

from typing import Literal

import msgspec

from dockyard.cli import report
from dockyard.cli.registry.source import HERE, At
from dockyard.cli.registry.words import expiry, moment, needed, permissions, written

_MOST = 100_000


def robot(
    verb: Literal["list", "add", "set", "renew", "rm"] = "list",
    name: str = "",
    /,
    *,
    project: str = "",
    allow: list[str] | None = None,
    expires: str = "",
    disabled: bool | None = None,
    description: str | None = None,
    at: At = HERE,
    json: bool = False,
) -> None:
    """List, add, change or remove robots. A new one's secret is shown once; renew gives it another.

    Args:
        verb: list, add, set, renew or rm.
        name: a short one for add; afterwards the whole one, such as robot+team+ci.
        project: where it works; the whole system if left out.
        allow: actions and globs, such as pull,push:team/web-*; may be repeated.
        expires: how long it holds, such as 90d or never.
        disabled: whether it can log in.
        description: for people.
        at: which registry.
        json: print one JSON document.
    """
    from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM

    robots = at.verbs("access.robots", "robots")
    with at.database(new=verb == "add") as database:
        if verb == "list":
            found = robots.listing(database, SYSTEM, project, count=_MOST)
            if json:
                report.result({"robots": [_document(each) for each in found]})
                return
            rows = [
                [
                    each.name,
                    written(each.permissions),
                    "disabled" if each.disabled else "",
                    moment(each.expires_at, "never"),
                    moment(each.used_at, "never"),
                ]
                for each in found
            ]
            report.table(["NAME", "MAY", "STATE", "EXPIRES", "LAST USED"], rows)
            return
        needed(name, "name")
        if verb == "rm":
            robots.remove(database, SYSTEM, name)
            report.told({"removed": name}, f"removed {name}", json=json)
        elif verb == "renew":
            secret = robots.renew(database, SYSTEM, name)
            report.told({"name": name, "secret": secret}, secret, json=json)
        elif verb == "add":
            made, secret = robots.add(
                database,
                SYSTEM,
                project,
                name,
                permissions(allow or []),
                description=description or "",
                expires_at=expiry(expires),
            )
            report.told({**_document(made), "secret": secret}, f"{made.name}\n{secret}", json=json)
        else:
            made = robots.change(
                database,
                SYSTEM,
                name,
                permissions=permissions(allow) if allow else None,
                expires_at=(expiry(expires) or 0) if expires else None,
                disabled=disabled,
                description=description,
            )
            report.told(_document(made), f"changed {name}", json=json)


def _document(thing: object) -> dict[str, object]:
    found: dict[str, object] = msgspec.to_builtins(thing)
    return found
