"""Rules about how instructions are written."""

import json
import re
import shlex
from collections.abc import Iterator

from dockyard.dockerfile.instructions import (
    Cmd,
    Command,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Label,
    Maintainer,
    Shell,
)
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.subject import Subject, remark


class ShellForm:
    """A shell form runs under `/bin/sh -c`, which does not pass signals on.

    The program is not process 1, so `stop` waits out its grace period and kills it in the middle of its work; and an
    ENTRYPOINT in shell form ignores CMD and the arguments of `run`. Write a JSON array.

    Wrong:

        ENTRYPOINT ./server --port 8080

    Right:

        ENTRYPOINT ["./server", "--port", "8080"]
    """

    code = "shell-form"
    aliases = ("DL3025", "JSONArgsRecommended")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find CMD and ENTRYPOINT in shell form, unless the stage chose its shell."""
        for stage in subject.stages:
            chosen = any(isinstance(each, Shell) for parent in subject.lineage(stage) for each in parent.instructions)
            for each in stage.instructions:
                if isinstance(each, Cmd | Entrypoint) and each.shell and each.args and not chosen:
                    yield remark(each, f"{each.node.keyword.upper()} in shell form", self._better(each))

    def _better(self, command: Command) -> str:
        text = command.args[0]
        keyword = command.node.keyword.upper()
        if text.startswith("["):
            return ""  # meant to be JSON, and is not: nobody can tell what was meant
        if re.search(r"[$;&|<>()`*?~]", text):
            return f'{keyword} ["/bin/sh", "-c", {json.dumps("exec " + text, ensure_ascii=False)}]'
        try:
            words = shlex.split(text)
        except ValueError:
            return ""
        return f"{keyword} {json.dumps(words, ensure_ascii=False)}"


class OnlyLastCounts:
    """Of several CMDs, ENTRYPOINTs or HEALTHCHECKs in one stage only the last has any effect.

    The others mislead the reader.

    Wrong:

        CMD ["./migrate"]
        CMD ["./server"]

    Right:

        CMD ["./server"]
    """

    code = "only-last-counts"
    aliases = ("DL3012", "DL4003", "DL4004", "MultipleInstructionsDisallowed")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find those that a later one undoes."""
        for stage in subject.stages:
            for kind in (Cmd, Entrypoint, Healthcheck):
                found = [each for each in stage.instructions if isinstance(each, kind)]
                for each in found[:-1]:
                    yield remark(each, f"line {found[-1].node.start_line} undoes this {each.node.keyword.upper()}")


class LegacyPair:
    """The form without an equals sign takes the whole rest of the line as one value.

    It cannot set two variables and reads like something else; it is deprecated.

    Wrong:

        ENV PORT 8080

    Right:

        ENV PORT=8080
    """

    code = "legacy-pair"
    aliases = ("LegacyKeyValueFormat",)
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find ENV and LABEL without an equals sign."""
        for stage in subject.stages:
            for each in stage.instructions:
                if isinstance(each, Env | Label) and each.legacy:
                    name, value = each.pairs[0]
                    shown = value if re.fullmatch(r"[^\s\"'\\]*", value) or value[:1] in "\"'" else f'"{value}"'
                    yield remark(each, f"{name} is set without =", f"{each.node.keyword.upper()} {name}={shown}")


class MaintainerDeprecated:
    """MAINTAINER is deprecated: a label can be read by every tool.

    Wrong:

        MAINTAINER Ada <ada@example.org>

    Right:

        LABEL org.opencontainers.image.authors="Ada <ada@example.org>"
    """

    code = "maintainer"
    aliases = ("DL4000", "MaintainerDeprecated")
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find MAINTAINER."""
        for _, each in subject.every(Maintainer):
            name = each.name.strip("\"'").replace('"', "'")
            yield remark(each, "MAINTAINER is deprecated", f'LABEL org.opencontainers.image.authors="{name}"')


class KeywordCasing:
    """Keywords in mixed case make a file harder to read than keywords in one.

    Wrong:

        FROM alpine:3.20
        run apk add --no-cache curl

    Right:

        FROM alpine:3.20
        RUN apk add --no-cache curl
    """

    code = "keyword-casing"
    aliases = ("ConsistentInstructionCasing", "FromAsCasing")
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find keywords whose case differs from that of most."""
        nodes = subject.dockerfile.nodes
        upper = sum(node.spelled.isupper() for node in nodes) * 2 >= len(nodes)
        for node in nodes:
            wanted = node.keyword.upper() if upper else node.keyword
            if node.spelled != wanted:
                better = subject.source(node).replace(node.spelled, wanted, 1)
                yield Remark(node.start_line, node.end_line, f"{node.spelled} where others are like {wanted}", better)
            elif node.keyword == "from" and len(node.args) == 3 and node.args[1].isupper() != node.spelled.isupper():
                word = "AS" if node.spelled.isupper() else "as"
                better = re.sub(r"(?i)\sas\s", f" {word} ", subject.source(node), count=1)
                yield Remark(
                    node.start_line, node.end_line, f"{node.spelled} and {node.args[1]} differ in case", better
                )


class EmptyContinuation:
    r"""An empty line inside a continued instruction is tolerated, and will become an error.

    It is mostly a sign that a backslash is too many, and the next instruction is swallowed.

    Wrong:

        RUN apk add --no-cache \

            curl

    Right:

        RUN apk add --no-cache \
            curl
    """

    code = "empty-continuation"
    aliases = ("NoEmptyContinuation",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find empty lines inside instructions."""
        for node in subject.dockerfile.nodes:
            if node.gaps:
                lines = subject.source(node).split("\n")
                better = "\n".join(line for line in lines if line.strip())
                yield Remark(node.gaps[0], node.gaps[-1], f"an empty line inside {node.keyword.upper()}", better)


class ExposeForm:
    """EXPOSE takes ports between 0 and 65535, with tcp or udp in lower case, and no addresses.

    Addresses and host ports belong to the command that starts the container.

    Wrong:

        EXPOSE 127.0.0.1:80:8080/TCP

    Right:

        EXPOSE 8080/tcp
    """

    code = "expose-form"
    aliases = ("DL3011", "ExposeInvalidFormat", "ExposeProtoCasing")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find ports that are no ports."""
        for _, each in subject.every(Expose):
            for text in each.ports:
                if "$" in text:
                    continue
                port, slash, protocol = text.strip("\"'").partition("/")
                numbers = port.rsplit(":", 1)[-1].split("-")
                better = f"EXPOSE {port.rsplit(':', 1)[-1]}{slash}{protocol.lower()}"
                if not all(re.fullmatch("[0-9]{1,5}", number) and int(number) < 65536 for number in numbers):
                    yield remark(each, f"{text} is no port between 0 and 65535", severity="error")
                elif ":" in port:
                    yield remark(each, f"{text} holds an address or a host port", better)
                elif slash and protocol.lower() not in ("tcp", "udp", "sctp"):
                    yield remark(each, f"there is no protocol {protocol}", severity="error")
                elif protocol != protocol.lower():
                    yield remark(each, f"the protocol {protocol} is not in lower case", better)


RULES = (
    ShellForm,
    OnlyLastCounts,
    LegacyPair,
    MaintainerDeprecated,
    KeywordCasing,
    EmptyContinuation,
    ExposeForm,
)
