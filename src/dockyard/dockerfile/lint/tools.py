"""Rules about single programs that a RUN calls."""

import re
from collections.abc import Iterator
from itertools import pairwise

from dockyard.dockerfile.instructions import Copy, Run
from dockyard.dockerfile.lint.edits import replaced
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.script import commands, operands, script, values
from dockyard.dockerfile.lint.subject import Subject, meant_later, remark
from dockyard.dockerfile.stages import Stage, find_stage

_POINTLESS = {
    "ssh": "a build has nobody to log in for",
    "vim": "nobody edits by hand in a build",
    "vi": "nobody edits by hand in a build",
    "nano": "nobody edits by hand in a build",
    "shutdown": "there is no machine to shut down",
    "reboot": "there is no machine to start again",
    "service": "what a RUN starts ends with it",
    "systemctl": "what a RUN starts ends with it",
    "ps": "no process of the application runs yet",
    "top": "no process of the application runs yet",
    "free": "it tells of the builder, not of the container",
    "kill": "what a RUN starts ends with it",
    "mount": "a mount ends with its RUN",
    "ifconfig": "the network of a RUN is not the container's",
}
_ARCHIVE = re.compile(r"\.(tar|tgz|tbz2?|txz|tar\.(gz|bz2|xz|zst|lzma|Z))$")


class PointlessProgram:
    """A program that serves a running machine does nothing that stays in an image.

    What a RUN starts, mounts or looks at is gone when it ends. What shall run belongs into ENTRYPOINT or CMD, what
    shall be mounted into the command that starts the container.

    Wrong:

        RUN service nginx start

    Right:

        CMD ["nginx", "-g", "daemon off;"]
    """

    code = "pointless-program"
    aliases = ("DL3001",)
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find calls of such programs."""
        for _, run in subject.every(Run):
            used = commands(run)
            for words in used:
                why = _POINTLESS.get(words[0])
                # `systemctl enable` writes links that stay; a client that was told what to run ends by itself; and a
                # RUN that starts a server, sets it up and stops it again does something.
                enables = words[0] == "systemctl" and not {"start", "restart", "reload", "status"} & set(words)
                within = (
                    words[0] in ("kill", "service", "ps") and len(used) > 2 and bool(re.search("&|stop", script(run)))
                )
                asks = words[0] == "ssh" and (len(operands(words)) > 1 or any(m.type == "ssh" for m in run.mounts))
                if why and not enables and not within and not asks and words[1:2] not in (["--version"], ["-V"]):
                    yield remark(run, f"{words[0]} in a build: {why}")
                    break


class WgetOrCurl:
    """Two programs that fetch files, where one would do, are twice as much to install, update and scan.

    Wrong:

        RUN curl -fsSO https://example.org/a && wget -q https://example.org/b

    Right:

        RUN curl -fsSO https://example.org/a && curl -fsSO https://example.org/b
    """

    code = "wget-or-curl"
    aliases = ("DL4001",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find stages that call both."""
        for stage in subject.stages:
            seen: dict[str, int] = {}
            for each in stage.instructions:
                held = meant_later(each)
                used = [words[0] for words in commands(held)] if isinstance(held, Run) else []
                here = [name for name in dict.fromkeys(used) if name in ("wget", "curl")]
                for name in here:
                    seen.setdefault(name, each.node.start_line)
                if len(seen) == 2 and here:
                    other = next((name for name in seen if name not in here), next(iter(seen)))
                    mine = next(name for name in here if name != other)
                    line = seen[other]
                    yield remark(each, f"{mine} here, {other} on line {line}", partner=line)


class WgetProgress:
    """wget draws a bar for people: in a log that is thousands of lines.

    Say `-q`, or `--progress=dot:giga` where a sign of life is wanted.

    Wrong:

        RUN wget https://example.org/tool

    Right:

        RUN wget --progress=dot:giga https://example.org/tool
    """

    code = "wget-progress"
    aliases = ("DL3047",)
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find calls of wget with its bar; BusyBox's own draws none without a terminal, and knows no --progress."""
        quiet = re.compile(
            r"--progress\b.*|--quiet|--no-verbose|--append-output.*|--output-file.*|-n?[a-zA-Z]*[qvoa].*"
        )
        for stage, run in subject.every(Run):
            if _busybox(subject, stage):
                continue

            def quieted(words: list[str]) -> list[str]:
                draws = words[0] == "wget" and len(words) > 1 and not any(map(quiet.fullmatch, words[1:]))
                return ["wget", "--progress=dot:giga", *words[1:]] if draws else words

            if any(quieted(words) != words for words in commands(run)):
                better, _ = replaced(subject, run, r"(?<![\w./-])wget(?=\s)", "wget --progress=dot:giga", quieted)
                yield remark(run, "wget draws its bar into the log", better)


def _busybox(subject: Subject, stage: Stage) -> bool:
    """Whether wget is BusyBox's: the base is known to have no other, and no RUN installs one."""
    lineage = subject.lineage(stage)
    if not re.search("alpine|busybox", subject.root(stage)):
        return False
    runs = [each for parent in lineage for each in parent.instructions if isinstance(each, Run)]
    return not any(words[0] == "apk" and "wget" in words for run in runs for words in commands(run))


