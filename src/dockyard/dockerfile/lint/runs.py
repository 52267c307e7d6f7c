"""Rules about RUN as such."""

import re
from collections.abc import Iterator

from dockyard.dockerfile.instructions import Run
from dockyard.dockerfile.lint.dialect import POSIX, command
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.needs import needs
from dockyard.dockerfile.lint.script import commands, script
from dockyard.dockerfile.lint.subject import Subject, remark
from dockyard.dockerfile.stages import Stage


class MergeRuns:
    r"""Consecutive RUNs of one kind make a layer each, though they always change together.

    What one of them deletes stays in the layer of the one before, and every layer costs time to make, push and pull.
    RUNs that differ in how often they change are better left apart: this rule speaks only of neighbours that need
    the same files, in stages whose layers reach the image.

    Wrong:

        RUN groupadd app
        RUN useradd -g app app

    Right:

        RUN groupadd app && \
            useradd -g app app
    """

    code = "merge-runs"
    aliases = ("DL3059",)
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find groups of plain RUNs one below the other."""
        for stage in subject.shipped():
            for group in self._groups(stage):
                first, last = group[0], group[-1]
                lines = ", ".join(str(run.node.start_line) for run in group)
                better = "RUN " + " && \\\n    ".join(run.args[0].strip() for run in group)
                yield Remark(
                    first.node.start_line,
                    last.node.end_line,
                    f"{len(group)} RUNs one below the other (lines {lines}) make {len(group)} layers",
                    better,
                )

    def _groups(self, stage: Stage) -> Iterator[list[Run]]:
        group: list[Run] = []
        for each in [*stage.instructions, None]:
            plain = isinstance(each, Run) and each.shell and not each.heredocs and not each.node.flags
            # What needs other files of the context changes at other times, and is better left apart.
            if group and not (plain and isinstance(each, Run) and needs(each) == needs(group[-1])):
                if len(group) > 1:
                    yield group
                group = []
            if plain and isinstance(each, Run):
                group.append(each)


class ChangeFolder:
    """`cd` holds only until the end of its RUN.

    The next RUN begins in the WORKDIR again, which surprises readers. WORKDIR says it once, for everything below.

    Wrong:

        RUN cd /srv && ./configure

    Right:

        WORKDIR /srv
        RUN ./configure
    """

    code = "change-folder"
    aliases = ("DL3003",)
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find RUNs that begin with cd."""
        for _, run in subject.every(Run):
            match = re.match(r"\s*cd\s+([^\s;&|]+)\s*&&\s*", script(run))
            if match and not run.heredocs:
                flags = "".join(f"{flag} " for flag in run.node.flags)
                yield remark(
                    run,
                    f"cd {match[1]} ends with this RUN",
                    f"WORKDIR {match[1]}\nRUN {flags}{script(run)[match.end() :]}",
                )
            elif (used := commands(run)) and used[0][0] == "cd" and len(used) == 1:
                yield remark(run, "this cd has no effect: it ends with its RUN")


class NoSudo:
    """`sudo` in a build needs a program, a password rule and a terminal that are not there, and keeps root in reach.

    A build is root until USER says otherwise; do what root has to do before USER.

    Wrong:

        USER app
        RUN sudo apt-get update

    Right:

        RUN apt-get update
        USER app
    """

    code = "no-sudo"
    aliases = ("DL3004",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find uses of sudo."""
        for _, run in subject.every(Run):
            if re.search(r"(?:^|[;&|\n]\s*)sudo\s", script(run)):
                yield remark(run, "sudo in a build", re.sub(r"\bsudo\s+(-\S+\s+)*", "", subject.source(run.node)))


class PipeFail:
    """A pipe succeeds when its last command does, whatever became of the others.

    `curl … | tar x` then goes on with half a download. Let the shell fail with the first command that fails.

    Wrong:

        RUN curl -fsS https://example.org/tool.tar.gz | tar -xz

    Right:

        SHELL ["/bin/bash", "-o", "pipefail", "-c"]
        RUN curl -fsS https://example.org/tool.tar.gz | tar -xz
    """

    code = "pipefail"
    aliases = ("DL4006",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find pipes under a shell without pipefail."""
        for stage, run in subject.every(Run):
            shell, *flags = command(subject, stage, run)
            if shell in POSIX and "pipefail" not in " ".join(flags) and self._pipes(script(run)):
                yield remark(
                    run,
                    "a failure before the last | goes unseen",
                    f'SHELL ["/bin/bash", "-o", "pipefail", "-c"]\n{subject.source(run.node)}',
                )

    def _pipes(self, text: str) -> bool:
        if "pipefail" in text:
            return False
        unquoted = re.sub(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"", "''", text)
        return bool(re.search(r"[^|]\|(?![|&])\s*\S", unquoted.replace("||", "  ").replace(">|", "> ")))


RULES = (MergeRuns, ChangeFolder, NoSudo, PipeFail)
