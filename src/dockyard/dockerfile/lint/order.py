"""Rules about the order of instructions: what a changed line costs."""

import re
from collections.abc import Iterator

from dockyard.dockerfile.instructions import Add, Arg, Copy, Env, Instruction, Run, Workdir
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.needs import needs
from dockyard.dockerfile.lint.script import script, short
from dockyard.dockerfile.lint.subject import Subject, remark
from dockyard.dockerfile.lint.variables import set_here
from dockyard.dockerfile.shell import ExpansionError, process
from dockyard.dockerfile.stages import Stage

_MANIFESTS = re.compile(
    r"""requirements.*\.(txt|in)|constraints.*\.txt|pyproject\.toml|poetry\.lock|uv\.lock|pdm\.lock|pipfile(\.lock)?
    |setup\.(py|cfg)|package(-lock)?\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-lock\.yaml|pnpm-workspace\.yaml|bun\.lockb?
    |\.npmrc|\.yarnrc.*|go\.(mod|sum|work)|cargo\.(toml|lock)|gemfile(\.lock)?|.*\.gemspec|composer\.(json|lock)
    |pom\.xml|.*\.gradle(\.kts)?|gradle\.properties|gradlew|gradle|mvnw|\.mvn|mix\.(exs|lock)|.*\.(cs|fs)proj|.*\.sln
    |nuget\.config|packages\.lock\.json|deno\.(json|lock)|(go|composer|cargo|mix)\.""",
    re.VERBOSE | re.IGNORECASE,
)
# A source of ADD that is fetched, and not taken from the context.
REMOTE = re.compile(r"(?:https?|ftp|git|ssh)://|git@|.+\.git(?:#|$)")
# Where what installs packages finds its settings: sources, keys, certificates.
_SETTINGS = re.compile(r"[\"']?(?:/etc/|/usr/share/keyrings|/usr/local/share/ca-certificates|/root/\.|~/\.)")


def changing(instruction: Instruction) -> list[str]:
    """The sources of a COPY or ADD that change with the application's code."""
    if not isinstance(instruction, Copy | Add) or (isinstance(instruction, Copy) and instruction.from_):
        return []
    if _SETTINGS.match(instruction.destination):
        return []
    return [
        source
        for source in instruction.sources
        if not REMOTE.match(source) and not _manifest(source.rstrip("/").rsplit("/", 1)[-1])
    ]


def _manifest(name: str) -> bool:
    """Whether `name` is a list of dependencies; a pattern is one where its least match is (`package*.json`)."""
    return _MANIFESTS.fullmatch(re.sub(r"[*?]", "", name) if re.search(r"\w", name) else name) is not None


def reordered(subject: Subject, copied: Instruction, stable: list[tuple[Run, str]]) -> str:
    """The RUNs of `stable`, each below a COPY of the files that it needs, and `copied` below them all."""
    lines: list[str] = []
    for run, wanted in stable:
        if wanted:
            lines += _copies(copied, wanted.split())
        lines.append(subject.source(run.node))
    return "\n".join([*dict.fromkeys(lines), subject.source(copied.node)])


def _copies(copied: Instruction, wanted: list[str]) -> list[str]:
    """COPYs that put the files `wanted` where a RUN looks for them, one for each folder."""
    whole = copied.destination.rstrip("/") if isinstance(copied, Copy | Add) else ""
    folders: dict[str, list[str]] = {}
    for path in wanted:
        folder, _, name = path.rpartition("/")
        inside = path.removeprefix(f"{whole}/") if whole.startswith("/") and path.startswith(f"{whole}/") else name
        # What a RUN names by its absolute path lies elsewhere in the context: below the folder that is copied there.
        absolute = path.startswith("/")
        folders.setdefault(f"{folder}/" if folder or absolute else "./", []).append(inside if absolute else path)
    return [f"COPY {' '.join(names)} {folder}" for folder, names in folders.items()]


def _lists(instruction: Instruction) -> bool:
    """Whether `instruction` copies lists of dependencies from the context and nothing else."""
    copied = isinstance(instruction, Copy | Add) and bool(instruction.sources)
    return copied and not getattr(instruction, "from_", "") and not changing(instruction)


def _everything(sources: list[str]) -> bool:
    return any(source.strip("\"'").strip("./") in ("", "*") for source in sources)


