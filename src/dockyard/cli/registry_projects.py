"""`dockyard registry project` and `member`: projects and roles, straight in the database or through a server's API."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cyclopts import Parameter

from dockyard.cli import report, server_settings
from dockyard.cli.registry_source import source
from dockyard.cli.registry_words import moment, needed

_MOST = 100_000


def project(
    verb: Literal["list", "add", "set", "rm"] = "list",
    name: str = "",
    /,
    *,
    public: bool | None = None,
    server: str = "",
    storage: Path | None = None,
    config: Path | None = None,
    json: bool = False,
) -> None:
    """List, add, change or remove a registry's projects.

    Args:
        verb: list, add, set or rm.
        name: the first part of its repositories' names.
        public: whether anybody may pull.
        server: a registry's server, whose API is asked with the credentials of `dockyard login`.
        storage: the registry's folder, as for `dockyard serve`.
        config: the registry's settings, as for `dockyard serve`.
        json: print one JSON document.
    """
    from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM

    projects, place = source("access.projects", "projects", server, storage, config, new=verb == "add")
    with place as database:
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
            report.result({"removed": name}) if json else print(f"removed {name}")
            return
        if verb == "add":
            most = {} if server else {"otherwise": server_settings.settings(config).project_quota or None}
            made = projects.add(database, SYSTEM, name, public=bool(public), **most)
        elif public is None:
            made = projects.get(database, SYSTEM, name)
        else:
            made = projects.change(database, SYSTEM, name, public=public)
        said = f"{name} is {'public' if made.public else 'private'}"
        report.result(msgspec.to_builtins(made)) if json else print(said)


def member(
    verb: Literal["list", "add", "set", "rm"] = "list",
    project: str = "",
    name: str = "",
    /,
    *,
    role: str = "",
    group: Annotated[bool, Parameter(negative="")] = False,
    repository: list[str] | None = None,
    server: str = "",
    storage: Path | None = None,
    config: Path | None = None,
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
        server: a registry's server, whose API is asked with the credentials of `dockyard login`.
        storage: the registry's folder, as for `dockyard serve`.
        config: the registry's settings, as for `dockyard serve`.
        json: print one JSON document.
    """
    from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM

    needed(project, "project")
    kind = "group" if group else "user"
    members, place = source("access.members", "members", server, storage, config, new=verb == "add")
    with place as database:
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
            report.result({"removed": name}) if json else print(f"removed {name}")
            return
        made = members.put(
            database, SYSTEM, project, name, needed(role, "role"), kind=kind, repositories=repository or ()
        )
        report.result(msgspec.to_builtins(made)) if json else print(f"{name} is {made.role} in {project}")
