"""Rules that judge what was measured: an earlier build of the file, and the image (`--image`)."""

import re
from collections.abc import Iterator, Sequence

from dockyard.dockerfile.instructions import Add, Arg, Copy, Env, Instruction, Label, Run
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.measured import Leftover, Program
from dockyard.dockerfile.lint.needs import needs
from dockyard.dockerfile.lint.order import changing, reordered
from dockyard.dockerfile.lint.script import script
from dockyard.dockerfile.lint.subject import Subject, remark
from dockyard.dockerfile.stages import Stage

_SECOND = 1.0
_BYTES = 100_000
_C_LIBRARY = re.compile(
    r"(ld-(linux|musl)[\w.-]*|libc(\.musl-[\w-]+)?|libm|libdl|librt|libpthread|libresolv|libutil|libgcc_s|linux-vdso)\.so(\.\d+)*"
)
_VOLATILE = re.compile(
    r"(^|_)(date|time|timestamp|sha|commit|revision|vcs_ref|git_\w+|build(_?(id|number|no|date|time|version))?|release)($|_)",
    re.IGNORECASE,
)


class CostlyOrder:
    """A step that changes often stands above steps that took long when they last ran, and do not need it.

    The rule knows what each step cost the last time that `dockyard build` really ran it on this machine, and adds up
    what every change repeats for nothing. It speaks from one second on.

    Wrong, where an earlier build took 40 seconds for the RUN:

        COPY . .
        RUN pip install --no-cache-dir -r requirements.txt

    Right:

        COPY requirements.txt ./
        RUN pip install --no-cache-dir -r requirements.txt
        COPY . .
    """

    code = "costly-order"
    aliases = ()
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Add up, for each stage, the cost of what does not need the first COPY of code or a volatile argument."""
        if subject.options.measured.costs:
            for stage in subject.stages:
                for number, each in enumerate(stage.instructions):
                    found = self._wasted(subject, stage, number, each)
                    if found is not None:
                        yield found
                        break

    def _wasted(self, subject: Subject, stage: Stage, number: int, instruction: Instruction) -> Remark | None:
        costs = subject.options.measured.costs
        below = stage.instructions[number + 1 :]
        moved: list[Instruction] = [instruction]
        if isinstance(instruction, Copy | Add):
            what = " ".join(changing(instruction)[:3])
            idle = [each for each in below if isinstance(each, Run) and needs(each) is not None] if what else []
        elif isinstance(instruction, Arg | Env):
            names = {name for name, _ in instruction.pairs if _VOLATILE.search(name)}
            what = ", ".join(sorted(names))
            idle, labels = _until_used(below, names)
            moved += labels
        else:
            return None
        paid = [(run, costs[run.node.start_line]) for run in idle if run.node.start_line in costs]
        seconds = sum(cost.seconds for _, cost in paid)
        if seconds < _SECOND:
            return None
        lines = ", ".join(f"line {run.node.start_line} {cost.seconds:.1f} s" for run, cost in paid[:5])
        size = sum(cost.size for _, cost in paid)
        wanted = [(run, needs(run) or "" if isinstance(instruction, Copy | Add) else "") for run, _ in paid]
        better = [reordered(subject, instruction, wanted), *(subject.source(each.node) for each in moved[1:])]
        return remark(
            instruction,
            f"every change to {what} repeats {seconds:.1f} s and {_bytes(size)} of work that does not need it: {lines}",
            "\n".join(better),
        )


def _until_used(below: Sequence[Instruction], names: set[str]) -> tuple[list[Run], list[Instruction]]:
    """The RUNs above the first instruction that needs one of `names`, and the LABELs among them that tell them."""
    runs: list[Run] = []
    labels: list[Instruction] = []
    for each in below if names else ():
        if isinstance(each, Label) and _uses(each, names):
            labels.append(each)
        elif _uses(each, names):
            break
        elif isinstance(each, Run):
            runs.append(each)
    return runs, labels


def _uses(instruction: Instruction, names: set[str]) -> bool:
    text = script(instruction) if isinstance(instruction, Run) else instruction.node.text
    return any(re.search(rf"\b{re.escape(name)}\b", text) for name in names)


class LeftoverFiles:
    """A layer of the image holds files that only its making needed.

    The rule has looked into the layers of the image that `--image` names and counted. Files that a later layer deletes
    are carried with every pull all the same. Delete them in the RUN that makes them, or mount a cache there.

    Wrong, where the image holds 19 MB of package lists:

        RUN apt-get update && apt-get install -y curl

    Right:

        RUN apt-get update && apt-get install -y curl && rm -rf /var/lib/apt/lists/*
    """

    code = "leftover-files"
    aliases = ()
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Place each pile of files on the instruction that made its layer; what the base holds is not this file's."""
        for each in subject.options.measured.leftovers:
            made = self._made(subject, each)
            if made is None or each.size < _BYTES:
                continue
            files = f"{each.files} file{'s' if each.files != 1 else ''}"
            hidden = ", which a later layer only hides" if each.hidden else ""
            # Compiled modules cost room and save time at the start: that is for the reader to weigh.
            mild: Severity | None = "info" if each.place == "__pycache__" else None
            message = f"{each.kind} ({each.place}): {files}, {_bytes(each.size)} in this layer{hidden}"
            yield remark(made, message, severity=mild)

    def _made(self, subject: Subject, left: Leftover) -> Instruction | None:
        """The instruction of this file whose text the history tells; None for layers of the base."""
        told = _plain(left.step)
        if not told:
            return None
        for stage in reversed(subject.shipped()):
            for each in reversed(stage.instructions):
                if not isinstance(each, Run | Copy | Add):
                    continue
                text = _plain(script(each) if isinstance(each, Run) and each.shell else each.node.text)
                if text and (told.startswith(text) or text in told):
                    return each
        return None


def _plain(text: str) -> str:
    """A command as it can be compared: without the shell, comments of builders and different white space."""
    text = re.sub(r"\s*# buildkit\s*$", "", text)
    return re.sub(r"[\s\\]+", " ", text).strip()


class ScratchWouldDo:
    """The program is one static file: it needs no distribution around it.

    On `scratch` nothing else can have a flaw, nothing else has to be pulled, and there is no shell for an intruder.
    Copy what it reads besides: /etc/ssl/certs/ca-certificates.crt where it opens TLS connections, time zones where it
    tells local time. The rule has looked at the ELF header of the file that the image starts.

    Wrong, where the image starts a static file:

        FROM debian:12.8
        COPY server /server
        ENTRYPOINT ["/server"]

    Right:

        FROM scratch
        COPY server /server
        ENTRYPOINT ["/server"]
    """

    code = "scratch-would-do"
    aliases = ()
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Compare the program with all that lies around it."""
        found = subject.options.measured.program
        final = subject.shipped()[0]
        if found is None or not found.static or final.base == "scratch" or found.image_size < found.size + _BYTES:
            return
        yield remark(
            final.head,
            f"{found.path} is static: {_bytes(found.size)} of the {_bytes(found.image_size)} in the image, "
            f"beside {found.packages} packages",
            f"FROM scratch\nCOPY --from=build {found.path} {found.path}",
        )


class SmallerBase:
    """The program needs the C library and little else, yet a whole distribution comes with it.

    A minimal base has the libraries, the certificates and nothing that nobody calls: no shell, no package manager. The
    rule has read from the ELF file that the image starts which libraries it names. `dockyard base` makes such bases
    from a distribution's own packages.

    Wrong, where the image starts a file that needs libc.so.6:

        FROM debian:12.8
        COPY server /server
        ENTRYPOINT ["/server"]

    Right:

        FROM base.example.org/debian-libc:12.8
        COPY server /server
        ENTRYPOINT ["/server"]
    """

    code = "smaller-base"
    aliases = ()
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Look at what the program names, and at how many packages there are."""
        found = subject.options.measured.program
        final = subject.shipped()[0]
        if found is None or not self._little(found) or final.base == "scratch":
            return
        # A program that itself comes from the distribution was chosen with it.
        if found.path.startswith(("/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/")) or found.packages < 20:
            return
        yield remark(
            final.head,
            f"{found.path} needs only {', '.join(found.needed)}; the image has {found.packages} packages and "
            f"{_bytes(found.image_size)}",
        )

    def _little(self, found: Program) -> bool:
        return bool(found.needed) and all(_C_LIBRARY.fullmatch(name) for name in found.needed)


def _bytes(count: int) -> str:
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


RULES = (CostlyOrder, LeftoverFiles, ScratchWouldDo, SmallerBase)
