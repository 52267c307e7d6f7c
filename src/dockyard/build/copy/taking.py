"""What the sources of a COPY or ADD give: files of the context or a stage, what is fetched, and heredocs."""

import posixpath

from dockyard.build.copy.trees import Held, Taken, TreeSource
from dockyard.build.fault import SourceMissingError, place
from dockyard.build.slashes import forward
from dockyard.build.sources.context import Context
from dockyard.build.sources.source import WILD, Files, Item, digest
from dockyard.build.stage import Stage
from dockyard.build.state import State
from dockyard.dockerfile import instructions as ins
from dockyard.dockerfile import shell
from dockyard.dockerfile.ignore import IgnoreRules

_REMOTE = ("http://", "https://", "git@", "git://", "ssh://")


def taken_by(stage: Stage, instruction: ins.Copy | ins.Add, source: State | Context) -> list[Taken]:
    """What every source of the instruction gives, in their order.

    Raises:
        SourceMissingError: one is not there, or is a URL that COPY does not take.
    """
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
    found += [Taken(Files(item), [item]) for item in heredocs(stage, instruction)]
    return found


def heredocs(stage: Stage, instruction: ins.Copy | ins.Add) -> list[Item]:
    """Its heredocs as files.

    Raises:
        SourceMissingError: one would be in a folder that is not there.
    """
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


def content_of(item: Item) -> str:
    """What tells the content of a file that was fetched or stands in the Dockerfile."""
    return digest(item, Files())
