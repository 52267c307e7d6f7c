"""What a Dockerfile has to offer: its stages, and what a stage takes from whoever builds it.

The same as BuildKit's requests `frontend.targets` and `frontend.outline` answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dockyard.dockerfile import shell
from dockyard.dockerfile.instructions import Arg, Copy, Env, Instruction, Run
from dockyard.dockerfile.mounts import parse_mount
from dockyard.dockerfile.node import Dockerfile, Node
from dockyard.dockerfile.stages import Stage, base_stage, find_stage, stages, target_stage


def targets(dockerfile: Dockerfile) -> list[dict[str, Any]]:
    """The stages in their order; a comment `# NAME words` above a FROM describes the stage of that name."""
    _, found = stages(dockerfile)
    return [
        {
            "number": stage.number,
            "name": stage.name,
            "base": stage.base,
            "platform": stage.platform,
            "default": stage is found[-1],
            "description": _description(stage.head.node, stage.name),
        }
        for stage in found
    ]


def outline(
    dockerfile: Dockerfile,
    target: str,
    given: Mapping[str, str] | None = None,
    predefined: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The arguments, secrets and agents that building `target` takes, those of the stages it needs included.

    Args:
        dockerfile: the file.
        target: the stage; the last where it is empty.
        given: build arguments, which go before defaults.
        predefined: what is there without an ARG, the platforms' names among it.

    Of an argument, `default` is what the file says and `value` what building it now would give. Arguments before the
    first FROM are told where a stage takes them or a FROM is made of them.

    Raises:
        StageUnknownError: there is no such stage.
        ExpansionError: a default is not well formed, or asks for what is not set.
    """
    before, found = stages(dockerfile)
    wanted = target_stage(found, target)
    whole = _Outline(found, given or {}, dict(predefined or {}), dockerfile.escape)
    whole.globals(before)
    order = whole.reach(wanted)
    for number in sorted(order):
        whole.stage(found[number])
    taken = [whole.taken[number] for number in order]
    args = {name: each for one in reversed(taken) for name, each in one.args.items()}
    return {
        "target": wanted.title,
        "description": _description(wanted.head.node, wanted.name),
        "args": [each.to_json() for each in sorted(args.values(), key=lambda each: each.line)],
        "secrets": _asked([one.secrets for one in taken]),
        "ssh": _asked([one.agents for one in taken]),
    }


@dataclass(frozen=True)
class _Argument:
    name: str
    default: str
    value: str
    description: str
    line: int
    needs: frozenset[str] = frozenset()

    def to_json(self) -> dict[str, str]:
        return {"name": self.name, "default": self.default, "value": self.value, "description": self.description}


@dataclass
class _Taken:
    """What one stage takes: arguments by name, and whether each secret and agent is required."""

    args: dict[str, _Argument] = field(default_factory=dict)
    secrets: dict[str, bool] = field(default_factory=dict)
    agents: dict[str, bool] = field(default_factory=dict)


