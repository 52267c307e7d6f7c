"""Squashing: the layers of a finished stage merged in groups (`--layers`). The base's layers stay as they are."""

from collections.abc import Iterator

from dockyard.build.cache.cache import Made, key
from dockyard.build.options import Layers
from dockyard.build.state import State
from dockyard.build.tools import Tools
from dockyard.layers.layer import Layer

_SMALL = 4 << 20


def gathered(state: State, tools: Tools, how: Layers) -> None:
    """Replace the stage's own layers by merged ones, and say so in its history: only the last step of each group keeps
    its layer there.
    """
    if how == "instruction" or len(state.layers) - state.own < 2:
        return
    kept = state.layers[: state.own]
    ends = set()
    for first, last in _groups(state, how):
        kept.append(_merged(state.layers[first:last], tools))
        ends.add(last - 1)
    number = -1
    for entry in state.history:
        if entry.get("empty_layer"):
            continue
        number += 1
        if number >= state.own and number not in ends:
            entry["empty_layer"] = True
    state.layers = kept


def _groups(state: State, how: Layers) -> Iterator[tuple[int, int]]:
    """The first and the last-but-one layer of each group."""
    count = len(state.layers)
    if how == "squash":
        yield state.own, count
        return
    if how == "stage":
        ends = sorted({each for each in (*state.stages, count) if each > state.own})
        yield from zip([state.own, *ends], ends, strict=False)
        return
    first, size = state.own, 0
    for number in range(state.own, count):
        own = state.layers[number].descriptor.size
        if number > first and size + own > _SMALL:
            yield first, number
            first, size = number, 0
        size += own
    yield first, count


def _merged(layers: list[Layer], tools: Tools) -> Layer:
    if len(layers) == 1:
        return layers[0]
    step = key("merged", [str(layer.diff_id) for layer in layers], tools.epoch)
    known = tools.cache.whole(step)
    if known is not None and known.layer is not None:
        return known.layer
    from dockyard.layers.merge import merge  # seldom asked for

    with tools.writer() as writer:
        merge(layers, writer)
        layer = writer.commit()
    tools.cache.put(step, Made("", layer))
    return layer
