"""The steps COPY and ADD."""

import posixpath
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from dockyard._internal.lock import locked
from dockyard.build import configure
from dockyard.build.cache.cache import Made, key
from dockyard.build.copy import differing, mode
from dockyard.build.copy.archived import Named, RelinkedError
from dockyard.build.copy.bulk import Bulk
from dockyard.build.copy.copy import Copier, Order, Out, Planned, write, write_tree
from dockyard.build.copy.destination import Destination
from dockyard.build.copy.identical import identical
from dockyard.build.copy.identity import by_content
from dockyard.build.copy.owner import OwnerUnknownError, by_number, owner
from dockyard.build.copy.segments import Segments
from dockyard.build.copy.settle import Settled
from dockyard.build.copy.trees import Held, Taken, TreeSource
from dockyard.build.fault import ContextUnreadableError, SourceMissingError, place
from dockyard.build.lazy.lent import absent
from dockyard.build.slashes import forward
from dockyard.build.sources.context import TICK, Context
from dockyard.build.sources.source import WILD, Files, Item, digest
from dockyard.build.stage import Stage
from dockyard.build.state import State
from dockyard.dockerfile import instructions as ins
from dockyard.dockerfile import shell
from dockyard.dockerfile.ignore import IgnoreRules
from dockyard.layers.tar import Entry
from dockyard.layers.write import FileChangedError, LayerWriter

if TYPE_CHECKING:
    from collections.abc import Iterator


_REMOTE = ("http://", "https://", "git@", "git://", "ssh://")


def copy(stage: Stage, instruction: ins.Copy | ins.Add) -> None:
    """Carry a COPY or ADD out.

    Raises:
        ContextUnreadableError: folders are nested too deeply.
        SourceMissingError, FileChangedError, ContextUnreadableError: as the source gives them.
    """
    state, tools, node = stage.state, stage.tools, instruction.node
    order = _order(stage, instruction)
    chown = stage.expand(instruction.chown) if instruction.chown else ""
    # With heredocs alone nothing is taken from there, and the stage is not built for it.
    from_ = instruction.from_ if isinstance(instruction, ins.Copy) and instruction.sources else ""
    source = stage.sources.source(from_, node) if from_ else tools.context
    asked = [order.target, chown, order.chmod, order.excludes, instruction.link, _patterns(stage, instruction)]
    made: Made | None = None
    plain = ""
    if isinstance(source, State):
        # Known without a look at the files of either side, which may not be here.
        docs = [[item.name, _content(item)] for item in _heredocs(stage, instruction)]
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
    state.add(made, _shown(stage, instruction))


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
    taken = _taken(stage, instruction, source)
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
                    made = _made(stage, instruction, order, taken, source, headers, settled=settled)
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
            taken = _taken(stage, instruction, source)
        stamps, settled = _stamps(taken)
    quick = key(before, "copy", asked, stamps, unpacked, tools.epoch)
    if stage.known(quick) is None and _relied(taken):
        # What is copied has to be what is stamped, so it is listed now.
        stamps, settled = _stamps(taken)
        quick = key(before, "copy", asked, stamps, unpacked, tools.epoch)
    return taken, quick, settled


