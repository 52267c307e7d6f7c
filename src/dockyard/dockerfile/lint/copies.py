"""Rules about COPY and ADD."""

import posixpath
import re
from collections.abc import Iterator

from dockyard.dockerfile.fault import nearest
from dockyard.dockerfile.ignore import IgnoreRules
from dockyard.dockerfile.instructions import Add, Copy, Instruction, Run, Workdir
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.order import REMOTE
from dockyard.dockerfile.lint.subject import Subject, expanded, remark
from dockyard.dockerfile.lint.variables import defaults, set_here
from dockyard.dockerfile.stages import Stage, find_stage

_GIT = re.compile(r"\.git(?:[#?]|$)")
_ANYTHING = "\N{OBJECT REPLACEMENT CHARACTER}"  # only a wildcard matches it
_ARCHIVE = re.compile(r".*\.(?:tar|tgz|tbz2?|txz|tzst|tar\.\w+|gz|bz2|xz|zst|Z)$")


# Folders, and files that are surely no archive as ADD knows them (a gem or a crate is one).
_PLAIN = re.compile(
    r"/$|^\.$|\.(?:py|js|mjs|cjs|ts|tsx|jsx|json|toml|ya?ml|txt|md|rst|sh|bash|conf|cfg|ini|xml|html?|css|scss|go|rs|c|h"
    r"|cc|cpp|hpp|java|kt|scala|rb|php|pl|lua|sql|swift|ex|exs|hs|cs|vue|svg|png|jpe?g|gif|ico|csv|pem|crt|key|pub|env"
    r"|properties|gradle|lock|mod|sum|jar|war|zip|whl|so|deb|rpm|csproj|sln|service|list|repo|gpg|asc|in|tmpl|tpl|j2"
    r"|proto|d|exe|dll)$"
)


def _from(instruction: Instruction) -> list[str]:
    """What `--from` of a COPY or of a RUN's mounts names."""
    if isinstance(instruction, Copy):
        return [instruction.from_] if instruction.from_ else []
    if isinstance(instruction, Run):
        return [mount.from_ for mount in instruction.mounts if mount.from_]
    return []


class AddForCopy:
    """ADD does more than it says: it unpacks archives and fetches URLs.

    Where a file shall only be copied, COPY cannot surprise anybody, for example when a file one day happens to be an
    archive. Of a source that is a variable nothing is said, as it may be a URL; Git and zstd count as what only ADD can
    do, where Hadolint does not know them yet.

    Wrong:

        ADD app.py /app/

    Right:

        COPY app.py /app/
    """

    code = "add-for-copy"
    aliases = ("DL3020",)
    severity: Severity = "error"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find ADDs of nothing but ordinary files."""
        for _, add in subject.every(Add):
            special = add.unpack is not None or add.checksum or add.keep_git_dir is not None
            kinds = [self._kind(each) for each in add.sources] or ["file"]
            # Of a variable nobody knows what it is, and of an archive among files what shall become of it.
            if special or "file" not in kinds or "unknown" in kinds:
                continue
            better = re.sub(r"(?i)^(\s*(?:onbuild\s+)?)add\b", r"\1COPY", subject.source(add.node), count=1)
            # ADD unpacks whatever turns out to be an archive, so only a folder or a name that says what it is is sure.
            sure = "archive" not in kinds and all(
                _PLAIN.search(each.strip("\"'")) and not re.search(r"[*?\[]", each) for each in add.sources
            )
            yield remark(add, "ADD where COPY serves", better, fix=sure or not add.sources)

    def _kind(self, source: str) -> str:
        plain = source.strip("\"'")
        if REMOTE.match(plain) or _ARCHIVE.match(plain):
            return "archive"
        return "unknown" if "$" in plain else "file"


class AddChecksum:
    """A file fetched from the network is whatever the server sends that day.

    With `--checksum` the build stops when it is something else, and the file need not be fetched again to know.

    Wrong:

        ADD https://example.org/tool.tar.gz /opt/

    Right:

        ADD --checksum=sha256:… https://example.org/tool.tar.gz /opt/
    """

    code = "add-checksum"
    aliases = ()
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find ADDs of URLs without a checksum."""
        for _, add in subject.every(Add):
            urls = [each for each in add.sources if re.match(r"https?://", each) and not _GIT.search(each)]
            if urls and not add.checksum:
                flag = r"\1 --checksum=sha256:<digest>"
                better = re.sub(r"(?i)^(\s*(?:onbuild\s+)?add)\b", flag, subject.source(add.node), count=1)
                # A checksum is that of one file.
                alone = len(add.sources) + len(add.heredocs) == 1
                yield remark(add, f"nothing says what {urls[0]} has to contain", better if alone else "")


