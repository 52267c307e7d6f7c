"""Rules about FROM: what a build starts from."""

import re
from collections.abc import Iterator

from dockyard.dockerfile.fault import nearest
from dockyard.dockerfile.instructions import From
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.subject import Subject, declared, expanded, remark
from dockyard.dockerfile.shell import ExpansionError, process
from dockyard.dockerfile.stages import Stage
from dockyard.errors import Error
from dockyard.oci.reference import Reference

_PREDEFINED = {
    f"{side}{part}" for side in ("TARGET", "BUILD") for part in ("PLATFORM", "OS", "ARCH", "VARIANT", "OSVERSION")
} | {"TARGETSTAGE"}


def images(subject: Subject) -> Iterator[tuple[Stage, str, str, str]]:
    """Each stage on an image from outside, with the image's name, tag and digest; variables have their defaults."""
    for stage, image in zip(subject.stages, subject.bases, strict=True):
        # A variable without a value leaves a name that is none; the rule empty-default speaks of that.
        if image == "scratch" or not image or "$" in image or image.endswith((":", "@", "/")):
            continue
        if subject.parents[stage.number] is not None:
            continue
        name, _, digest = image.partition("@")
        path, slash, last = name.rpartition("/")
        last, _, tag = last.partition(":")
        yield stage, f"{path}{slash}{last}", tag, digest


def _is_name(image: str) -> bool:
    # A digest in an example is often shorter than a real one; a build will say so.
    try:
        Reference.parse(re.sub(r"(?<=.)@[a-z0-9]+:\S+$", "", image))
    except Error:
        return False
    return True


def normal(platform: str) -> list[str]:
    """System, architecture, variant; the names that others use for an architecture count as its own."""
    names = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "armel": "arm", "i386": "386"}
    parts = [names.get(part, part) for part in platform.split("/")]
    parts = ["linux", *parts] if len(parts) == 1 and parts[0] not in ("linux", "windows", "freebsd") else parts
    return parts[:2] if parts[1:] in (["arm64", "v8"], ["amd64", "v1"]) else parts


def _line(head: From, image: str) -> str:
    flags = "".join(f"{flag} " for flag in head.node.flags)
    return f"FROM {flags}{image}" + (f" AS {head.name}" if head.name else "")


