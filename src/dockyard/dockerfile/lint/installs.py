"""Rules about package managers inside RUN."""

import re
from collections.abc import Callable, Iterator

from dockyard.dockerfile.instructions import Run
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.script import commands, operands, script, verb
from dockyard.dockerfile.lint.subject import Subject, remark


def _calls(words: list[str], programs: tuple[str, ...], actions: tuple[str, ...]) -> bool:
    return words[0].rsplit("/", 1)[-1] in programs and verb(words) in actions


def _cache_mounts(run: Run) -> tuple[str, ...]:
    return tuple(mount.target for mount in run.mounts if mount.type in ("cache", "tmpfs"))


def _appended(text: str, command: str) -> str:
    return f"{text.rstrip()} && \\\n    {command}"


def _flagged(pattern: str, flag: str) -> Callable[[str], str]:
    return lambda text: re.sub(pattern, rf"\g<0> {flag}", text)


class PackageCache:
    """What a package manager downloaded stays in the layer for ever.

    Deleting it in a later RUN hides the files and keeps their size: a layer only ever adds. Delete the lists and
    archives in the RUN that made them, or keep them out of the image with a cache mount, which also makes the next
    build quicker.

    Wrong:

        RUN apt-get update && apt-get install -y --no-install-recommends curl

    Right:

        RUN apt-get update && apt-get install -y --no-install-recommends curl && rm -rf /var/lib/apt/lists/*
    """

    code = "package-cache"
    aliases = ("DL3009", "DL3019", "DL3032", "DL3036", "DL3040", "DL3042", "DL3060")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find RUNs that leave a package manager's cache behind."""
        shipped = subject.shipped()
        for stage, run in subject.every(Run):
            if stage not in shipped:
                continue  # only what COPY takes from there reaches the image
            used = commands(run)
            text = script(run) or " ".join(run.args)
            source = subject.source(run.node)
            mounts = _cache_mounts(run)
            env = {name for each in stage.instructions for name, _ in getattr(each, "pairs", ())}
            for what, better in self._left(used, text, source, mounts, env):
                yield remark(run, f"{what} stays in the layer", better if run.shell and not run.heredocs else "")

    def _left(
        self, used: list[list[str]], text: str, source: str, mounts: tuple[str, ...], env: set[str]
    ) -> Iterator[tuple[str, str]]:
        def calls(programs: str, *actions: str) -> bool:
            return any(_calls(words, tuple(programs.split()), actions) for words in used)

        def mounted(*places: str) -> bool:
            return any(
                mount.rstrip("/").startswith(place) or place.startswith(mount) for mount in mounts for place in places
            )

        if calls("apt-get apt aptitude", "update") and "/var/lib/apt" not in text and not mounted("/var/lib/apt"):
            yield "the package list of apt (/var/lib/apt/lists)", _appended(source, "rm -rf /var/lib/apt/lists/*")
        indexed = calls("apk", "add") and "--no-cache" not in text and "/var/cache/apk" not in text
        if indexed and not mounted("/var/cache/apk", "/etc/apk/cache"):
            yield "the package index of apk (/var/cache/apk)", _flagged(r"\bapk( -\S+)* add\b", "--no-cache")(source)
        for program in ("yum", "dnf", "microdnf", "zypper"):
            installed = calls(program, "install", "in", "update", "upgrade")
            cleaned = re.search(rf"\b{program}\s+(-\S+\s+)*clean|/var/cache/(yum|dnf|libdnf|zypp)", text)
            if installed and not cleaned and not mounted("/var/cache"):
                yield f"the cache of {program} (/var/cache)", _appended(source, f"{program} clean all")
        pip = any(
            _calls(words, ("pip", "pip3"), ("install",)) or words[1:4] == ["-m", "pip", "install"] for words in used
        )
        if (
            pip
            and "--no-cache-dir" not in text
            and "--no-index" not in text
            and "PIP_NO_CACHE_DIR" not in env
            and not mounted("/root/.cache", "/.cache")
        ):
            yield "pip's download cache (~/.cache/pip)", _flagged(r"\bpip3? install\b", "--no-cache-dir")(source)
        if (
            calls("yarn", "install")
            and "yarn cache clean" not in text
            and not mounted("/usr/local/share/.cache", "/root/")
        ):
            yield "yarn's cache", _appended(source, "yarn cache clean")


