"""`dockyard registry label`: words with a colour that people put on images."""

from typing import Literal

import msgspec

from dockyard.cli import report
from dockyard.cli.registry.source import HERE, At
from dockyard.cli.registry.words import image_named, needed
from dockyard.errors import UsageError


def label(
    verb: Literal["list", "add", "set", "rm", "put", "take"] = "list",
    name: str = "",
    image: str = "",
    /,
    *,
    project: str = "",
    rename: str | None = None,
    description: str | None = None,
    color: str | None = None,
    at: At = HERE,
    json: bool = False,
) -> None:
    """List, add, change or remove labels, of a project or of all; put one on an image, or take it off.

    Args:
        verb: list, add, set or rm labels; put one on an image, take it off.
        name: of the label.
        image: for put and take, such as shop/web:1.0; a label of its project is meant, else one of all projects.
        project: whose labels; of all projects if left out.
        rename: for set: what it is called from now on.
        description: for add and set: for people.
        color: for add and set, such as '#0b6470'.
        at: which registry.
        json: print one JSON document.
    """
    from dockyard.server.names import project_of

    kept, worn = at.verbs("rules.labels", "labels"), at.verbs("rules.labelled", "labels")
    with at.database() as database:
        if verb == "list":
            found = kept.listing(database, project)
            if json:
                report.result({"labels": msgspec.to_builtins(found)})
                return
            rows = [[each.name, each.color, str(each.artifacts), each.description] for each in found]
            report.table(["NAME", "COLOR", "IMAGES", "DESCRIPTION"], rows)
            return
        needed(name, "label")
        if verb == "add":
            made = kept.add(database, project, name, description=description or "", color=color or "")
            report.told(msgspec.to_builtins(made), f"added {name}", json=json)
            return
        if verb in ("put", "take"):
            if project:
                raise UsageError("an image has one project", hint="Leave --project out.")
            repository, reference = image_named(needed(image, "image"))
            number = kept.named(database, project_of(repository), name, usable=True).number
            if verb == "put":
                now = [each.name for each in worn.put(database, repository, reference, number)]
                report.told({"image": image, "labels": now}, f"{image}: {', '.join(now)}", json=json)
                return
            worn.take(database, repository, reference, number)
            report.told({"image": image, "taken": name}, f"took {name} off {image}", json=json)
            return
        number = kept.named(database, project, name).number
        if verb == "rm":
            kept.remove(database, number)
            report.told({"removed": name}, f"removed {name}", json=json)
            return
        changed = kept.change(database, number, name=rename, description=description, color=color)
        report.told(msgspec.to_builtins(changed), f"changed {name}", json=json)
