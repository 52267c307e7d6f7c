"""What an SBOM is made of beside the image: the stages and the context that the Dockerfile asks to be looked into."""

from collections.abc import Mapping, Sequence

from dockyard.build.copy.copy import Copier, Order, Out, write
from dockyard.build.copy.destination import Destination
from dockyard.build.plan import Plan
from dockyard.dockerfile import stages as language
from dockyard.layers.layer import Layer

_STAGE, _CONTEXT = "BUILDKIT_SBOM_SCAN_STAGE", "BUILDKIT_SBOM_SCAN_CONTEXT"
_YES, _NO = ("1", "t", "true"), ("", "0", "f", "false")


def scanned(plan: Plan, target: language.Stage) -> Mapping[str, Sequence[Layer]]:
    """The layers of each by the name that it has beside the image's own list: a stage's, or `context`.

    As with BuildKit, a stage says so with `ARG BUILDKIT_SBOM_SCAN_STAGE=true`, or with names of stages; such an ARG
    before the first FROM says so for all. Only stages that were built count. What the target says with
    `BUILDKIT_SBOM_SCAN_CONTEXT` is about the context.

    Raises:
        LayerAbsentError: a stage's layer is known, but cannot be had.
    """
    found: dict[str, Sequence[Layer]] = {}
    for stage, state in plan.built():
        values = {**plan.tools.global_args, **state.unseen}
        if stage.number == target.number:
            if _wanted(values.get(_CONTEXT, ""), stage):
                found["context"] = [_whole(plan, target)]
        elif _wanted(values.get(_STAGE, ""), stage):
            found[stage.title] = state.layers
    return found


def _wanted(value: str, stage: language.Stage) -> bool:
    if value.lower() in (*_YES, *_NO):
        return value.lower() in _YES
    return stage.title.lower() in [each.strip().lower() for each in value.split(",")]


def _whole(plan: Plan, target: language.Stage) -> Layer:
    """The context as a layer."""
    node, context = target.head.node, plan.tools.context
    with plan.tools.writer() as writer:
        copier = Copier(Order(node, "/"), Destination(None))
        write(copier.plan(context.find("/", node)[0], context), context, Out(writer))
        return writer.commit()
