"""`/labels`, `/projects/…/labels` and `…/artifacts/…/labels`: words with a colour that people put on artifacts.

Labels of all projects are made by system admins, those of a project by its maintainers; whoever may push to a
repository puts them on what is there.
"""

from typing import Annotated

import msgspec
from litestar.params import JSONBody

from dockyard.server.api.repositories import named
from dockyard.server.api.route import Guest, Number, Part, route
from dockyard.server.rules import labelled, labels
from dockyard.server.rules.labelled import Worn
from dockyard.server.rules.labels import PLAIN, Label

LabelName = Annotated[str, msgspec.Meta(pattern=labels.NAME)]
Color = Annotated[str, msgspec.Meta(pattern=labels.COLOR)]
Purpose = Annotated[str, msgspec.Meta(max_length=1000)]
_WORN = "/repositories/{repository:str}/artifacts/{reference:str}/labels"


class LabelNew(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A label to be made."""

    name: LabelName
    description: Purpose = ""
    color: Color = PLAIN


class LabelChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is to be another way with a label; what is null or left out stays."""

    name: LabelName | None = None
    description: Purpose | None = None
    color: Color | None = None


@route("GET", "/labels", "labels")
def labels_list(visit: Guest) -> list[Label]:
    """The labels of all projects, by name."""
    return labels.listing(visit.database)


@route("POST", "/labels", "labels")
def label_create(visit: Guest, data: JSONBody[LabelNew]) -> Label:
    """Make a label of all projects. For system admins."""
    visit.demand("", "label", "create")
    return labels.add(visit.database, "", data.name, description=data.description, color=data.color)


@route("GET", "/projects/{project:str}/labels", "labels")
def project_labels_list(visit: Guest, project: Part) -> list[Label]:
    """The labels of a project, by name; those of all projects are not among them. For guests and above."""
    visit.demand(project, "label", "list")
    return labels.listing(visit.database, project)


@route("POST", "/projects/{project:str}/labels", "labels")
def project_label_create(visit: Guest, project: Part, data: JSONBody[LabelNew]) -> Label:
    """Make a label of a project. For maintainers."""
    visit.demand(project, "label", "create")
    return labels.add(visit.database, project, data.name, description=data.description, color=data.color)


@route("GET", "/labels/{number:int}", "labels")
def label_read(visit: Guest, number: Number) -> Label:
    """One label."""
    return _reachable(visit, number, "read")


@route("PATCH", "/labels/{number:int}", "labels")
def label_update(visit: Guest, number: Number, data: JSONBody[LabelChange]) -> Label:
    """Change a label. Rules that name it by its old name no longer speak of it."""
    _reachable(visit, number, "update")
    return labels.change(visit.database, number, name=data.name, description=data.description, color=data.color)


@route("DELETE", "/labels/{number:int}", "labels")
def label_delete(visit: Guest, number: Number) -> None:
    """Remove a label, and take it off every artifact."""
    _reachable(visit, number, "delete")
    labels.remove(visit.database, number)


@route("PUT", _WORN + "/{number:int}", "labels")
def artifact_label_put(visit: Guest, repository: Part, reference: Part, number: Number) -> list[Worn]:
    """Put a label on an artifact, one of its project or of all; the answer has all that it has now."""
    name = visit.repository(named(repository), "push")
    return labelled.put(visit.database, name, reference, number)


@route("DELETE", _WORN + "/{number:int}", "labels")
def artifact_label_delete(visit: Guest, repository: Part, reference: Part, number: Number) -> None:
    """Take a label off an artifact."""
    name = visit.repository(named(repository), "push")
    labelled.take(visit.database, name, reference, number)


def _reachable(visit: Guest, number: int, action: str) -> Label:
    found = labels.get(visit.database, number)
    if found.project or action != "read":
        visit.demand(found.project, "label", action)
    return found