def _made(
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
    """
    tools = stage.tools
    order = replace(order, owner=_owner(stage, instruction))
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
        out.note(f"{instruction.node.keyword.upper()} of {_names(stage, instruction)}")
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
        shown = _shown(stage, instruction)
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


def _taken(stage: Stage, instruction: ins.Copy | ins.Add, source: State | Context) -> list[Taken]:
    """What every source of the instruction gives, in their order."""
    tree: Held = source if isinstance(source, Context) else TreeSource(source)
    node = instruction.node
    add = isinstance(instruction, ins.Add)
    found: list[Taken] = []
    for pattern in map(stage.expand, instruction.sources):
        if isinstance(instruction, ins.Add) and (pattern.startswith(_REMOTE) or "@" in pattern or instruction.checksum):
            from dockyard.build.copy import remote  # loaded only when something may be fetched

            fetched = remote.fetch(stage, instruction, pattern)
            if fetched is not None:
                found.append(Taken(fetched, fetched.find("", node), None, instruction.unpack is True))
                continue
        elif pattern.startswith(_REMOTE):
            raise SourceMissingError(
                f"COPY does not take a URL ({pattern})", context=place(node), hint="Write ADD instead."
            )
        if isinstance(instruction, ins.Copy) and instruction.parents:
            found.append(_with_parents(tree, pattern, instruction))
            continue
        unpack = instruction.unpack is not False if isinstance(instruction, ins.Add) else False
        items = tree.find(forward(pattern, node) if stage.state.windows else pattern, node)
        if not items:
            stage.tools.progress.log(f"warning: line {node.start_line}: nothing matches {pattern!r}")
        found.append(Taken(tree, items, None, add and unpack))
    found += [Taken(Files(item), [item]) for item in _heredocs(stage, instruction)]
    return found


def _heredocs(stage: Stage, instruction: ins.Copy | ins.Add) -> list[Item]:
    found = []
    for doc in instruction.heredocs:
        name = posixpath.normpath(f"/{doc.name.lstrip('/')}")[1:]
        if "/" in name or not name:
            raise SourceMissingError(
                f"the heredoc {doc.name!r} would be a file in a folder that is not there",
                context=place(instruction.node),
                hint="Give it a name without slashes.",
            )
        text = doc.body
        if doc.expand:
            # The directive `escape` does not reach into heredocs.
            text = shell.process(text, stage.state.scope, skip_quotes=True).text
        data = text.encode("utf-8", "surrogateescape")
        found.append(Item(name, name, "file", 0o644, size=len(data), mtime=stage.seconds(), handle=data))
    return found


def _with_parents(tree: Held, pattern: str, instruction: ins.Copy) -> Taken:
    """COPY --parents: the tree below `/./`, or below the root, as far as the pattern matches."""
    pivot, dot, below = pattern.partition("/./")
    root, wanted = (pivot, below) if dot else ("/", pattern)
    wanted = posixpath.normpath("/" + wanted.lstrip("/"))[1:]
    _required(tree, root, wanted, instruction)
    if isinstance(tree, Context):
        tree.folder_of(f"{root}/*", instruction.node)
    includes = IgnoreRules.of([wanted]) if wanted else None
    found = tree.find(root, instruction.node)
    # The pattern is looked for below the root. A file that a wildcard finds there has nothing below it and is copied
    # itself, as BuildKit has it. Of the context there is only what instructions name: a folder of which they name
    # nothing is not found.
    if includes:
        found = [item for item in found if not item.path or not isinstance(tree, Context) or tree.sent(item.path)]
    elif WILD.search(root):  # nothing is looked for below what a wildcard finds, as BuildKit has it
        found = [item for item in found if item.kind != "dir"]
    return Taken(tree, found, includes)


def _required(tree: Held, root: str, wanted: str, instruction: ins.Copy) -> None:
    """Refuse a source of COPY --parents without wildcards that is not there, or of which nothing would be copied."""
    whole = posixpath.normpath(posixpath.join("/", root.lstrip("/"), wanted))[1:]
    if WILD.search(whole):
        return
    if not wanted:
        why = "is no path below anything, which --parents needs"
    elif not tree.has(whole):
        tree.find(whole, instruction.node)  # which tells what is there instead
        why = "is reached through a link only, which --parents does not follow"
    else:
        excluded = IgnoreRules.of(instruction.exclude)
        if not excluded.ignored(wanted):
            return
        if excluded.may_reinclude_below(wanted) and tree.find(whole, instruction.node)[0].kind == "dir":
            return
        why = "is left out by --exclude"
    raise SourceMissingError(f"{whole or '/'!r} {why}", context=place(instruction.node))


def _order(stage: Stage, instruction: ins.Copy | ins.Add) -> Order:
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


def _owner(stage: Stage, instruction: ins.Copy | ins.Add) -> tuple[int, int] | None:
    """The owner that --chown means, by the image's own files where it names one."""
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


def _patterns(stage: Stage, instruction: ins.Copy | ins.Add) -> list[Any]:
    parents = isinstance(instruction, ins.Copy) and instruction.parents
    return [parents, list(map(stage.expand, instruction.sources)), [doc.name for doc in instruction.heredocs]]


def _names(stage: Stage, instruction: ins.Copy | ins.Add) -> list[str]:
    """What the sources are called, without the folders in which they are."""
    _, sources, docs = _patterns(stage, instruction)
    return [posixpath.basename(posixpath.normpath(each)) for each in (*sources, *docs)]


def _shown(stage: Stage, instruction: ins.Copy | ins.Add) -> str:
    words = [instruction.node.keyword.upper()]
    if isinstance(instruction, ins.Copy) and instruction.parents:
        words.append("--parents")
    for flag, value in (("chown", stage.expand(instruction.chown)), ("chmod", stage.expand(instruction.chmod))):
        words += [f"--{flag}={value}"] if value else []
    words += map(stage.expand, instruction.sources)
    words += [f"<<{doc.name}" for doc in instruction.heredocs]
    return f"{' '.join(words)} {stage.expand(instruction.destination)} # buildkit"


def _stamps(taken: Sequence[Taken]) -> tuple[list[str], bool]:
    """What tells whether the sources have changed since, and whether it can be relied on."""
    stamps = []
    settled = True
    for each in taken:
        if isinstance(each.source, Context):
            stamp, sure = each.source.stamp(each.items)
            settled = settled and sure
        else:
            stamp = key([[item.name, item.size, item.mode, _content(item)] for item in each.items])
        stamps.append(stamp)
    return stamps, settled


def _relied(taken: Sequence[Taken]) -> bool:
    """Whether a context's stamps were taken over from the build before; from now on they are not."""
    contexts = {id(each.source): each.source for each in taken if isinstance(each.source, Context)}
    return any(each.relied() for each in contexts.values())


def _content(item: Item) -> str:
    return digest(item, Files())


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
            found.update({item.name: _content(item) for item in each.items})
    return found
