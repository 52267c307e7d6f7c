"""Rules about what package managers leave in a layer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dockyard.dockerfile.instructions import Run
from dockyard.dockerfile.lint.edits import appended, flagged
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.script import calls, commands, script
from dockyard.dockerfile.lint.subject import Subject, remark
from dockyard.dockerfile.stages import Stage


@dataclass(frozen=True, slots=True)
class _Seen:
    """One RUN whose layer reaches the image, as these rules look at it."""

    stage: Stage
    run: Run
    used: list[list[str]]
    text: str
    env: frozenset[str]

    def calls(self, programs: str, *actions: str) -> bool:
        return any(calls(words, tuple(programs.split()), actions) for words in self.used)

    def mounted(self, *places: str) -> bool:
        """Whether a cache or tmpfs mount covers one of `places` or lies in it."""
        mounts = [mount.target.rstrip("/") for mount in self.run.mounts if mount.type in ("cache", "tmpfs")]
        return any(mount.startswith(place) or place.startswith(mount) for mount in mounts for place in places)

    def cleans(self, program: str, *folders: str) -> bool:
        pattern = "|".join(map(re.escape, folders))
        return bool(re.search(rf"\b{program}\s+(-\S+\s+)*(clean|cc)\b|{pattern}", self.text))


def _seen(subject: Subject) -> Iterator[_Seen]:
    """The RUNs whose layers are part of the image: of other stages it gets only what COPY takes."""
    for stage in subject.shipped():
        inherited = [each for parent in subject.lineage(stage)[1:] for each in parent.instructions]
        env = {name for each in inherited for name, _ in getattr(each, "pairs", ())}
        for each in stage.instructions:
            env |= {name for name, _ in getattr(each, "pairs", ())}
            if isinstance(each, Run):
                yield _Seen(stage, each, commands(each), script(each) or " ".join(each.args), frozenset(env))


def _cleaned(subject: Subject, seen: _Seen, what: str, command: str, *, safe: bool = True) -> Remark:
    better, exact = appended(subject, seen.stage, seen.run, command)
    return remark(seen.run, f"{what} stays in the layer", better, fix=exact and safe)


def _installs(subject: Subject, seen: _Seen) -> bool:
    """Whether `seen` installs what it updated, and no other RUN of the file counts on the list that it fetched."""

    def actions(run: Run) -> set[str]:
        return {
            action
            for words in commands(run)
            for action in ("update", "install", "upgrade", "build-dep", "dist-upgrade", "satisfy", "source", "download")
            if words[0] in ("apt-get", "apt", "aptitude") and action in words
        }

    return actions(seen.run) >= {"update", "install"} and all(
        "update" in found for _, run in subject.every(Run) if (found := actions(run))
    )


class AptLists:
    """The lists of packages that `apt-get update` fetched stay in the layer for ever.

    Deleting them in a later RUN hides the files and keeps their size: a layer only ever adds. Delete them in the RUN
    that made them, or keep them out of the image with a cache mount, which also makes the next build quicker.

    Wrong:

        RUN apt-get update && apt-get install -y --no-install-recommends curl

    Right:

        RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*
    """

    code = "apt-lists"
    aliases = ("DL3009", "package-cache")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find RUNs that update and do not delete."""
        for seen in _seen(subject):
            updates = seen.calls("apt-get apt aptitude", "update")
            if updates and "/var/lib/apt" not in seen.text and not seen.mounted("/var/lib/apt"):
                what = "the package list of apt (/var/lib/apt/lists)"
                yield _cleaned(subject, seen, what, "rm -rf /var/lib/apt/lists/*", safe=_installs(subject, seen))


class ApkCache:
    """`apk add` keeps the index that it fetched.

    With `--no-cache` it reads the index and keeps nothing, and needs no `apk update` before it.

    Wrong:

        RUN apk add curl

    Right:

        RUN apk add --no-cache curl
    """

    code = "apk-cache"
    aliases = ("DL3019", "package-cache")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs that keep the index."""
        for seen in _seen(subject):
            kept = seen.calls("apk", "add") and "/var/cache/apk" not in seen.text
            if kept and not seen.mounted("/var/cache/apk", "/etc/apk/cache") and "--no-cache" not in seen.text:
                better, exact = flagged(subject, seen.run, ("apk",), ("add",), "--no-cache")
                yield remark(
                    seen.run, "the package index of apk (/var/cache/apk) stays in the layer", better, fix=exact
                )


class YumCache:
    """yum keeps what it fetched under /var/cache/yum.

    Clean it in the RUN that filled it; a later RUN only hides the files.

    Wrong:

        RUN yum install -y curl-7.76.1

    Right:

        RUN yum install -y curl-7.76.1 && yum clean all
    """

    code = "yum-cache"
    aliases = ("DL3032", "package-cache")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs without a clean."""
        for seen in _seen(subject):
            used = seen.calls("yum", "install", "update", "upgrade", "groupinstall", "localinstall", "reinstall")
            if (
                used
                and not seen.cleans("yum", "/var/cache/yum", "/var/cache/dnf", "/var/cache/*")
                and not seen.mounted("/var/cache")
            ):
                yield _cleaned(subject, seen, "the cache of yum (/var/cache/yum)", "yum clean all")


