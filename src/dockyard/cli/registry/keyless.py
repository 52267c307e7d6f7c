"""`dockyard registry keyless` and `key`: how CI jobs get in, and what signs tokens."""

from pathlib import Path
from typing import Literal

import msgspec

from dockyard.cli import context, report
from dockyard.cli.registry.here import database as opened
from dockyard.cli.registry.source import HERE, At
from dockyard.cli.registry.words import needed, permissions


def keyless(
    verb: Literal["list", "add", "set", "rm"] = "list",
    name: str = "",
    /,
    *,
    project: str = "",
    issuer: str = "",
    audience: str = "",
    claim: list[str] | None = None,
    allow: list[str] | None = None,
    lifetime: int = 900,
    disabled: bool = False,
    at: At = HERE,
    json: bool = False,
) -> None:
    """List, add, switch or remove the rules by which CI jobs get short-lived tokens for their identity tokens.

    Args:
        verb: list, add, set or rm.
        name: of the rule.
        project: where the permissions hold; the whole system if left out.
        issuer: who signs the identity tokens, exactly as they have it.
        audience: what the tokens must be for.
        claim: NAME=GLOB that the token must fit, such as repository=acme/web; may be repeated.
        allow: actions and globs, such as pull,push:team/web-*; may be repeated.
        lifetime: seconds for which the short-lived tokens hold.
        disabled: with set, switches the rule off.
        at: which registry.
        json: print one JSON document.
    """
    from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM

    rules = at.verbs("access.keyless", "keyless")
    with at.database(new=verb == "add") as database:
        if verb == "list":
            found = rules.listing(database, SYSTEM, project)
            if json:
                report.result({"rules": [_document(each) for each in found]})
                return
            rows = [[r.name, r.issuer, " ".join(f"{k}={v}" for k, v in r.claims.items())] for r in found]
            report.table(["NAME", "ISSUER", "CLAIMS"], rows)
            return
        needed(name, "name")
        if verb == "rm":
            rules.remove(database, SYSTEM, name)
            report.told({"removed": name}, f"removed {name}", json=json)
            return
        if verb == "set":
            made = rules.change(database, SYSTEM, name, disabled=disabled)
        else:
            made = rules.add(
                database,
                SYSTEM,
                project,
                name,
                issuer=needed(issuer, "issuer"),
                audience=audience,
                claims=context.pairs(claim, "--claim"),
                permissions=permissions(allow or []),
                lifetime=lifetime,
            )
        report.told(_document(made), f"{name} is {'off' if made.disabled else 'on'}", json=json)


def key(
    verb: Literal["rotate"],
    /,
    *,
    storage: Path | None = None,
    config: Path | None = None,
    json: bool = False,
) -> None:
    """Sign tokens with a new key; those signed with the one before hold to their end.

    Args:
        verb: rotate.
        storage: the registry's folder, as for `dockyard serve`.
        config: the registry's settings, as for `dockyard serve`.
        json: print one JSON document.
    """
    from dockyard.server.access.keys import rotate
    from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM

    with opened(storage, config) as database:
        rotate(database, SYSTEM)
    report.told({"rotated": True}, "tokens are signed with a new key within a minute", json=json)


def _document(thing: object) -> dict[str, object]:
    found: dict[str, object] = msgspec.to_builtins(thing)
    return found
