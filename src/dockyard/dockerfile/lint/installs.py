"""Rules about how package managers are called."""

import re
from collections.abc import Iterator

from dockyard.dockerfile.instructions import Run
from dockyard.dockerfile.lint.edits import flagged, renamed
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.script import calls, commands, script, verb
from dockyard.dockerfile.lint.subject import Subject, remark

_REFUSED = re.compile(r"Install-Recommends=[\"']?(0|false|no|off)\b", re.IGNORECASE)


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
    severity: Severity = "info"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find apt installs without the flag."""
        for _, run in subject.every(Run):
            if re.search(r"apt\.conf.*Install-Recommends|Install-Recommends.*apt\.conf", script(run), re.DOTALL):
                continue  # it is told apt for good
            if any(
                calls(words, ("apt-get", "apt"), ("install",))
                and "--no-install-recommends" not in words
                and not any(_REFUSED.search(word) for word in words)
                for words in commands(run)
            ):
                # No fix: what is left out may be what the application counts on.
                better, _ = flagged(subject, run, ("apt-get", "apt"), ("install",), "--no-install-recommends")
                yield remark(run, "apt-get install brings recommended packages along", better)


def _asking(subject: Subject, programs: tuple[str, ...], verbs: tuple[str, ...], flag: str) -> Iterator[Remark]:
    """RUNs in which one of `programs` would ask before it does one of `verbs`."""
    for _, run in subject.every(Run):
        for words in commands(run):
            if not calls(words, programs, verbs):
                continue
            yes = any(
                word in ("--yes", "--assume-yes", "--assumeyes", "--non-interactive", "--no-confirm", "-qq")
                or re.fullmatch(r"-[a-zA-Z]*[yn][a-zA-Z]*(=true)?", word)
                or re.fullmatch(r"(-q|--quiet)=\d", word)
                or (word in ("-q", "--quiet") and words.count("-q") + words.count("--quiet") > 1)
                for word in words
            )
            if yes or re.search(r"APT::Get::Assume-Yes|assumeyes=|yes\s*\|", script(run)):
                continue
            better, exact = flagged(subject, run, programs, verbs, flag)
            yield remark(run, f"{words[0]} {verb(words)} asks a question that nobody answers", better, fix=exact)
            break


class AptYes:
    """apt asks before it installs, and nobody is there to answer in a build.

    The build fails at the question. Give the flag that says yes.

    Wrong:

        RUN apt-get install curl

    Right:

        RUN apt-get install -y curl
    """

    code = "apt-yes"
    aliases = ("DL3014", "assume-yes")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs that would ask."""
        yield from _asking(subject, ("apt-get", "apt"), ("install",), "-y")


class YumYes:
    """yum asks before it installs, and nobody is there to answer in a build.

    Give the flag that says yes.

    Wrong:

        RUN yum install curl

    Right:

        RUN yum install -y curl
    """

    code = "yum-yes"
    aliases = ("DL3030", "assume-yes")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs that would ask."""
        yield from _asking(subject, ("yum",), ("install", "groupinstall", "localinstall"), "-y")


class DnfYes:
    """dnf asks before it installs, and nobody is there to answer in a build.

    Give the flag that says yes.

    Wrong:

        RUN dnf install curl

    Right:

        RUN dnf install -y curl
    """

    code = "dnf-yes"
    aliases = ("DL3038", "assume-yes")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs that would ask."""
        yield from _asking(subject, ("dnf", "dnf5", "microdnf"), ("install", "groupinstall", "localinstall"), "-y")


class ZypperYes:
    """zypper asks before it installs, and nobody is there to answer in a build.

    Give the flag that says yes.

    Wrong:

        RUN zypper install curl

    Right:

        RUN zypper install -y curl
    """

    code = "zypper-yes"
    aliases = ("DL3034", "assume-yes")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs that would ask."""
        yield from _asking(
            subject, ("zypper",), ("install", "in", "remove", "rm", "patch", "source-install", "si"), "-y"
        )


class DistributionUpgrade:
    """`zypper dist-upgrade` turns the base into another release than its tag says.

    What was tested and scanned as the base is then not what runs. Take a newer base instead.

    Wrong:

        RUN zypper dist-upgrade -y && zypper clean

    Right:

        RUN zypper patch -y && zypper clean
    """

    code = "distribution-upgrade"
    aliases = ("DL3035",)
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find upgrades of the whole distribution."""
        for _, run in subject.every(Run):
            if any(calls(words, ("zypper",), ("dist-upgrade", "dup")) for words in commands(run)):
                yield remark(run, "the base becomes another release than its tag says")


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
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find uses of apt."""
        known = {"install", "update", "upgrade", "remove", "purge", "autoremove", "clean", "autoclean", "download"}
        for _, run in subject.every(Run):
            used = [words for words in commands(run) if words[0] == "apt"]
            if used:
                better, exact = renamed(subject, run, "apt", "apt-get")
                # apt-get has no `list`, `show` or `search`.
                same = all(verb(words) in known for words in used)
                yield remark(run, "apt is not made for scripts", better if same else "", fix=exact and same)


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


RULES = (
    NoInstallRecommends,
    AptYes,
    YumYes,
    DnfYes,
    ZypperYes,
    DistributionUpgrade,
    AptInScripts,
    UpdateAlone,
)
