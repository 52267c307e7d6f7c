"""Rules about EXPOSE."""

import re
from collections.abc import Iterator

from dockyard.dockerfile.instructions import Expose
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.subject import Subject, meant_later, remark
from dockyard.dockerfile.lint.variables import defaults, set_here
from dockyard.dockerfile.shell import ExpansionError, process


def _ports(subject: Subject) -> Iterator[tuple[Expose, str, str, str]]:
    """Each port with its EXPOSE: as written, its number or range with what stands before it, and its protocol.

    Variables have the values that the file gives them; a port whose variable has none is left out.
    """
    for stage in subject.stages:
        known = defaults(subject, stage)
        for instruction in stage.instructions:
            known |= set_here(instruction, known)
            each = meant_later(instruction)
            if not isinstance(each, Expose):
                continue
            for text in each.ports:
                try:
                    found = process(text, known)
                except ExpansionError:  # the build refuses it
                    continue
                if not found.missing - _with_default(text) and found.text:
                    port, _, protocol = found.text.strip("\"'").partition("/")
                    yield each, text, port, protocol


def _with_default(text: str) -> set[str]:
    return set(re.findall(r"\$\{(\w+):?-", text))


class PortRange:
    """A port is a number between 0 and 65535.

    Others are refused when the image is built or when the container starts.

    Wrong:

        EXPOSE 80000

    Right:

        EXPOSE 8000
    """

    code = "port-range"
    aliases = ("DL3011", "expose-form")
    severity: Severity = "error"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find numbers that are too large."""
        for each, text, port, _ in _ports(subject):
            numbers = port.rsplit(":", 1)[-1].split("-")
            if all(re.fullmatch("[0-9]+", number) for number in numbers) and any(int(n[:9]) > 65535 for n in numbers):
                yield remark(each, f"{text} is no port between 0 and 65535")


class ExposeForm:
    """EXPOSE takes ports or ranges of ports with tcp or udp behind a slash, and no addresses.

    Addresses and host ports belong to the command that starts the container.

    Wrong:

        EXPOSE 127.0.0.1:80:8080

    Right:

        EXPOSE 8080/tcp
    """

    code = "expose-form"
    aliases = ("ExposeInvalidFormat",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find what is no port."""
        for each, text, port, protocol in _ports(subject):
            numbers = port.rsplit(":", 1)[-1].split("-")
            if not all(re.fullmatch("[0-9]+", number) for number in numbers) or len(numbers) > 2:
                yield remark(each, f"{text} is no port", severity="error")
            elif ":" in port:
                slash = "/" if protocol else ""
                new = f"{port.rsplit(':', 1)[-1]}{slash}{protocol.lower()}"
                better = re.sub(rf"(?<!\S){re.escape(text)}(?!\S)", new, subject.source(each.node), count=1)
                yield remark(each, f"{text} holds an address or a host port", better)
            elif protocol.lower() not in ("", "tcp", "udp", "sctp"):
                yield remark(each, f"there is no protocol {protocol}", severity="error")


class ExposeCasing:
    """The protocol of a port is written in lower case.

    Builders turn it into lower case in the image, so a search for what stands here finds nothing there.

    Wrong:

        EXPOSE 8080/TCP

    Right:

        EXPOSE 8080/tcp
    """

    code = "expose-casing"
    aliases = ("ExposeProtoCasing", "expose-form")
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find protocols with capitals."""
        for each, text, _, protocol in _ports(subject):
            if protocol != protocol.lower() and protocol.lower() in ("tcp", "udp", "sctp"):
                source = subject.source(each.node)
                better = re.sub(
                    r"(?<=\d/)(?:tcp|udp|sctp)(?=[\s\"']|$)", lambda m: m[0].lower(), source, flags=re.IGNORECASE
                )
                yield remark(each, f"the protocol of {text} is not in lower case", better, fix=better != source)


RULES = (PortRange, ExposeForm, ExposeCasing)
