"""Rules about LABEL; those about values follow the labels that the settings ask for (`--label NAME=KIND`)."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from urllib.parse import urlsplit

from dockyard.dockerfile.instructions import Label
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.spdx import is_expression
from dockyard.dockerfile.lint.subject import Subject, remark

_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
)
_EMAIL = re.compile(r"[^@\s<>]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def _labels(subject: Subject) -> Iterator[tuple[Label, str, str]]:
    """Every label with its instruction; the value without quotes."""
    for _, each in subject.every(Label):
        for name, value in each.pairs:
            yield each, _bare(name), _bare(value)


def _bare(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _wrong(subject: Subject, kind: str, right: Callable[[str], bool], what: str) -> Iterator[Remark]:
    """Labels of `kind` whose value is not `right`; values with variables are not known yet."""
    for each, name, value in _labels(subject):
        if subject.options.labels.get(name) == kind and value and "$" not in value and not right(value):
            yield remark(each, f"the value of {name} is no {what}: {value}")


class LabelKey:
    """A label's key has lower-case letters, digits, dots and dashes, and begins with a letter.

    Dots and dashes do not stand side by side or at the end. The namespaces com.docker, io.docker and
    org.dockerproject belong to Docker.

    Wrong:

        LABEL Maintained_By="Ada"

    Right:

        LABEL org.example.maintained-by="Ada"
    """

    code = "label-key"
    aliases = ("DL3048",)
    severity: Severity = "style"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find keys of another form."""
        for each, name, _ in _labels(subject):
            if "$" in name:
                continue
            if re.match(r"(com\.docker|io\.docker|org\.dockerproject)\.", name) and not re.match(
                r"com\.docker\.(compose|desktop|extension|image)\.", name
            ):
                yield remark(each, f"the namespace of {name} belongs to Docker")
            elif not re.fullmatch(
                r"[a-z](?:[a-z0-9_]|[.-](?=[a-z0-9_-])(?!\.\.|--))*(?<![.-])(?:/[a-z0-9._-]+)?", name
            ):
                yield remark(each, f"{name} is no key that every tool takes")


class LabelMissing:
    """The image lacks a label that your settings ask for.

    The rule speaks where labels were asked for, and looks at the final stage and the stages that it is built on.

    Wrong, with `--label org.opencontainers.image.version=semver`:

        FROM debian:12.8

    Right:

        FROM debian:12.8
        LABEL org.opencontainers.image.version="1.2.3"
    """

    code = "label-missing"
    aliases = ("DL3049",)
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Look for each label that is asked for."""
        there = {
            _bare(name)
            for stage in subject.shipped()
            for each in stage.instructions
            if isinstance(each, Label)
            for name, _ in each.pairs
        }
        for name in subject.options.labels:
            if name not in there:
                yield remark(subject.stages[-1].head, f"the label {name} is missing", f'LABEL {name}="…"')


class LabelUnknown:
    """The image has a label that your settings do not know.

    Often it is one that it knows, misspelled. The rule speaks with `--strict-labels`.

    Wrong, with `--label org.opencontainers.image.version=semver --strict-labels`:

        LABEL org.opencontainers.image.version="1.2.3" verison="1.2.3"

    Right:

        LABEL org.opencontainers.image.version="1.2.3"
    """

    code = "label-unknown"
    aliases = ("DL3050",)
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find labels that were not asked for."""
        if subject.options.strict_labels:
            for each, name, _ in _labels(subject):
                if name not in subject.options.labels and "$" not in name:
                    yield remark(each, f"nobody asked for the label {name}")


class LabelEmpty:
    """A label that your settings ask for has no value, and is not of the kind `rawtext`, which may have none.

    Wrong, with `--label org.opencontainers.image.version=semver`:

        LABEL org.opencontainers.image.version=""

    Right:

        LABEL org.opencontainers.image.version="1.2.3"
    """

    code = "label-empty"
    aliases = ("DL3051",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find empty values."""
        for each, name, value in _labels(subject):
            if subject.options.labels.get(name, "rawtext") != "rawtext" and not value.strip():
                yield remark(each, f"the label {name} is empty")


class LabelUrl:
    """The value of this label has to be a URL.

    Wrong, with `--label org.opencontainers.image.url=url`:

        LABEL org.opencontainers.image.url="example"

    Right:

        LABEL org.opencontainers.image.url="https://example.org/"
    """

    code = "label-url"
    aliases = ("DL3052",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Check the labels of kind url."""
        yield from _wrong(subject, "url", _is_url, "URL")


class LabelTime:
    """The value of this label has to be a time as RFC 3339 writes it.

    Wrong, with `--label org.opencontainers.image.created=rfc3339`:

        LABEL org.opencontainers.image.created="yesterday"

    Right:

        LABEL org.opencontainers.image.created="2026-11-24T10:00:00Z"
    """

    code = "label-time"
    aliases = ("DL3053",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Check the labels of kind rfc3339."""
        yield from _wrong(subject, "rfc3339", _is_time, "time of RFC 3339")


class LabelLicence:
    """The value of this label has to be a licence expression of SPDX.

    Wrong, with `--label org.opencontainers.image.licenses=spdx`:

        LABEL org.opencontainers.image.licenses="free as in beer"

    Right:

        LABEL org.opencontainers.image.licenses="Apache-2.0 OR MIT"
    """

    code = "label-licence"
    aliases = ("DL3054",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Check the labels of kind spdx."""
        yield from _wrong(subject, "spdx", is_expression, "licence expression of SPDX")


class LabelHash:
    """The value of this label has to be the hash of a Git commit: 7 to 40 hexadecimal digits, or 64.

    Wrong, with `--label org.opencontainers.image.revision=hash`:

        LABEL org.opencontainers.image.revision="main"

    Right:

        LABEL org.opencontainers.image.revision="b7df12a0c49ffab33ae2a6a4a0dbc2b9b2d0d7e1"
    """

    code = "label-hash"
    aliases = ("DL3055",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Check the labels of kind hash."""
        yield from _wrong(
            subject, "hash", lambda value: bool(re.fullmatch("[0-9a-f]{7,40}|[0-9a-f]{64}", value)), "hash of Git"
        )


class LabelVersion:
    """The value of this label has to be a version of Semantic Versioning 2.

    Wrong, with `--label org.opencontainers.image.version=semver`:

        LABEL org.opencontainers.image.version="1.2"

    Right:

        LABEL org.opencontainers.image.version="1.2.0"
    """

    code = "label-version"
    aliases = ("DL3056",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Check the labels of kind semver."""
        yield from _wrong(subject, "semver", lambda value: bool(_SEMVER.fullmatch(value)), "semantic version")


class LabelMail:
    """The value of this label has to be a mail address.

    Wrong, with `--label org.example.owner=email`:

        LABEL org.example.owner="Ada"

    Right:

        LABEL org.example.owner="ada@example.org"
    """

    code = "label-mail"
    aliases = ("DL3058",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Check the labels of kind email."""
        yield from _wrong(subject, "email", lambda value: bool(_EMAIL.fullmatch(value)), "mail address")


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and not re.search(r"\s", value)


def _is_time(value: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", value, re.ASCII):
        return False
    try:
        datetime.fromisoformat(re.sub(r"\.\d+", "", value).upper())
    except ValueError:
        return False
    return True


RULES = (
    LabelKey,
    LabelMissing,
    LabelUnknown,
    LabelEmpty,
    LabelUrl,
    LabelTime,
    LabelLicence,
    LabelHash,
    LabelVersion,
    LabelMail,
)
