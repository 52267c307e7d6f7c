"""The layer of a COPY or ADD: written, or found to be that of an earlier run."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from dockyard.build.cache.cache import Made, key
from dockyard.build.copy import differing
from dockyard.build.copy.archived import Named
from dockyard.build.copy.asked import names, owner_of, shown_as
from dockyard.build.copy.bulk import Bulk
from dockyard.build.copy.copy import Copier, Order, Out, Planned, write, write_tree
from dockyard.build.copy.destination import Destination
from dockyard.build.copy.identical import identical
from dockyard.build.copy.segments import Segments
from dockyard.build.copy.settle import Settled
from dockyard.build.copy.taking import content_of
from dockyard.build.copy.trees import Held, Taken, TreeSource
from dockyard.build.sources.context import Context
from dockyard.build.sources.source import Files
from dockyard.build.stage import Stage
from dockyard.build.state import State
from dockyard.dockerfile import instructions as ins
from dockyard.layers.tar import Entry
from dockyard.layers.write import LayerWriter

if TYPE_CHECKING:
    from collections.abc import Iterator


def made_of(
    stage: Stage,
    instruction: ins.Copy | ins.Add,
    order: Order,
    taken: Sequence[Taken],
    source: State | Context,
    headers: dict[Named, Entry],
    *,
    settled: bool,
) -> Made:
    """Write the layer, or find that an earlier one serves.

    Args:
        stage: of the instruction.
        instruction: the COPY or ADD.
        order: what it asks for.
        taken: what its sources give.
        source: where they are, but for what is fetched.
        headers: for members of archives that are linked again further on, what these say at the end.
        settled: whether the files can be relied on to stay, so that the segments are kept for the next time.

    Raises:
        RelinkedError: a member of an archive is linked again further on under another header.
        SourceMissingError, FileChangedError, ContextUnreadableError: as the sources give them.
    """
    tools = stage.tools
    order = replace(order, owner=owner_of(stage, instruction))
    linked = instruction.link and not order.chmod
    destination = Destination(None) if linked else Destination(stage.state.tree, stage.state.stirred)
    copier = Copier(order, destination, headers)
    plain = Copier(replace(order, unpack=False), destination)
    plain.same = copier.same = identical(plain, taken, destination.tree, tools.epoch)
    with tools.writer() as writer:
        out = Out(writer)
        segments = _segments(stage, source)
        if sum(len(each.items) for each in taken) > 1 and not any(each.unpack for each in taken):
            _several(taken, plain, out)
        else:
            _one_by_one(taken, copier, plain, writer, out, segments)
        for each in taken:
            if isinstance(each.source, Context):
                each.source.check()
        if isinstance(source, Context) and source.dated is not None:
            out.note(f"at {source.dated}")
        # As with BuildKit: what has another name or comes another way may have another time, which the key leaves out.
        out.note(f"{instruction.node.keyword.upper()} of {names(stage, instruction)}")
        out.note(
            f"fetched {[isinstance(each.source, Files) and isinstance(each.items[0].handle, str) for each in taken]}"
        )
        content = out.key()
        step = key(stage.state.key, "copied", content, tools.epoch)
        earlier = stage.known(step)
        # The same content under new times: what was made before serves, and so do the steps after it. Nothing is
        # committed then, so no blob is written.
        if earlier is not None and tools.epoch is None:
            return Made(earlier.created, earlier.layer, content)
        if earlier is not None and earlier.layer is not None:
            # Times count where they are kept to an epoch: only the finished layer tells whether it is the same.
            layer = writer.commit()
            if layer.diff_id == earlier.layer.diff_id:
                return Made(earlier.created, earlier.layer, content)
        shown = shown_as(stage, instruction)
        stage.missed(base=stage.state.key, instruction=shown, file=_facts(instruction, source, taken))
        if isinstance(source, Context) and stage.why.startswith("file "):
            stage.why = differing.named(source, stage.why)
        if earlier is None or earlier.layer is None:
            layer = writer.commit()
        made = Made(stage.now(), layer, content)
        if segments is not None and settled:
            segments.save(layer.descriptor.digest, writer.members)
    tools.cache.put(step, made)
    return made


def _one_by_one(
    taken: Sequence[Taken], copier: Copier, plain: Copier, writer: LayerWriter, out: Out, segments: Segments | None
) -> None:
    """Write what is taken as it comes; a folder of the context alone onto fresh ground in bulk."""
    alone = sum(len(each.items) for each in taken) == 1
    for each in taken:
        for item in each.items:
            at = copier.fresh(item) if alone and each.includes is None else None
            if at is not None and isinstance(each.source, Context) and not each.source.owned:
                filled = bool(each.source.listing(item.path, str(item.handle)))
                write(copier.plan(item, Files(), filled=filled), each.source, out)
                Bulk(each.source, copier, writer, out, segments).write(item, at)
            else:
                used = copier if each.unpack else plain
                _write(used.plan(item, each.source, each.includes), each.source, out)


def _several(taken: Sequence[Taken], copier: Copier, out: Out) -> None:
    """Write all of it once it is known what overwrites what."""
    settled = Settled()
    for each in taken:
        for item in each.items:
            settled.take(copier.plan(item, each.source, each.includes), each.source)
    for planned, source in settled.given():
        _write(iter(planned), source, out)


def _write(planned: "Iterator[Planned]", source: Held, out: Out) -> None:
    if isinstance(source, TreeSource):
        write_tree(planned, source.tree, out)
    else:
        write(planned, source, out)


def _segments(stage: Stage, source: State | Context) -> Segments | None:
    """What is known of the layer that this step wrote the last time here."""
    # Segments of zstd would do as well, but what is known of the last time does not say how it was compressed.
    if not isinstance(source, Context) or stage.tools.epoch is not None or stage.tools.options.compression != "gzip":
        return None
    return Segments(stage.inputs.place(stage.tools.data / "cache" / "segments", len(stage.reports)), stage.tools.store)


def _facts(instruction: ins.Copy | ins.Add, source: State | Context, taken: Sequence[Taken]) -> dict[str, Any]:
    """For telling later what changed."""
    found: dict[str, Any] = {}
    if isinstance(source, State):
        from_ = instruction.from_ if isinstance(instruction, ins.Copy) else ""
        found = {f"{' '.join(instruction.sources)} of --from={from_}": source.key}
    else:
        found = differing.facts(source, [each for each in taken if each.source is source])
    for each in taken:
        if isinstance(each.source, Files):
            found.update({item.name: content_of(item) for item in each.items})
    return found
