"""Labels, as `dockyard.server.rules.labels` has them."""

from typing import Any

import msgspec

from dockyard.cli.registry.remote.connection import Remote, part
from dockyard.server.rules.labelled import Worn
from dockyard.server.rules.labels import Label, LabelUnknownError


def listing(remote: Remote, project: str = "", *, usable: bool = False) -> list[Label]:
    """Those of a project, or of all."""
    mine = remote.ask("GET", f"{_place(project)}/labels")
    everywhere = remote.ask("GET", "/labels") if usable and project else []
    return msgspec.convert([*mine, *everywhere], list[Label])


def named(remote: Remote, project: str, name: str, *, usable: bool = False) -> Label:
    """The one of that name.

    Raises:
        LabelUnknownError: there is none.
    """
    found = [each for each in listing(remote, project, usable=usable) if each.name == name]
    if not found:
        raise LabelUnknownError(f"there is no label {name[:64]!r}")
    return max(found, key=lambda each: each.project)


def add(remote: Remote, project: str, name: str, **values: str) -> Label:
    """Make one."""
    document = {"name": name, **{key: value for key, value in values.items() if value}}
    return msgspec.convert(remote.ask("POST", f"{_place(project)}/labels", document), Label)


def change(remote: Remote, number: int, **values: Any) -> Label:
    """Change what is not None."""
    document = {key: value for key, value in values.items() if value is not None}
    return msgspec.convert(remote.ask("PATCH", f"/labels/{number}", document), Label)


def remove(remote: Remote, number: int) -> None:
    """Remove one."""
    remote.ask("DELETE", f"/labels/{number}")


def put(remote: Remote, repository: str, reference: str, number: int) -> list[Worn]:
    """Put one on an artifact."""
    return msgspec.convert(remote.ask("PUT", _worn(repository, reference, number)), list[Worn])


def take(remote: Remote, repository: str, reference: str, number: int) -> None:
    """Take one off an artifact."""
    remote.ask("DELETE", _worn(repository, reference, number))


def _place(project: str) -> str:
    return f"/projects/{part(project)}" if project else ""


def _worn(repository: str, reference: str, number: int) -> str:
    return f"/repositories/{part(repository)}/artifacts/{part(reference)}/labels/{number}"
