"""`dockyard registry user`, `group` and `token`: accounts, straight in the database or through a server's API."""

from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter

from dockyard.cli import report
from dockyard.cli.registry.source import HERE, At
from dockyard.cli.registry.words import expiry, moment, needed, new_password

Verb = Literal["list", "add", "set", "rm"]
_MOST = 100_000


def user(
    verb: Verb = "list",
    name: str = "",
    /,
    *,
    admin: bool | None = None,
    email: str | None = None,
    password: Annotated[bool, Parameter(negative="")] = False,
    password_stdin: Annotated[bool, Parameter(negative="")] = False,
    source: Literal["local", "oidc", "ldap"] = "local",
    disabled: bool | None = None,
    unlock: Annotated[bool, Parameter(negative="")] = False,
    new: Annotated[bool, Parameter(negative="")] = False,
    at: At = HERE,
    json: bool = False,
) -> None:
    """List, add, change or remove a registry's accounts. With the first one, every caller must log in.

    Args:
        verb: list, add, set or rm.
        name: of the account.
        admin: whether it is a system admin.
        email: its address.
        password: set asks for a new password; add always does.
        password_stdin: read the password from standard input.
        source: who checks the password of a new account.
        disabled: whether it can log in.
        unlock: let it try again after too many wrong passwords.
        new: for add begin a registry in the folder that --storage names, if there is none yet.
        at: which registry.
        json: print one JSON document.
    """
    from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM

    users = at.verbs("access.users", "users")
    with at.database(new=verb == "add", begin=new) as database:
        if verb == "list":
            found = users.listing(database, SYSTEM, count=_MOST)
            if json:
                report.result({"users": msgspec.to_builtins(found)})
                return
            rows = [
                [
                    each.name,
                    each.email,
                    "admin" if each.admin else "",
                    each.source,
                    "disabled" if each.disabled else "",
                    moment(each.seen_at, "never"),
                ]
                for each in found
            ]
            report.table(["NAME", "EMAIL", "ADMIN", "SOURCE", "STATE", "LAST LOGIN"], rows)
            return
        needed(name, "name")
        if verb == "rm":
            users.remove(database, SYSTEM, name)
            report.told({"removed": name}, f"removed {name}", json=json)
            return
        if verb == "add":
            typed = new_password(stdin=password_stdin) if source == "local" else None
            made = users.add(
                database, SYSTEM, name, password=typed, email=email or "", admin=bool(admin), source=source
            )
            report.told(msgspec.to_builtins(made), f"added {name}", json=json)
            return
        typed = new_password(stdin=password_stdin) if password or password_stdin else None
        changed = users.change(
            database, SYSTEM, name, password=typed, email=email, admin=admin, disabled=disabled, unlock=unlock
        )
        report.told(msgspec.to_builtins(changed), f"changed {name}", json=json)


def group(
    verb: Verb = "list",
    name: str = "",
    /,
    *accounts: str,
    leave: Annotated[bool, Parameter(negative="")] = False,
    at: At = HERE,
    json: bool = False,
) -> None:
    """List, add or remove groups, or let accounts join and leave one (set).

    Args:
        verb: list, add, set or rm.
        name: of the group.
        accounts: who joins.
        leave: with set, the accounts leave instead.
        at: which registry.
        json: print one JSON document.
    """
    from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM

    groups = at.verbs("access.groups", "groups")
    with at.database(new=verb == "add") as database:
        if verb == "list":
            found = groups.listing(database, SYSTEM, count=_MOST)
            if json:
                report.result({"groups": msgspec.to_builtins(found)})
                return
            report.table(["NAME", "SOURCE", "ACCOUNTS"], [[g.name, g.source, " ".join(g.accounts)] for g in found])
            return
        needed(name, "name")
        if verb == "rm":
            groups.remove(database, SYSTEM, name)
            report.told({"removed": name}, f"removed {name}", json=json)
            return
        if verb == "add":
            groups.add(database, SYSTEM, name)
        made = groups.change(database, SYSTEM, name, join=() if leave else accounts, leave=accounts if leave else ())
        report.told(msgspec.to_builtins(made), f"{name}: {' '.join(made.accounts) or 'nobody'}", json=json)


def token(
    verb: Literal["list", "add", "rm"] = "list",
    account: str = "",
    name: str = "",
    /,
    *,
    scope: Literal["read-only", "read-write", "full"] = "full",
    expires: str = "never",
    at: At = HERE,
    json: bool = False,
) -> None:
    """List, add or remove an account's personal access tokens. A new one is shown once.

    Args:
        verb: list, add or rm.
        account: whose.
        name: of the token.
        scope: the most that it is good for.
        expires: how long it holds, such as 12h, 90d or never.
        at: which registry.
        json: print one JSON document.
    """
    from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM

    personal = at.verbs("access.personal", "personal")
    needed(account, "account")
    with at.database(new=verb == "add") as database:
        if verb == "list":
            found = personal.listing(database, SYSTEM, account)
            if json:
                report.result({"tokens": msgspec.to_builtins(found)})
                return
            rows = [
                [each.name, each.scope, moment(each.expires_at, "never"), moment(each.used_at, "never")]
                for each in found
            ]
            report.table(["NAME", "SCOPE", "EXPIRES", "LAST USED"], rows)
            return
        needed(name, "name")
        if verb == "rm":
            personal.remove(database, SYSTEM, account, name)
            report.told({"removed": name}, f"removed {name}", json=json)
            return
        made, secret = personal.add(database, SYSTEM, account, name, scope=scope, expires_at=expiry(expires))
        report.told({**msgspec.to_builtins(made), "token": secret}, secret, json=json)
