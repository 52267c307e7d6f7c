"""Rules about what package managers leave in a layer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dockyard.dockerfile.instructions import Arg, Env, Instruction, Run
from dockyard.dockerfile.lint.edits import appended, flagged
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.script import calls, commands, operands, python_pip, script, values, verb
from dockyard.dockerfile.lint.shellwords import braces
from dockyard.dockerfile.lint.subject import Subject, meant_later, remark
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
        names = tuple(programs.split())
        return any(
            calls(words, names, actions)
            # dnf's `module install` and `group install`.
            or (calls(words, names, ("module", "group")) and "install" in actions and "install" in words)
            for words in self.used
        )

    def mounted(self, *places: str) -> bool:
        """Whether a cache or tmpfs mount covers one of `places` or lies in it."""
        mounts = [mount.target.rstrip("/") for mount in self.run.mounts if mount.type in ("cache", "tmpfs")]
        return any(mount.startswith(place) or place.startswith(mount) for mount in mounts for place in places)

    def cleans(self, program: str, *folders: str) -> bool:
        """Whether, after the last install, `program` is told to clean, or one of `folders` is deleted."""
        installing = [at for at, words in enumerate(self.used) if words[0] == program and verb(words) in _FILLING]
        for words in self.used[installing[-1] + 1 if installing else 0 :]:
            if words[0].rsplit("/", 1)[-1] == program and verb(words) in ("clean", "cc"):
                return True
            if words[0] == "rm" and any(_below(path, folders) for word in words[1:] for path in braces(word).split()):
                return True
            if words[0] == "find" and "-delete" in words and any(_below(word, folders) for word in words[1:]):
                return True
        return False


_YUM = ("install", "update", "upgrade", "groupinstall", "localinstall", "reinstall")
_FILLING = ("install", "in", "update", "up", "upgrade", "groupinstall", "localinstall", "reinstall", "module", "group")


def _below(path: str, folders: tuple[str, ...]) -> bool:
    """Whether deleting `path` deletes all of one of `folders`, or what is directly in it."""
    bare = re.sub(r"/\*?$", "", path)
    return bool(bare) and any(bare == folder or folder.startswith(f"{bare}/") for folder in folders)


def _seen(subject: Subject) -> Iterator[_Seen]:
    """The RUNs whose layers are part of the image: of other stages it gets only what COPY takes."""
    for stage in subject.shipped():
        inherited = [each for parent in subject.lineage(stage)[1:] for each in parent.instructions]
        env = {name for each in inherited for name in _variables(each)}
        for each in stage.instructions:
            env |= _variables(each)
            held = meant_later(each)
            if isinstance(held, Run):
                text = braces(script(held) or " ".join(held.args))
                yield _Seen(stage, held, commands(held), text, frozenset(env))


def _variables(instruction: Instruction) -> set[str]:
    """The variables that `instruction` sets to anything but an empty value or a word for no."""
    if not isinstance(instruction, Arg | Env):
        return set()
    no = ("", "0", "off", "no", "false", "n", "f")
    return {name for name, value in instruction.pairs if (value or "").strip("\"'").lower() not in no}


def _cleaned(subject: Subject, seen: _Seen, what: str, command: str, *, safe: bool = True) -> Remark:
    better, exact = appended(subject, seen.stage, seen.run, command)
    return remark(seen.run, f"{what} stays in the layer", better, fix=exact and safe)


def _apt(run: Run) -> set[str]:
    """What `run` lets apt do."""
    return {
        action
        for words in commands(run)
        for action in ("update", "install", "upgrade", "build-dep", "dist-upgrade", "satisfy", "source", "download")
        if words[0] in ("apt-get", "apt", "aptitude") and action in words
    }


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
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find RUNs that update and do not delete."""
        # Where some RUN installs from a list that another one fetched, deleting a list may be too much.
        alone = all("update" in found for _, run in subject.every(Run) if (found := _apt(run)))
        for seen in _seen(subject):
            updates = seen.calls("apt-get apt aptitude", "update")
            if updates and "/var/lib/apt" not in seen.text and not seen.mounted("/var/lib/apt"):
                what = "the package list of apt (/var/lib/apt/lists)"
                yield _cleaned(
                    subject, seen, what, "rm -rf /var/lib/apt/lists/*", safe=alone and "install" in _apt(seen.run)
                )


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
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs that keep the index."""
        for seen in _seen(subject):
            adding = [words for words in seen.used if calls(words, ("apk",), ("add",))]
            kept = "/var/cache/apk" not in seen.text and not all("--no-cache" in words for words in adding)
            if kept and not seen.mounted("/var/cache/apk", "/etc/apk/cache"):
                better, exact = flagged(subject, seen.run, ("apk",), ("add",), "--no-cache")
                yield remark(
                    seen.run, "the package index of apk (/var/cache/apk) stays in the layer", better, fix=exact
                )


class YumCache:
    """yum keeps what it fetched under /var/cache/yum.

    Clean it in the RUN that filled it, after the last install; a later RUN only hides the files. `yum update` fills it
    as well as `yum install`.

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
            used = seen.calls("yum", *_YUM)
            if used and not seen.cleans("yum", "/var/cache/yum", "/var/cache/dnf") and not seen.mounted("/var/cache"):
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
        folders = ("/var/cache/yum", "/var/cache/dnf", "/var/cache/libdnf5")
        for seen in _seen(subject):
            for program in ("dnf", "microdnf", "dnf5"):
                used = seen.calls(program, *_YUM)
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
            used = [words for words in map(python_pip, seen.used) if calls(words, ("pip",), ("install",))]
            off = "PIP_NO_CACHE_DIR" in seen.env or bool(re.search(r"PIP_NO_CACHE_DIR=[\"']?[1-9ytYTo]", seen.text))
            off = off or all({"--no-cache-dir", "--no-cache", "--no-index"} & set(words) for words in used)
            removed = re.search(r"pip3? cache purge|\.cache\b", seen.text)
            if (
                not off
                and not removed
                and not seen.mounted("/root/.cache", "/.cache")
                and not self._elsewhere(seen, used)
            ):
                better, exact = flagged(subject, seen.run, ("pip", "pip3"), ("install",), "--no-cache-dir")
                yield remark(seen.run, "pip's download cache (~/.cache/pip) stays in the layer", better, fix=exact)

    def _elsewhere(self, seen: _Seen, used: list[list[str]]) -> bool:
        """Whether the cache is on a mount: one below the home of another user, or one that pip is told of."""
        if any(re.search(r"/\.cache(/pip)?/?$", mount.target) for mount in seen.run.mounts):
            return True
        told = [place for words in used for place in values(words, "--cache-dir")]
        return bool(told) and all(seen.mounted(place.rstrip("/")) for place in told)


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
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs without a clean."""
        for seen in _seen(subject):
            used = seen.calls("yarn", "install") or ["yarn"] in seen.used
            installing = [
                at for at, words in enumerate(seen.used) if words[0] == "yarn" and verb(words) in ("install", "")
            ]
            after = seen.used[installing[-1] + 1 :] if installing else []
            cleaned = any(words[:1] == ["yarn"] and operands(words)[:2] == ["cache", "clean"] for words in after)
            cleaned = cleaned or bool(re.search(r"\.cache\b", seen.text))
            if used and not cleaned and not seen.mounted("/usr/local/share/.cache", "/root/", "/.yarn"):
                yield _cleaned(subject, seen, "yarn's cache", "yarn cache clean")


RULES = (AptLists, ApkCache, YumCache, DnfCache, ZypperCache, PipCache, YarnCache)
