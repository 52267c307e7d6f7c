"""The steps COPY and ADD: found in the cache, or carried out."""

import time
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from dockyard._internal.lock import locked
from dockyard.build.cache.cache import Made, key
from dockyard.build.copy.archived import Named, RelinkedError
from dockyard.build.copy.asked import order_of, patterns, shown_as
from dockyard.build.copy.copy import Order
from dockyard.build.copy.identity import by_content
from dockyard.build.copy.making import made_of
from dockyard.build.copy.taking import content_of, heredocs, taken_by
from dockyard.build.copy.trees import Taken
from dockyard.build.fault import ContextUnreadableError, place
from dockyard.build.lazy.lent import absent
from dockyard.build.sources.context import TICK, Context
from dockyard.build.stage import Stage
from dockyard.build.state import State
from dockyard.dockerfile import instructions as ins
from dockyard.layers.tar import Entry
from dockyard.layers.write import FileChangedError


def copy(stage: Stage, instruction: ins.Copy | ins.Add) -> None:
    """Carry a COPY or ADD out.

    Raises:
        ContextUnreadableError: folders are nested too deeply.
        SourceMissingError, FileChangedError, ContextUnreadableError: as the source gives them.
    """
    state, tools, node = stage.state, stage.tools, instruction.node
    order = order_of(stage, instruction)
    chown = stage.expand(instruction.chown) if instruction.chown else ""
    # With heredocs alone nothing is taken from there, and the stage is not built for it.
    from_ = instruction.from_ if isinstance(instruction, ins.Copy) and instruction.sources else ""
    source = stage.sources.source(from_, node) if from_ else tools.context
    asked = [order.target, chown, order.chmod, order.excludes, instruction.link, patterns(stage, instruction)]
    made: Made | None = None
    plain = ""
    if isinstance(source, State):
        # Known without a look at the files of either side, which may not be here.
        docs = [[item.name, content_of(item)] for item in heredocs(stage, instruction)]
        plain = key(state.key, "copy from", source.key, asked, docs, tools.epoch)
        made = stage.known(plain)
    for attempt in (0, 1):
        if made is not None:
            break
        try:
            made = _kept_or_made(stage, instruction, source, order, asked, plain)
        except RecursionError as error:
            raise ContextUnreadableError(
                "folders are nested too deeply",
                context=place(node),
                hint="Leave them out by the ignore file, without an exception below them.",
            ) from error
        except FileChangedError:
            if attempt or not isinstance(source, Context):
                raise
            tools.progress.log(f"line {node.start_line}: the context changed while it was read; reading it again")
            source.forget()
    assert made is not None
    if made.plain and tools.cache.get(made.plain) is None:
        tools.cache.put(made.plain, made)
    step = key(state.key, "copied", made.content, tools.epoch)
    tools.cache.used[step] = None
    # Where times count, what copies from this stage depends on them, too.
    state.key = step if tools.epoch is None or made.layer is None else key(step, str(made.layer.diff_id))
    state.add(made, shown_as(stage, instruction))


def _kept_or_made(
    stage: Stage,
    instruction: ins.Copy | ins.Add,
    source: State | Context,
    order: Order,
    asked: list[Any],
    plain: str,
) -> Made:
    """What the step made before or makes now; `plain` is its key where that needs no look at what is copied."""
    state, tools = stage.state, stage.tools
    taken = taken_by(stage, instruction, source)
    quick, settled = plain, True
    if not isinstance(source, State):
        taken, quick, settled = _stamped(stage, instruction, source, taken, asked)
    with locked(tools.cache.lock(quick)):
        made = known = stage.known(quick)
        if made is None and not plain and any(map(absent, state.layers)):
            plain = by_content(state.key, asked, order, taken, tools.epoch)
            made = stage.known(plain)
        if made is None:
            headers: dict[Named, Entry] = {}
            while made is None:
                try:
                    made = made_of(stage, instruction, order, taken, source, headers, settled=settled)
                except RelinkedError as error:  # of each archive once at most, as it says what is at the end
                    headers |= error.headers
        if tools.options.portable and not made.plain:
            plain = plain or by_content(state.key, asked, order, taken, tools.epoch)
            made = replace(made, plain=plain)
        if settled and made is not known:
            tools.cache.put(quick, made)
    if quick != plain:  # stamps mean something on this machine only
        tools.cache.used.pop(quick, None)
    return made


def _stamped(
    stage: Stage, instruction: ins.Copy | ins.Add, source: Context, taken: list[Taken], asked: list[Any]
) -> tuple[list[Taken], str, bool]:
    """What is taken as it is now, the copy's key by the stamps of its files, and whether that can be relied on."""
    tools, before = stage.tools, stage.state.key
    unpacked = [each.unpack for each in taken]
    stamps, settled = _stamps(taken)
    if not settled:
        # A moment later every further change has another time, so none can go unnoticed.
        time.sleep(TICK)
        contexts = [each.source for each in taken if isinstance(each.source, Context)]
        for each in contexts:
            each.forget()
        if source in contexts:
            taken = taken_by(stage, instruction, source)
        stamps, settled = _stamps(taken)
    quick = key(before, "copy", asked, stamps, unpacked, tools.epoch)
    if stage.known(quick) is None and _relied(taken):
        # What is copied has to be what is stamped, so it is listed now.
        stamps, settled = _stamps(taken)
        quick = key(before, "copy", asked, stamps, unpacked, tools.epoch)
    return taken, quick, settled


def _stamps(taken: Sequence[Taken]) -> tuple[list[str], bool]:
    """What tells whether the sources have changed since, and whether it can be relied on."""
    stamps = []
    settled = True
    for each in taken:
        if isinstance(each.source, Context):
            stamp, sure = each.source.stamp(each.items)
            settled = settled and sure
        else:
            stamp = key([[item.name, item.size, item.mode, content_of(item)] for item in each.items])
        stamps.append(stamp)
    return stamps, settled


def _relied(taken: Sequence[Taken]) -> bool:
    """Whether a context's stamps were taken over from the build before; from now on they are not."""
    contexts = {id(each.source): each.source for each in taken if isinstance(each.source, Context)}
    return any(each.relied() for each in contexts.values())
