"""What a Dockerfile has to offer: its stages, and what a stage takes from whoever builds it."""

from collections.abc import Sequence
from typing import Any

from dockyard.dockerfile.instructions import Arg, Copy, Instruction, Run
from dockyard.dockerfile.node import Dockerfile, Node
from dockyard.dockerfile.stages import Stage, find_stage, stages, target_stage


def targets(dockerfile: Dockerfile) -> list[dict[str, Any]]:
    """The stages in their order; a comment `# NAME words` above a FROM describes the stage of that name."""
    _, found = stages(dockerfile)
    return [
        {
            "number": stage.number,
            "name": stage.name,
            "base": stage.base,
            "default": stage is found[-1],
            "description": _description(stage.head.node, stage.name),
        }
        for stage in found
    ]


def outline(dockerfile: Dockerfile, target: str) -> dict[str, Any]:
    """The arguments, secrets and agents that building `target` takes, those of the stages it needs included.

    Raises:
        StageUnknownError: there is no such stage.
    """
    before, found = stages(dockerfile)
    wanted = target_stage(found, target)
    args: dict[str, dict[str, Any]] = {}
    secrets: dict[str, dict[str, Any]] = {}
    agents: dict[str, dict[str, Any]] = {}
    for arg in before:
        _args(arg, args)
    for number in sorted(_reach(found, wanted)):
        for instruction in found[number].instructions:
            if isinstance(instruction, Arg):
                _args(instruction, args)
            elif isinstance(instruction, Run):
                for mount in instruction.mounts:
                    name = mount.id or mount.source or mount.target.rpartition("/")[2]
                    if mount.type == "secret":
                        secrets.setdefault(name, {"id": name, "required": mount.required})
                    elif mount.type == "ssh":
                        agents.setdefault(name or "default", {"id": name or "default", "required": mount.required})
    return {
        "target": wanted.title,
        "args": list(args.values()),
        "secrets": list(secrets.values()),
        "ssh": list(agents.values()),
    }


def _args(arg: Arg, into: dict[str, dict[str, Any]]) -> None:
    for name, default in arg.pairs:
        known = into.setdefault(name, {"name": name, "default": "", "description": ""})
        known["default"] = known["default"] or default or ""
        known["description"] = known["description"] or _description(arg.node, name)


def _description(node: Node, name: str) -> str:
    for comment in node.comments:
        first, _, rest = comment.strip().partition(" ")
        if name and first.lower() == name.lower() and rest:
            return rest.strip()
    return ""


def _reach(found: Sequence[Stage], stage: Stage) -> set[int]:
    reached = {stage.number}
    for name in [stage.base, *_names(stage.instructions)]:
        earlier = find_stage(found, name, before=stage.number)
        if earlier is not None:
            reached |= _reach(found, earlier)
    return reached


def _names(instructions: Sequence[Instruction]) -> list[str]:
    names = [each.from_ for each in instructions if isinstance(each, Copy) and each.from_]
    return names + [
        mount.from_ for each in instructions if isinstance(each, Run) for mount in each.mounts if mount.from_
    ]
