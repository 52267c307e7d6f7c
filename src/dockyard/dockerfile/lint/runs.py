"""Rules about RUN as such."""

import re
from collections.abc import Iterator
from itertools import pairwise

from dockyard.dockerfile.instructions import Arg, Env, Run
from dockyard.dockerfile.lint.dialect import POSIX, command, dialect
from dockyard.dockerfile.lint.edits import replaced, rewritten
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.needs import needs
from dockyard.dockerfile.lint.script import commands, piped, script
from dockyard.dockerfile.lint.subject import Subject, remark
from dockyard.dockerfile.parser import parse_heredoc
from dockyard.dockerfile.stages import Stage


class MergeRuns:
    r"""Consecutive RUNs of one kind make a layer each, though they always change together.

    What one of them deletes stays in the layer of the one before, and every layer costs time to make, push and pull.
    RUNs that differ in how often they change are better left apart: this rule speaks only of neighbours of one command
    each that need the same files, in stages whose layers reach the image. (Hadolint does not ask what they need, and
    looks at all stages.)

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
        """Find plain RUNs of one command each, one below the other."""
        for stage in subject.shipped():
            for group in self._groups(stage):
                better = _merged(subject, stage, group)
                for before, run in pairwise(group):
                    line = before.node.start_line
                    yield remark(run, f"this RUN and that on line {line} make a layer each", better, partner=line)
                    better = ""

    def _groups(self, stage: Stage) -> Iterator[list[Run]]:
        group: list[Run] = []
        for each in [*stage.instructions, None]:
            run = each if isinstance(each, Run) and self._plain(each) else None
            if run is None or not group or not self._together(group[-1], run):
                if len(group) > 1:
                    yield group
                group = []
            if run is not None:
                group.append(run)

    def _plain(self, run: Run) -> bool:
        # What is chained already was put together with a thought.
        return run.shell and not run.heredocs and len(commands(run)) == 1 and not piped(run)

    def _together(self, before: Run, run: Run) -> bool:
        if before.node.flags != run.node.flags:
            return False
        # What needs other files of the context changes at other times, and is better left apart.
        return needs(before) == needs(run)


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
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find cd as a command of a RUN."""
        for stage, run in subject.every(Run):
            match = re.match(r"\s*cd\s+([^\s;&|]+)\s*&&\s*", script(run))
            if match and not run.heredocs:
                better = self._better(subject, stage, run)
                yield remark(run, f"cd {match[1]} ends with this RUN", better)
                continue
            for words in commands(run):
                if words[0] == "cd":
                    alone = "this cd has no effect: it ends with its RUN"
                    within = f"{' '.join(words)} holds to the end of this RUN or of its brackets"
                    yield remark(run, within if len(commands(run)) > 1 else alone)
                    break

    def _better(self, subject: Subject, stage: Stage, run: Run) -> str:
        line_end = rf"(?:{re.escape(subject.dockerfile.escape)}\n[ \t]*)?"
        head = rf"(?i)([ \t]*(?:onbuild[ \t]+)?)(run(?:[ \t]+--\S+)*[ \t]+{line_end})"
        source = subject.source(run.node)
        found = re.match(rf"{head}cd[ \t]+(\S+)[ \t]*{line_end}&&[ \t]*{line_end}", source)
        if found is None or not self._folder(subject, stage, run, found[3]):
            return ""
        rest = f"{found[1]}{found[2]}{source[found.end() :]}"
        left = rewritten(subject, rest)
        same = left is not None and commands(left) == commands(run)[1:] and ["cd", "-"] not in commands(run)
        return f"{found[1]}WORKDIR {found[3]}\n{rest}" if same else ""

    def _folder(self, subject: Subject, stage: Stage, run: Run, folder: str) -> bool:
        """Whether WORKDIR understands `folder` as the shell does."""
        names = set(re.findall(r"\$\{?(\w+)", folder))
        declared = {
            name
            for parent in subject.lineage(stage)
            for each in parent.instructions
            if isinstance(each, Arg | Env) and (parent is not stage or each.node.start_line < run.node.start_line)
            for name, _ in each.pairs
        }
        # Those only a shell knows.
        own = {"HOME", "PWD", "OLDPWD", "USER", "HOSTNAME", "UID"} - declared
        return bool(re.fullmatch(r"[\"']?[\w./+@:${}\\-]*[\w./}][\"']?", folder)) and not names & own


def _merged(subject: Subject, stage: Stage, group: list[Run]) -> str:
    """One RUN of several, each as it is written; nothing where `&&` cannot stand between them."""
    escape = subject.dockerfile.escape
    bodies: list[str] = []
    for run in group:
        head = re.match(rf"(?i)\s*run(?:[ \t]+--\S+)*[ \t]+(?:{re.escape(escape)}\n\s*)?", subject.source(run.node))
        if head is None:
            return ""
        bodies.append(head.string[head.end() :].rstrip())
    flags = "".join(f"{flag} " for flag in group[0].node.flags)
    better = f"RUN {flags}" + f" && {escape}\n    ".join(bodies)
    whole = rewritten(subject, better)
    # A comment at the end of one would hide the next.
    same = whole is not None and commands(whole) == [words for run in group for words in commands(run)]
    open_end = any(re.search(rf"[;&|{re.escape(escape)}]$", body) for body in bodies)
    return better if same and not open_end and dialect(subject, stage, group[0]) in (*POSIX, "cmd") else ""


_SUDO = r"(?<![\w./-])sudo[ \t]+(?:-[EHn]+[ \t]+)*"


def _as_root(words: list[str]) -> list[str]:
    if words[0] != "sudo":
        return words
    at = next((at for at, word in enumerate(words[1:], 1) if not re.fullmatch("-[EHn]+", word)), len(words))
    # Who else it shall be, another flag says, and USER says it better.
    return [] if words[at : at + 1] == [] or words[at].startswith("-") else words[at:]


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
    severity: Severity = "error"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find uses of sudo."""
        for _, run in subject.every(Run):
            if any(words[0] == "sudo" for words in commands(run, bare=False)):
                better, exact = replaced(subject, run, _SUDO, "", _as_root, bare=False)
                yield remark(run, "sudo in a build", better if exact else "")


class PipeFail:
    """A pipe succeeds when its last command does, whatever became of the others.

    `curl … | tar x` then goes on with half a download. Let the shell fail with the first command that fails, by SHELL
    or by `set -o pipefail` before the pipe. (Hadolint does not see the latter, nor the SHELL of a stage below.)

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
            if shell in POSIX and "pipefail" not in " ".join(flags) and self._unseen(run):
                better = "" if _elsewhere(run) else f"{_failing(subject, stage)}\n{subject.source(run.node)}"
                yield remark(run, "a failure before the last | goes unseen", better)

    def _unseen(self, run: Run) -> bool:
        """Whether there is a pipe before which no `set` made the shell look at every command."""
        for before in piped(run):
            said = [words for words in before if words[0] == "set" and "pipefail" in words]
            if not said or said[-1][said[-1].index("pipefail") - 1].startswith("+"):
                return True
        return False


def _elsewhere(run: Run) -> bool:
    """Whether the script is the input of a program, which SHELL does not reach."""
    return bool(run.heredocs) and parse_heredoc(run.args[0].strip()) is None


def _failing(subject: Subject, stage: Stage) -> str:
    """The SHELL with pipefail that the stage surely has."""
    small = bool(re.search("alpine|busybox", subject.root(stage)))
    return f'SHELL ["/bin/{"ash" if small else "bash"}", "-{"e" * small}o", "pipefail", "-c"]'


RULES = (MergeRuns, ChangeFolder, NoSudo, PipeFail)
