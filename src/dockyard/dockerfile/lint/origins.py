"""Rules about where bases come from and for which machines they are."""

import re
from collections.abc import Iterator

from dockyard.dockerfile.instructions import Copy
from dockyard.dockerfile.lint.bases import images, normal
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.subject import Subject, remark
from dockyard.dockerfile.stages import find_stage


class TrustedRegistry:
    """The image comes from a registry that is not among those that your settings trust.

    Whoever runs that registry decides what runs in your containers. The rule speaks where trusted registries were
    named (`--trusted-registry`), and looks at FROM and at `COPY --from` of an image. Images without a registry in
    their name come from docker.io.

    Wrong, with `--trusted-registry registry.example.org`:

        FROM ghcr.io/someone/python:3.12.7

    Right:

        FROM registry.example.org/python:3.12.7
    """

    code = "trusted-registry"
    aliases = ("DL3026",)
    severity: Severity = "error"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Compare the registry of every image from outside."""
        if not subject.options.registries:
            return
        for stage, name, _, _ in images(subject):
            if not _trusted(subject, name):
                yield remark(stage.head, f"{_registry(name)} is not among the trusted registries")
        for stage, copy in subject.every(Copy):
            name = copy.from_
            if not name or "$" in name or name == "scratch" or name.isdigit():
                continue
            outside = find_stage(subject.stages, name, before=stage.number) is None and re.search(r"[/:@.]", name)
            if outside and not _trusted(subject, name):
                yield remark(copy, f"{_registry(name)} is not among the trusted registries")


def _registry(image: str) -> str:
    first, slash, _ = image.partition("/")
    return first if slash and (re.search(r"[.:]", first) or first == "localhost") else "docker.io"


def _trusted(subject: Subject, image: str) -> bool:
    registry = _registry(image)
    names = {registry, "docker.io", "index.docker.io", "hub.docker.com"} if registry == "docker.io" else {registry}
    return any(
        re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), name)
        for pattern in subject.options.registries
        for name in names
    )


class BasePlatform:
    """The base is not made for the platform that FROM asks for.

    The build takes what there is, and the programs in it do not run, or only under emulation. The rule speaks of
    bases that lie in the store.

    Wrong, with a base that exists for linux/amd64 only:

        FROM --platform=linux/s390x base.example.org/only-amd64:1.0 AS s390x

    Right:

        FROM --platform=linux/amd64 base.example.org/only-amd64:1.0 AS amd64
    """

    code = "base-platform"
    aliases = ("InvalidBaseImagePlatform",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Compare constant platforms with those that the base is known to have."""
        for stage, name, tag, digest in images(subject):
            image = name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
            there = subject.options.platforms.get(image, ())
            asked = stage.platform.lower()
            if there and asked and "$" not in asked and not any(_meets(asked, each.lower()) for each in there):
                yield remark(stage.head, f"{image} exists for {', '.join(there)}, not for {asked}")


def _meets(asked: str, there: str) -> bool:
    wanted, got = normal(asked), normal(there)
    return wanted[: len(got)] == got[: len(wanted)]


RULES = (TrustedRegistry, BasePlatform)