class NoInstallRecommends:
    """apt installs what a package merely recommends unless it is told not to.

    Recommended packages are often larger than what was asked for, and each of them can have vulnerabilities.

    Wrong:

        RUN apt-get update && apt-get install -y curl

    Right:

        RUN apt-get update && apt-get install -y --no-install-recommends curl
    """

    code = "no-install-recommends"
    aliases = ("DL3015",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find apt installs without the flag."""
        for _, run in subject.every(Run):
            text = script(run)
            if re.search(r"Install-Recommends", text, re.IGNORECASE):
                continue
            if any(
                _calls(words, ("apt-get", "apt"), ("install",)) and "--no-install-recommends" not in words
                for words in commands(run)
            ):
                pattern = r"\bapt(-get)?(\s+-\S+)*\s+install\b(?!.*--no-install-recommends)"
                better = _flagged(pattern, "--no-install-recommends")(subject.source(run.node))
                yield remark(run, "apt-get install brings recommended packages along", better)


class AssumeYes:
    """A package manager that asks has nobody to answer it in a build.

    The build stops or fails at the question. Give the flag that says yes.

    Wrong:

        RUN apt-get install curl

    Right:

        RUN apt-get install -y curl
    """

    code = "assume-yes"
    aliases = ("DL3014", "DL3030", "DL3034", "DL3038")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs that would ask."""
        for _, run in subject.every(Run):
            for words in commands(run):
                program = words[0].rsplit("/", 1)[-1]
                if program not in ("apt-get", "apt", "yum", "dnf", "microdnf", "zypper") or verb(words) != "install":
                    continue
                flags = [word for word in words if word.startswith("-")]
                yes = any(
                    flag in ("--yes", "--assume-yes", "--assumeyes", "--non-interactive", "-qq")
                    or re.fullmatch(r"-[a-zA-Z]*[yn][a-zA-Z]*", flag)
                    or flag.startswith("-q=")
                    for flag in flags
                )
                if not yes and "APT::Get::Assume-Yes" not in script(run):
                    better = _flagged(rf"\b{program}( -\S+)* install\b", "-y")(subject.source(run.node))
                    yield remark(run, f"{program} install asks a question that nobody answers", better)
                    break


class AptInScripts:
    """`apt` is made for people: its output and options may change from release to release.

    Scripts use `apt-get` and `apt-cache`, whose behaviour is kept stable.

    Wrong:

        RUN apt install -y curl

    Right:

        RUN apt-get install -y curl
    """

    code = "apt-in-scripts"
    aliases = ("DL3027",)
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find uses of apt."""
        for _, run in subject.every(Run):
            if any(words[0] == "apt" for words in commands(run)):
                better = re.sub(r"\bapt(?=\s)", "apt-get", subject.source(run.node))
                yield remark(run, "apt is not made for scripts", better)


class UpdateAlone:
    """`apt-get update` in a RUN of its own is cached, and the list that it made grows old.

    Months later an install below it asks for versions that the mirror no longer has, and fails, or installs what has
    long been fixed. Update and install in one RUN.

    Wrong:

        RUN apt-get update
        RUN apt-get install -y curl

    Right:

        RUN apt-get update && apt-get install -y curl
    """

    code = "update-alone"
    aliases = ()
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find updates of the package list without an install in the same RUN."""
        for _, run in subject.every(Run):
            used = [words for words in commands(run) if words[0] in ("apt-get", "apt")]
            actions = {verb(words) for words in used}
            if "update" in actions and not actions - {"update", "clean"}:
                yield remark(run, "the package list is cached apart from what is installed from it")


class PinPackages:
    """Packages without a version are whatever the mirror holds when the layer is made.

    Two builds of one commit then differ. Name versions, or pin the base by digest and a snapshot of the mirror.

    Wrong:

        RUN pip install flask

    Right:

        RUN pip install flask==3.0.3
    """

    code = "pin-packages"
    aliases = ("DL3008", "DL3013", "DL3016", "DL3018", "DL3028", "DL3033", "DL3037", "DL3041")
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs of packages by name only."""
        for _, run in subject.every(Run):
            loose: list[str] = []
            for words in commands(run):
                if _calls(words, ("apt-get", "apt", "apk"), ("install", "add")):
                    loose += [name for name in operands(words)[1:] if not re.search(r"[=~<>@$/]|\.deb$", name)]
                elif _calls(words, ("pip", "pip3"), ("install",)) and not {"-r", "--requirement", "-e"} & set(words):
                    loose += [
                        name
                        for name in operands(words)[1:]
                        if re.fullmatch(r"[A-Za-z0-9_.\[\],-]+", name) and not name.startswith(".")
                    ]
                elif _calls(words, ("npm",), ("install", "i", "add")):
                    loose += [name for name in operands(words)[1:] if "@" not in name[1:] and not name.startswith(".")]
            if loose:
                shown = ", ".join(loose[:5]) + (f" and {len(loose) - 5} more" if len(loose) > 5 else "")
                yield remark(run, f"no version is given for {shown}")


RULES = (PackageCache, NoInstallRecommends, AssumeYes, AptInScripts, UpdateAlone, PinPackages)