@dataclass
class _Outline:
    """What was gathered so far. `values` are the global arguments; `scopes` the variables at the end of each stage."""

    stages: Sequence[Stage]
    given: Mapping[str, str]
    values: dict[str, str]
    escape: str
    known: dict[str, _Argument] = field(default_factory=dict)
    taken: dict[int, _Taken] = field(default_factory=dict)
    scopes: dict[int, dict[str, str]] = field(default_factory=dict)

    def globals(self, before: Sequence[Arg]) -> None:
        """Take in the arguments before the first FROM."""
        for arg in before:
            for name, default in arg.pairs:
                made = shell.process(default or "", self.values, self.escape)
                value = self.given.get(name, made.text if default is not None else None)
                if value is not None:
                    self.values[name] = value
                old = self.known.get(name)
                needs = made.used | (old.needs if name in made.used and old is not None else frozenset())
                self.known[name] = self._argument(arg, name, default, value, needs - {name})

    def _argument(
        self, arg: Arg, name: str, default: str | None, value: str | None, needs: frozenset[str] = frozenset()
    ) -> _Argument:
        return _Argument(
            name, default or "", value or "", _description(arg.node, name), arg.node.start_line, frozenset(needs)
        )

    def _use(self, name: str, into: _Taken) -> None:
        """Tell of a global argument, and of those that it is made of."""
        found = self.known.get(name)
        if found is not None and name not in into.args:
            into.args[name] = found
            for each in found.needs:
                self._use(each, into)

    def stage(self, stage: Stage) -> None:
        """Take in what a stage asks for; the stages below it come before."""
        into = self.taken[stage.number] = _Taken()
        for text in (stage.base, stage.platform):
            for name in shell.process(text, self.values, self.escape).used:
                self._use(name, into)
        base = self._below(stage)
        scope = dict(self.scopes.get(base.number, {})) if base is not None else {}
        for instruction in stage.instructions:
            self._instruction(instruction, scope, into)
        self.scopes[stage.number] = scope

    def _instruction(self, instruction: Instruction, scope: dict[str, str], into: _Taken) -> None:
        if isinstance(instruction, Arg):
            for name, default in instruction.pairs:
                self._arg(instruction, name, default, scope, into)
        elif isinstance(instruction, Env):
            before = dict(scope)
            scope |= {
                shell.expand(name, before, self.escape): shell.expand(value, before, self.escape)
                for name, value in instruction.pairs
            }
        elif isinstance(instruction, Run):
            for text in instruction.mount_texts:
                mount = parse_mount(text, lambda word: shell.expand(word, scope, self.escape))
                if mount.type == "secret":
                    name = mount.source or mount.id or mount.target.rpartition("/")[2]
                    into.secrets.setdefault(name, mount.required)
                elif mount.type == "ssh":
                    name = mount.id or "default"
                    into.agents.setdefault(name, mount.required)

    def _arg(self, arg: Arg, name: str, default: str | None, scope: dict[str, str], into: _Taken) -> None:
        if name in self.given:
            value: str | None = self.given[name]
        elif default is not None:
            value = shell.expand(default, scope, self.escape)
        elif name in self.values:  # the global argument, if that is one of the file's own
            scope[name] = self.values[name]
            self._use(name, into)
            return
        else:
            value = None
        if value is not None:
            scope[name] = value
        into.args[name] = self._argument(arg, name, default, value)

    def reach(self, stage: Stage) -> list[int]:
        """The numbers of `stage`, of what it is based on, and of those that it takes from; nearest first."""
        reached = [stage.number]
        sources = [find_stage(self.stages, name, before=stage.number) for name in _names(stage.instructions)]
        for earlier in [self._below(stage), *sources]:
            if earlier is not None and earlier.number not in reached:
                reached += [number for number in self.reach(earlier) if number not in reached]
        return reached

    def _below(self, stage: Stage) -> Stage | None:
        """The stage that FROM names."""
        return base_stage(self.stages, shell.expand(stage.base, self.values, self.escape), before=stage.number)


def _description(node: Node, name: str) -> str:
    for comment in node.comments:
        text = comment.strip()
        if name and text.startswith(f"{name} "):
            return text.removeprefix(f"{name} ")
    return ""


def _asked(found: Sequence[Mapping[str, bool]]) -> list[dict[str, Any]]:
    """What stages ask for, each once, as the nearest of them asks."""
    merged: dict[str, bool] = {}
    for each in found:
        for name, required in each.items():
            merged.setdefault(name, required)
    return [{"id": name, "required": required} for name, required in merged.items()]


def _names(instructions: Sequence[Instruction]) -> list[str]:
    names = [each.from_ for each in instructions if isinstance(each, Copy) and each.from_]
    return names + [
        mount.from_ for each in instructions if isinstance(each, Run) for mount in each.mounts if mount.from_
    ]