class OwnStage:
    """A stage cannot copy from itself: what it holds is there already, and a copy from it has no beginning.

    Wrong:

        FROM golang:1.23 AS build
        COPY --from=build /app /app

    Right:

        FROM golang:1.23 AS build
        FROM scratch
        COPY --from=build /app /app
    """

    code = "own-stage"
    aliases = ("DL3023", "unknown-stage")
    severity: Severity = "error"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find every --from that names its own stage."""
        for stage in subject.stages:
            for each in stage.instructions:
                for name in _from(each):
                    if find_stage(subject.stages, name) is stage:
                        yield remark(each, f"the stage {name} is this very stage")


class UnknownStage:
    """`--from` names a stage that is not there, or comes later.

    The builder then takes the word for an image and fetches it from a registry, where anybody may have put it, or
    fails. Name a stage above, or write an image with its registry or tag.

    Wrong:

        FROM golang:1.23 AS build
        FROM scratch
        COPY --from=biuld /app /app

    Right:

        FROM golang:1.23 AS build
        FROM scratch
        COPY --from=build /app /app
    """

    code = "unknown-stage"
    aliases = ("DL3022",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Check every --from of COPY and of RUN's mounts."""
        for stage in subject.stages:
            for each in stage.instructions:
                for name in _from(each):
                    found = self._wrong(subject, stage, each, name)
                    if found is not None:
                        yield found

    def _wrong(self, subject: Subject, stage: Stage, instruction: Instruction, name: str) -> Remark | None:
        if find_stage(subject.stages, name, before=stage.number) is not None or name == "scratch":
            return None
        source = subject.source(instruction.node)
        other = find_stage(subject.stages, name)
        if other is not None:
            if other is stage:
                return None  # the rule own-stage speaks of that
            return remark(instruction, f"the stage {name} begins only at line {other.head.node.start_line}")
        if name.isdigit():
            return remark(instruction, f"there is no stage {name} above this line; there are {stage.number}")
        if re.search(r"[/:@.$]", name):
            return None  # an image
        known = [each.name for each in subject.stages[: stage.number] if each.name]
        near = nearest(name.lower(), known)
        if near:
            better = re.sub(rf"(from=[\"']?){re.escape(name)}\b", rf"\g<1>{near}", source)
            return remark(instruction, f"there is no stage {name}; did you mean {near}?", better)
        return remark(
            instruction, f"there is no stage {name}, so it is fetched as the image {name}:latest", severity="warning"
        )


class CopySeveral:
    """With several sources the destination has to be a folder, and a folder's name ends with a slash.

    Wrong:

        COPY a.txt b.txt /data

    Right:

        COPY a.txt b.txt /data/
    """

    code = "copy-several"
    aliases = ("DL3021",)
    severity: Severity = "error"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find several sources with a destination that is no folder."""
        for stage in subject.stages:
            for each in stage.instructions:
                if not isinstance(each, Copy | Add) or len(each.sources) + len(each.heredocs) < 2:
                    continue
                end = each.destination.strip("\"'")
                if not end.endswith(("/", "\\", ".", "..")) and "$" not in end:
                    better = (
                        subject.source(each.node).rstrip() + "/" if not each.heredocs and not each.node.json else ""
                    )
                    exact = not re.search(r"[\"'\\]", each.destination) and "\\" not in better and "`" not in better
                    yield remark(each, f"{end} has to end with a slash", better, fix=exact)


class CopyRelative:
    """A relative destination lands wherever the base image's WORKDIR happens to be.

    That is so for ADD, too, of which Hadolint says nothing.

    Wrong:

        FROM debian:12.8
        COPY app.py ./

    Right:

        FROM debian:12.8
        WORKDIR /app
        COPY app.py ./
    """

    code = "copy-relative"
    aliases = ("DL3045",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find relative destinations in stages that have set no WORKDIR."""
        for stage in subject.stages:
            above = [each for parent in subject.lineage(stage)[1:] for each in parent.instructions]
            known = any(isinstance(each, Workdir) for each in above)
            for each in stage.instructions:
                known = known or isinstance(each, Workdir)
                if known or not isinstance(each, Copy | Add):
                    continue
                if not re.match(r"[\"']?(/|\$|\\|[a-zA-Z]:)", each.destination):
                    yield remark(
                        each,
                        f"{each.destination} is relative, and no WORKDIR was set",
                        f"WORKDIR /app\n{subject.source(each.node)}",
                    )


class CopyIgnored:
    """The ignore file keeps this source out of the context, so the build will not find it.

    Take it back in with a line that begins with `!`, or do not copy it. The rule speaks only where the ignore file is
    known. It follows lines with `!`, where BuildKit holds its peace, and a slash before the path, as builds do.

    Wrong:

        COPY dist /srv

    Right:

        COPY src /srv
    """

    code = "copy-ignored"
    aliases = ("CopyIgnoredFile",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find sources that the ignore file matches."""
        if subject.ignored is None:
            return
        for stage in subject.stages:
            known = defaults(subject, stage)
            for each in stage.instructions:
                known |= set_here(each, known)
                if not isinstance(each, Copy | Add) or (isinstance(each, Copy) and each.from_):
                    continue
                for source in each.sources:
                    if isinstance(each, Add) and REMOTE.match(source):
                        continue
                    if self._kept_out(subject.ignored, expanded(source, known)):
                        yield remark(each, f"the ignore file keeps {source} out of the context")

    def _kept_out(self, ignored: IgnoreRules, source: str) -> bool:
        # What is kept out whatever a variable holds is kept out.
        source = re.sub(r"\$(?:\w+|\{\w+\})", _ANYTHING, source)
        path = posixpath.normpath(source.strip("\"'").lstrip("/") or ".")
        if "$" in path or path == _ANYTHING:
            return False
        if path in (".", ".."):
            # All of a context is kept out only by a pattern for all of it.
            return not ignored.negated and any(each.text in ("*", "**", "**/*") for each in ignored.patterns)
        if re.search(r"[*?\[\\]", path):
            # What matches the pattern may be taken back in; without that, one pattern can match all of another.
            return not ignored.negated and ignored.ignored(path)
        return ignored.ignored(path) and not ignored.may_reinclude_below(path)


RULES = (CopyIgnored, AddForCopy, AddChecksum, OwnStage, UnknownStage, CopySeveral, CopyRelative)
