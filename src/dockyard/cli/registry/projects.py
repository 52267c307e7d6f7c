"""`dockyard registry project` and `member`: projects and roles, straight in the database or through a server's API."""

from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter

from dockyard.cli import report, server_settings
from dockyard.cli.registry.source import HERE, At
from dockyard.cli.registry.words import moment, needed

_MOST = 100_000


def project(
    verb: Literal["list", "add", "set", "rm"] = "list",
    name: str = "",
    /,
    *,
    public: bool | None = None,
    at: At = HERE,
    json: bool = False,
) -> None:
    """List, add, change or remove a registry's projects.

    Args:
        verb: list, add, set or rm.
        name: the first part of its repositories' names.
        public: whether anybody may pull.
        at: which registry.
        json: print one JSON document.
    """
    from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM

    projects = at.verbs("access.projects", "projects")
    with at.database(new=verb == "add") as database:
        if verb == "list":
            found = projects.listing(database, SYSTEM, count=_MOST)
            if json:
                report.result({"projects": msgspec.to_builtins(found)})
                return
            rows = [[each.name, "public" if each.public else "private", moment(each.created_at)] for each in found]
            report.table(["NAME", "VISIBILITY", "CREATED"], rows)
            return
        needed(name, "name")
        if verb == "rm":
            projects.remove(database, SYSTEM, name)
            report.told({"removed": name}, f"removed {name}", json=json)
            return
        if verb == "add":
            most = {} if at.server else {"otherwise": server_settings.settings(at.config).project_quota or None}
            made = projects.add(database, SYSTEM, name, public=bool(public), **most)
        elif public is None:
            made = projects.get(database, SYSTEM, name)
        else:
            made = projects.change(database, SYSTEM, name, public=public)
        said = f"{name} is {'public' if made.public else 'private'}"
        report.told(msgspec.to_builtins(made), said, json=json)


def member(
    verb: Literal["list", "add", "set", "rm"] = "list",
    project: str = "",
    name: str = "",
    /,
    *,
    role: str = "",
    group: Annotated[bool, Parameter(negative="")] = False,
    repository: list[str] | None = None,
    at: At = HERE,
    json: bool = False,
) -> None:
    """List, set or remove who has which role in a project.

    Args:
        verb: list, add, set or rm.
        project: its name.
        name: of the account or group.
        role: limited-guest, guest, developer, maintainer or project-admin.
        group: the name is a group's.
        repository: a glob that narrows what may be pulled, pushed and deleted; may be repeated.
        at: which registry.
        json: print one JSON document.
    """
    from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM

    needed(project, "project")
    kind = "group" if group else "user"
    members = at.verbs("access.members", "members")
    with at.database(new=verb == "add") as database:
        if verb == "list":
            found = members.listing(database, SYSTEM, project)
            if json:
                report.result({"members": msgspec.to_builtins(found)})
                return
            rows = [[each.name, each.kind, each.role, " ".join(each.repositories)] for each in found]
            report.table(["NAME", "KIND", "ROLE", "REPOSITORIES"], rows)
            return
        needed(name, "name")
        if verb == "rm":
            members.remove(database, SYSTEM, project, name, kind=kind)
            report.told({"removed": name}, f"removed {name}", json=json)
            return
        made = members.put(
            database, SYSTEM, project, name, needed(role, "role"), kind=kind, repositories=repository or ()
        )
        report.told(msgspec.to_builtins(made), f"{name} is {made.role} in {project}", json=json)