class DnfCache:
    """dnf and microdnf keep what they fetched under /var/cache.

    Clean it in the RUN that filled it, or mount a cache there.

    Wrong:

        RUN dnf install -y curl-7.76.1

    Right:

        RUN dnf install -y curl-7.76.1 && dnf clean all
    """

    code = "dnf-cache"
    aliases = ("DL3040", "package-cache")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs without a clean."""
        folders = ("/var/cache/yum", "/var/cache/dnf", "/var/cache/libdnf", "/var/cache/*")
        for seen in _seen(subject):
            for program in ("dnf", "microdnf"):
                used = seen.calls(program, "install", "update", "upgrade", "groupinstall", "reinstall")
                if used and not seen.cleans(program, *folders) and not seen.mounted("/var/cache", "/var/lib/dnf"):
                    yield _cleaned(subject, seen, f"the cache of {program} (/var/cache)", f"{program} clean all")


class ZypperCache:
    """zypper keeps the metadata of repositories, and packages where it is told to, under /var/cache/zypp.

    Clean it in the RUN that filled it.

    Wrong:

        RUN zypper install -y curl=8.6.0

    Right:

        RUN zypper install -y curl=8.6.0 && zypper clean
    """

    code = "zypper-cache"
    aliases = ("DL3036", "package-cache")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs without a clean."""
        for seen in _seen(subject):
            used = seen.calls("zypper", "install", "in", "update", "up", "dist-upgrade", "dup", "patch")
            if used and not seen.cleans("zypper", "/var/cache/zypp") and not seen.mounted("/var/cache"):
                yield _cleaned(subject, seen, "the cache of zypper (/var/cache/zypp)", "zypper clean")


class PipCache:
    """pip keeps every wheel that it fetched or built below the home folder.

    Inside an image nobody ever reads them again. Turn the cache off, or mount one that outlives the build.

    Wrong:

        RUN pip install flask==3.0.3

    Right:

        RUN pip install --no-cache-dir flask==3.0.3
    """

    code = "pip-cache"
    aliases = ("DL3042", "package-cache")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs with the cache on."""
        for seen in _seen(subject):
            used = seen.calls("pip pip3", "install") or any(
                words[1:4] == ["-m", "pip", "install"] and words[0].startswith("python") for words in seen.used
            )
            off = "PIP_NO_CACHE_DIR" in seen.env or re.search(r"--no-cache-dir|--no-index|PIP_NO_CACHE_DIR", seen.text)
            removed = re.search(r"pip3? cache purge|\.cache\b", seen.text)
            if used and not off and not removed and not seen.mounted("/root/.cache", "/.cache"):
                better, exact = flagged(subject, seen.run, ("pip", "pip3"), ("install",), "--no-cache-dir")
                yield remark(seen.run, "pip's download cache (~/.cache/pip) stays in the layer", better, fix=exact)


class YarnCache:
    """yarn keeps a copy of every package that it fetched.

    Clean the cache in the RUN that filled it, or mount one.

    Wrong:

        RUN yarn install --frozen-lockfile

    Right:

        RUN yarn install --frozen-lockfile && yarn cache clean
    """

    code = "yarn-cache"
    aliases = ("DL3060", "package-cache")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs without a clean."""
        for seen in _seen(subject):
            used = seen.calls("yarn", "install") or ["yarn"] in seen.used
            cleaned = re.search(r"yarn\s+(\S+\s+)?cache\s+clean|\.cache\b", seen.text)
            if used and not cleaned and not seen.mounted("/usr/local/share/.cache", "/root/", "/.yarn"):
                yield _cleaned(subject, seen, "yarn's cache", "yarn cache clean")


RULES = (AptLists, ApkCache, YumCache, DnfCache, ZypperCache, PipCache, YarnCache)