class CopyBeforeRun:
    """A COPY of the source code above a RUN that does not need it throws that RUN's cache away with every change.

    A changed line reruns everything below it. Installing packages takes minutes and depends on a list of names, not on
    the code; so copy the list first, install, and copy the code last. The finding counts and names the RUN lines that
    every source change repeats.

    Wrong:

        COPY . .
        RUN pip install -r requirements.txt

    Right:

        COPY requirements.txt ./
        RUN pip install -r requirements.txt
        COPY . .
    """

    code = "copy-before-run"
    aliases = ()
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find the first COPY of code in each stage that has stable RUNs below."""
        for stage in subject.stages:
            found = self._stage(subject, stage)
            if found is not None:
                yield found

    def _stage(self, subject: Subject, stage: Stage) -> Remark | None:
        for number, instruction in enumerate(stage.instructions):
            sources = changing(instruction)
            if not sources:
                continue
            runs = [each for each in stage.instructions[number + 1 :] if isinstance(each, Run)]
            stable = [(run, wanted) for run in runs if (wanted := needs(run)) is not None]
            above = [each for parent in subject.lineage(stage)[:0:-1] for each in parent.instructions]
            if not _everything(sources) and any(map(_lists, [*above, *stage.instructions[:number]])):
                # Who copied the lists before, and this by itself, knows why installing needs it: patches, a schema.
                stable = [(run, wanted) for run, wanted in stable if not wanted]
            if not stable:
                return None  # below the next COPY there are only fewer
            named = ", ".join(
                f"line {run.node.start_line} `{short(script(run) or ' '.join(run.args), 40)}`" for run, _ in stable[:5]
            )
            more = f" and {len(stable) - 5} more" if len(stable) > 5 else ""
            count = f"{len(runs)} RUN line{'s' if len(runs) != 1 else ''}"
            message = (
                f"every change to {' '.join(sources[:3])} reruns the {count} below; "
                f"{len(stable)} of them {'do' if len(stable) != 1 else 'does'} not need it: {named}{more}"
            )
            return remark(instruction, message, reordered(subject, instruction, stable))
        return None


class RelativeWorkdir:
    """A relative WORKDIR depends on what the base image happens to have set.

    With another base the application lands in another folder. Begin with an absolute path.

    Wrong:

        FROM debian:12.8
        WORKDIR app

    Right:

        FROM debian:12.8
        WORKDIR /app
    """

    code = "relative-workdir"
    aliases = ("DL3000", "WorkdirRelativePath")
    severity: Severity = "error"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find relative WORKDIRs before any absolute one, variables with the values that the file gives them."""
        for stage in subject.stages:
            known, absolute = _Known(subject, stage), False
            above = [each for parent in subject.lineage(stage)[:0:-1] for each in parent.instructions]
            for number, each in enumerate([*above, *stage.instructions]):
                if isinstance(each, Workdir):
                    path = known.expanded(each.path)
                    relative = path is not None and not re.match(r"[\"']?(/|\\|[a-zA-Z]:)", path)
                    if relative and not absolute and number >= len(above):
                        better = f"WORKDIR /{each.path}" if path else ""
                        yield remark(each, f"{each.path} is relative to the base's folder", better)
                    absolute = absolute or not relative
                known.add(each)


class _Known:
    """The variables of a stage as far as the file, and what is known of its base, tell their values."""

    def __init__(self, subject: Subject, stage: Stage) -> None:
        base = subject.lineage(stage)[-1].base
        theirs = subject.options.variables.get(base, () if base == "scratch" else None)
        self._all_told = theirs is not None
        self._set: dict[str, str] = {}
        self._unsure = {"PATH", *(theirs or ())}

    def add(self, instruction: Instruction) -> None:
        """Take in what `instruction` sets."""
        if isinstance(instruction, Arg | Env):
            told = set_here(instruction, self._set)
            for name, _ in instruction.pairs:
                if isinstance(instruction, Env) and name not in told:
                    self._set.pop(name, None)
            self._set |= told
            self._unsure |= {name for name, _ in instruction.pairs if name not in self._set}

    def expanded(self, text: str) -> str | None:
        """`text` with its values in it, or None where it has variables of which nothing is known."""
        try:
            found = process(text, self._set)
        except ExpansionError:  # the build refuses it
            return None
        return None if found.missing and (not self._all_told or found.missing & self._unsure) else found.text


RULES = (CopyBeforeRun, RelativeWorkdir)
