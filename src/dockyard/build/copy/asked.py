"""What a COPY or ADD asks for, its variables replaced, and how it is told."""

import posixpath
from typing import Any

from dockyard.build import configure
from dockyard.build.copy import mode
from dockyard.build.copy.copy import Order
from dockyard.build.copy.owner import OwnerUnknownError, by_number, owner
from dockyard.build.fault import place
from dockyard.build.slashes import forward
from dockyard.build.stage import Stage
from dockyard.dockerfile import instructions as ins


def order_of(stage: Stage, instruction: ins.Copy | ins.Add) -> Order:
    """What it asks for but for the owner, who may have to be looked up in the image.

    Raises:
        ModeInvalidError: --chmod is none.
    """
    node, state = instruction.node, stage.state
    written = stage.expand(instruction.destination)
    if state.windows:
        written = forward(written, node)
    target = configure.joined(state.workdir, written or ".", node)
    if written in ("", ".") or written.endswith(("/", "/.")):
        target = target.rstrip("/") + "/"
    chmod = stage.expand(instruction.chmod) if instruction.chmod else ""
    if chmod:
        mode.changed(0o644, chmod, folder=False, node=node)
    return Order(node, target, None, chmod, True, instruction.exclude, stage.seconds())


def owner_of(stage: Stage, instruction: ins.Copy | ins.Add) -> tuple[int, int] | None:
    """The owner that --chown means, by the image's own files where it names one.

    Raises:
        OwnerUnknownError: there is nothing that could tell.
    """
    chown = stage.expand(instruction.chown) if instruction.chown else ""
    if not chown:
        return None
    node, state = instruction.node, stage.state
    if instruction.link and not by_number(chown):
        raise OwnerUnknownError(
            f"--chown={chown} with --link cannot be looked up, as a linked copy does not see the image",
            context=place(node),
        )
    if not state.layers and not by_number(chown):
        raise OwnerUnknownError(f"--chown={chown} cannot be looked up where nothing is yet", context=place(node))
    return owner(chown, state.tree, stage.warner(node.start_line))


def patterns(stage: Stage, instruction: ins.Copy | ins.Add) -> list[Any]:
    """Whether parents come along, what is looked for, and the names of its heredocs."""
    parents = isinstance(instruction, ins.Copy) and instruction.parents
    return [parents, list(map(stage.expand, instruction.sources)), [doc.name for doc in instruction.heredocs]]


def names(stage: Stage, instruction: ins.Copy | ins.Add) -> list[str]:
    """What the sources are called, without the folders in which they are."""
    _, sources, docs = patterns(stage, instruction)
    return [posixpath.basename(posixpath.normpath(each)) for each in (*sources, *docs)]


def shown_as(stage: Stage, instruction: ins.Copy | ins.Add) -> str:
    """The instruction as an image's history tells it, with its variables replaced."""
    words = [instruction.node.keyword.upper()]
    if isinstance(instruction, ins.Copy) and instruction.parents:
        words.append("--parents")
    for flag, value in (("chown", stage.expand(instruction.chown)), ("chmod", stage.expand(instruction.chmod))):
        words += [f"--{flag}={value}"] if value else []
    words += map(stage.expand, instruction.sources)
    words += [f"<<{doc.name}" for doc in instruction.heredocs]
    return f"{' '.join(words)} {stage.expand(instruction.destination)} # buildkit"