class UseraddLastlog:
    """useradd writes the user's last login into a file with a place for every number.

    With a large number the file is huge: sparse on the disk, but its holes are written out into the layer. `-l` leaves
    that file alone.

    Wrong:

        RUN useradd -u 1000600000 app

    Right:

        RUN useradd -l -u 1000600000 app
    """

    code = "useradd-lastlog"
    aliases = ("DL3046",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find users with large numbers."""
        for _, run in subject.every(Run):
            for words in commands(run):
                if words[0].rsplit("/", 1)[-1] != "useradd":
                    continue
                numbers = values(words, "-u", "--uid") + [w[2:] for w in words if re.fullmatch(r"-u\d+", w)]
                # `-mu 100000` says both at once.
                numbers += [n for flag, n in pairwise(words) if re.fullmatch(r"-[a-zA-Z]+u", flag)]
                large = [number for number in numbers if re.fullmatch(r"\d{6,10}", number)]
                if large and not any(re.fullmatch(r"--no-log-init|-[a-zA-Z]*l[a-zA-Z]*", word) for word in words):
                    better, _ = replaced(subject, run, r"(?<![\w.-])useradd(?=\s)", "useradd -l", _without_log)
                    yield remark(run, f"the log of last logins grows to the number {large[0]}", better)
                    break


def _without_log(words: list[str]) -> list[str]:
    return [words[0], "-l", *words[1:]] if words[0].rsplit("/", 1)[-1] == "useradd" else words


class LinkShell:
    """`ln -s /bin/bash /bin/sh` changes the shell of every script in the image.

    Scripts of the distribution are written for the shell that it brings. SHELL changes it for the RUNs alone.

    Wrong:

        RUN ln -sf /bin/bash /bin/sh

    Right:

        SHELL ["/bin/bash", "-c"]
    """

    code = "link-shell"
    aliases = ("DL4005",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find links that replace the shell."""
        for _, run in subject.every(Run):
            for words in commands(run):
                paths = operands(words)
                if words[0].rsplit("/", 1)[-1] == "ln" and len(paths) > 1 and paths[-1] in ("/bin/sh", "/usr/bin/sh"):
                    yield remark(run, f"{paths[-1]} is replaced", f'SHELL ["{paths[0]}", "-c"]')


class CopyThenUnpack:
    """An archive that is copied and then unpacked is in the image twice: its layer keeps it, whatever a RUN deletes.

    ADD unpacks local archives while it copies. A single compressed file (`a.gz`) it does not unpack, so nothing is said
    of gunzip.

    Wrong:

        COPY app.tar.gz /tmp/
        RUN tar -xzf /tmp/app.tar.gz -C /srv && rm /tmp/app.tar.gz

    Right:

        ADD app.tar.gz /srv/
    """

    code = "copy-then-unpack"
    aliases = ("DL3010",)
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find archives that a later RUN of the stage unpacks."""
        for stage in subject.stages:
            unpacked: dict[str, Run] = {}
            found: list[Remark] = []
            for each in reversed(stage.instructions):
                if isinstance(each, Run):
                    unpacked |= dict.fromkeys(self._unpacks(each), each)
                elif isinstance(each, Copy) and not each.from_:
                    for source in each.sources:
                        name = source.strip("\"'").rstrip("/").rsplit("/", 1)[-1]
                        if len(each.sources) == 1 and _ARCHIVE.search(each.destination):
                            name = each.destination.rsplit("/", 1)[-1]
                        if name in unpacked:
                            line = unpacked[name].node.start_line
                            message = f"{name} is copied, and unpacked on line {line}"
                            found.append(remark(each, message, f"ADD {source} /…/"))
            yield from reversed(found)

    def _unpacks(self, run: Run) -> set[str]:
        names: set[str] = set()
        for words in commands(run):
            extracts = any(re.fullmatch(r"-?[a-zA-Z]*x[a-zA-Z]*|--extract|--get", word) for word in words[1:])
            unpacks = (words[0].rsplit("/", 1)[-1] in ("tar", "bsdtar") and extracts) or words[0] in ("gunzip", "unxz")
            if unpacks:
                names |= {word.rsplit("/", 1)[-1] for word in words[1:] if _ARCHIVE.search(word)}
        return names


class CopyWholeStage:
    """`COPY --from=… / /` takes all that another stage holds: its tools, its caches, its secrets.

    What a stage is for is to leave those behind. Copy what the program needs.

    Wrong:

        FROM golang:1.23 AS build
        FROM debian:12.8
        COPY --from=build / /

    Right:

        FROM golang:1.23 AS build
        FROM debian:12.8
        COPY --from=build /out/server /usr/local/bin/
    """

    code = "copy-whole-stage"
    aliases = ("DL3067",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find copies of a whole stage, but for those onto an empty base, which make one layer of many, and those of
        stages that begin empty, which hold only what was put there to be copied.
        """
        for stage, copy in subject.every(Copy):
            other = find_stage(subject.stages, copy.from_, before=stage.number)
            empty = "scratch" in (subject.root(stage), other and subject.root(other))
            if (
                copy.from_
                and not empty
                and any(re.fullmatch(r"[\"']?/+(\.|\*)?[\"']?", source) for source in copy.sources)
            ):
                yield remark(copy, f"everything of {copy.from_} is copied")


RULES = (
    PointlessProgram,
    WgetOrCurl,
    WgetProgress,
    UseraddLastlog,
    LinkShell,
    CopyThenUnpack,
    CopyWholeStage,
)