class PinBase:
    """A base without tag or digest is whatever the registry holds that day.

    The same Dockerfile then gives another image tomorrow, nobody can say what was scanned, and a bad push upstream
    reaches production by itself. Name an exact version, best together with its digest. Variables count with their
    defaults, and a registry's port is no tag, where Hadolint holds its peace.

    Wrong:

        FROM python

    Right:

        FROM python:3.12.7-slim-bookworm@sha256:…
    """

    code = "pin-base"
    aliases = ("DL3006",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find stages on an image without tag and digest."""
        for stage, name, tag, digest in images(subject):
            if not tag and not digest:
                yield remark(
                    stage.head,
                    f"{name} has neither tag nor digest",
                    _line(stage.head, f"{name}:<version>@sha256:<digest>"),
                )


class NoLatest:
    """The tag `latest` moves with every release.

    It says nothing about what is inside, so neither rebuilds nor rollbacks give what they gave before. Name the
    version that you tested.

    Wrong:

        FROM node:latest

    Right:

        FROM node:22.11.0-bookworm-slim
    """

    code = "no-latest"
    aliases = ("DL3007",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find bases with the tag `latest` and no digest."""
        for stage, name, tag, digest in images(subject):
            if tag == "latest" and not digest:
                yield remark(
                    stage.head, f"{name}:latest moves with every release", _line(stage.head, f"{name}:<version>")
                )


class ExactTag:
    """A tag like `3` or `bookworm` moves too, only slower than `latest`.

    Such a tag gets security fixes by itself, which may be what you want; but then two builds of one commit differ. A
    digest beside the tag keeps builds the same and still says what the digest stands for.

    Wrong:

        FROM debian:bookworm

    Right:

        FROM debian:bookworm-20241111@sha256:…
    """

    code = "exact-tag"
    aliases = ()
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find bases whose tag holds neither a full version nor a date, and no digest."""
        for stage, name, tag, digest in images(subject):
            if tag and tag != "latest" and not digest and not re.search(r"\d+\.\d+|\d{6,}|[0-9a-f]{7,}", tag):
                yield remark(stage.head, f"{name}:{tag} can move", _line(stage.head, f"{name}:{tag}@sha256:<digest>"))


class PlatformConstant:
    """A platform written into FROM builds the same architecture wherever it runs.

    Users on other machines get an emulated image without a word. Choose the platform when building
    (`dockyard build --platform`), or use BUILDPLATFORM for a stage that cross-compiles. As in BuildKit, a stage whose
    name holds the system or the architecture says that it means it, and a variable is no constant.

    Wrong:

        FROM --platform=linux/amd64 alpine:3.20

    Right:

        FROM --platform=$BUILDPLATFORM alpine:3.20 AS build
    """

    code = "platform-constant"
    aliases = ("DL3029", "FromPlatformFlagConstDisallowed")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find FROM with a constant platform, unless the stage's name says that this is its purpose."""
        for stage in subject.stages:
            parts = normal(stage.platform.lower())[:2]
            if stage.platform and "$" not in stage.platform and not any(part in stage.name for part in parts):
                better = re.sub(r"--platform=\S+\s+", "", subject.source(stage.head.node), count=1)
                yield remark(stage.head, f"the platform is fixed to {stage.platform}", better)


class RedundantPlatform:
    """`--platform=$TARGETPLATFORM` is what FROM does anyway.

    It only suggests to the reader that something special happens.

    Wrong:

        FROM --platform=$TARGETPLATFORM alpine:3.20

    Right:

        FROM alpine:3.20
    """

    code = "redundant-platform"
    aliases = ("DL3065", "RedundantTargetPlatform")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find FROM with the default platform."""
        for stage in subject.stages:
            if re.fullmatch(r"[\"']?\$(TARGETPLATFORM|\{TARGETPLATFORM(:?-[^}]*)?\})[\"']?", stage.platform):
                source = subject.source(stage.head.node)
                better = re.sub(r"--platform=[\"']?\$\{?TARGETPLATFORM[^\s}]*\}?[\"']?[ \t]+", "", source, count=1)
                yield remark(stage.head, "this is the platform that FROM takes anyway", better, fix=better != source)


class UndefinedArgument:
    """FROM sees only the ARGs that stand before the first FROM.

    Any other variable is empty there, and the base becomes another image than was meant, or none at all.

    Wrong:

        ARG VERSON=3.20
        FROM alpine:$VERSION

    Right:

        ARG VERSION=3.20
        FROM alpine:$VERSION
    """

    code = "undefined-argument"
    aliases = ("UndefinedArgInFrom",)
    severity: Severity = "error"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find variables in FROM that no global ARG declares."""
        known = {name for argument in subject.arguments for name, _ in argument.pairs} | _PREDEFINED
        for stage in subject.stages:
            for text in (stage.base, stage.platform):
                try:
                    missing = process(text, dict.fromkeys(known, "x")).missing
                except ExpansionError as error:
                    yield remark(stage.head, error.message)
                    continue
                for name in sorted(missing):
                    # One that brings its own default works, and yet nobody can set it.
                    own = re.search(rf"\$\{{{re.escape(name)}:?[-+]", text)
                    near = nearest(name, known)
                    better = subject.source(stage.head.node).replace(name, near) if near else ""
                    hint = f"; did you mean {near}?" if near else ""
                    message = f"no ARG before the first FROM declares {name}{hint}"
                    yield remark(stage.head, message, better, severity="warning" if own else None)


class EmptyDefault:
    """Without `--build-arg` the base of this stage has no valid name.

    An ARG without a default is empty until somebody passes a value, so the plain build fails.

    Wrong:

        ARG VERSION
        FROM alpine:$VERSION

    Right:

        ARG VERSION=3.20
        FROM alpine:$VERSION
    """

    code = "empty-default"
    aliases = ("InvalidDefaultArgInFrom",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find bases that are no image name while every ARG has its default."""
        predefined = dict.fromkeys(_PREDEFINED - {"TARGETOSVERSION", "BUILDOSVERSION"}, "x")
        env = declared(subject.arguments, predefined, subject.dockerfile.escape)
        for stage in subject.stages:
            if subject.parents[stage.number] is not None:
                continue
            image = expanded(stage.base, env, keep=False)
            if image != "scratch" and "$" not in image and not _is_name(image):
                shown = f"with the defaults of its ARGs the base is {image!r}" if "$" in stage.base else repr(image)
                yield remark(stage.head, f"{shown}, which names no image")


RULES = (PinBase, NoLatest, ExactTag, PlatformConstant, RedundantPlatform, UndefinedArgument, EmptyDefault)
