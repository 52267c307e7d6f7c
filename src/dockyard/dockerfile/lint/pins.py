"""Rules about the versions of packages."""

import re
from collections.abc import Callable, Iterator

from dockyard.dockerfile.instructions import Run
from dockyard.dockerfile.lint.finding import Remark, Severity
from dockyard.dockerfile.lint.script import calls, commands, operands, python_pip, verb
from dockyard.dockerfile.lint.subject import Subject, remark

_FILES = frozenset({"-r", "--requirement", "-e", "--editable", "-c", "--constraint"})
_GEM_VERSION = ("-v", "--version", "-g", "--file")


def _loose(subject: Subject, loose: Callable[[list[str]], list[str]]) -> Iterator[Remark]:
    """A remark for each RUN in which `loose` finds packages without a version."""
    for _, run in subject.every(Run):
        names = list(dict.fromkeys(name for words in commands(run) for name in loose(words) if "$" not in name))
        if names:
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            yield remark(run, f"no version is given for {shown}")


def _named(words: list[str], programs: str, actions: tuple[str, ...], versioned: str) -> list[str]:
    """The packages that `words` install, without those that match `versioned`."""
    if not calls(words, tuple(programs.split()), actions):
        return []
    return [name for name in operands(words)[1:] if not re.search(versioned, name)]


def _modules(words: list[str], programs: str) -> list[str]:
    """The module streams that `words` install without saying which."""
    if not calls(words, tuple(programs.split()), ("module",)) or operands(words)[1:2] != ["install"]:
        return []
    return [name for name in operands(words)[2:] if ":" not in name]


class PinApt:
    """Without a version apt installs whatever the mirror holds when the layer is made.

    Two builds of one commit then differ, and nobody can say which had the flaw. Name versions, or fetch from a
    snapshot of the mirror and pin the base by digest. As in the other rules about versions, nothing is said of a
    package whose name is in a variable: its value may hold the version. (Hadolint does, and says nothing of `apt`,
    `aptitude` and of what stands behind `sudo`.)

    Wrong:

        RUN apt-get install -y --no-install-recommends curl

    Right:

        RUN apt-get install -y --no-install-recommends curl=7.88.1-10+deb12u8
    """

    code = "pin-apt"
    aliases = ("DL3008", "pin-packages")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs by name only."""
        yield from _loose(
            subject, lambda words: _named(words, "apt-get apt aptitude", ("install",), r"[=/]|\.deb$|^[.~]")
        )


class PinPip:
    """Without a version pip installs the newest release, which may have come out a minute ago.

    Name versions with `==`, or install from a file of requirements that does, best with hashes.

    Wrong:

        RUN pip install flask

    Right:

        RUN pip install flask==3.0.3
    """

    code = "pin-pip"
    aliases = ("DL3013", "pin-packages")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs by name only."""
        yield from _loose(subject, self._names)

    def _names(self, words: list[str]) -> list[str]:
        words = python_pip(words)
        if not calls(words, ("pip", "pipx"), ("install",)) or any(word.split("=")[0] in _FILES for word in words):
            return []
        plain = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(\[[A-Za-z0-9_.,-]*\])?(=[^=].*)?")
        file = re.compile(r".*\.(whl|gz|zip|tar|tgz|bz2)")
        # What a repository's main branch holds is the newest of all.
        branch = re.compile(r"(.*@ ?)?git\+[^@]+(//[^/@]+@[^@]+)?")
        return [
            name
            for name in operands(words)[1:]
            if (plain.fullmatch(name) and not file.fullmatch(name)) or branch.fullmatch(name)
        ]


class PinNpm:
    """Without a version npm installs the newest release, with all that it depends on.

    Name a version behind an at sign, or let `npm ci` follow the lock file.

    Wrong:

        RUN npm install -g serve

    Right:

        RUN npm install -g serve@14.2.4
    """

    code = "pin-npm"
    aliases = ("DL3016", "pin-packages")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs by name only."""
        # A file, a folder, or a repository at a commit.
        versioned = r".@(?!$)|^[./~]|\.(tgz|tar|tar\.gz)$|^https?:|^file:|#|^[\w-]+/[^/]+/"
        yield from _loose(subject, lambda words: _named(words, "npm", ("install", "i", "add"), versioned))


class PinApk:
    """Without a version apk installs whatever the repository holds when the layer is made.

    Name a version, or at least its beginning with `~`: Alpine removes old versions from its repositories.

    Wrong:

        RUN apk add --no-cache curl

    Right:

        RUN apk add --no-cache curl~8.9
    """

    code = "pin-apk"
    aliases = ("DL3018", "pin-packages")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs by name only."""
        yield from _loose(subject, lambda words: _named(words, "apk", ("add",), r"[=~<>]|^[./!]|\.apk$"))


class PinGem:
    """Without a version gem installs the newest release.

    Name it with `-v` or behind a colon, or let Bundler follow its lock file.

    Wrong:

        RUN gem install bundler

    Right:

        RUN gem install bundler:2.5.22
    """

    code = "pin-gem"
    aliases = ("DL3028", "pin-packages")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs by name only."""
        yield from _loose(subject, self._names)

    def _names(self, words: list[str]) -> list[str]:
        if any(word.split("=")[0] in _GEM_VERSION for word in words):
            return []
        return _named(words, "gem", ("install", "i"), r":|\.gem$|^[./]")


class PinYum:
    """Without a version yum installs the newest package of the repository.

    Name it as the repository does: name, dash, version.

    Wrong:

        RUN yum install -y curl

    Right:

        RUN yum install -y curl-7.76.1
    """

    code = "pin-yum"
    aliases = ("DL3033", "pin-packages")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs by name only."""
        versioned = r"-\d|\.rpm$|://|^[@./]|[<>=]"
        yield from _loose(subject, lambda words: _named(words, "yum", ("install",), versioned) + _modules(words, "yum"))


class PinDnf:
    """Without a version dnf installs the newest package of the repository.

    Name it as the repository does: name, dash, version.

    Wrong:

        RUN dnf install -y curl

    Right:

        RUN dnf install -y curl-7.76.1
    """

    code = "pin-dnf"
    aliases = ("DL3041", "pin-packages")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs by name only."""
        versioned = r"-\d|\.rpm$|://|^[@./]|[<>=]"
        programs = "dnf dnf5 microdnf"
        yield from _loose(
            subject, lambda words: _named(words, programs, ("install",), versioned) + _modules(words, programs)
        )


class PinZypper:
    """Without a version zypper installs the newest package of the repository.

    Name it behind an equals sign.

    Wrong:

        RUN zypper install -y curl

    Right:

        RUN zypper install -y curl=8.6.0
    """

    code = "pin-zypper"
    aliases = ("DL3037", "pin-packages")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs by name only."""
        versioned = r"[=<>]|\.rpm$|://|^[./]"
        yield from _loose(subject, lambda words: _named(words, "zypper", ("install", "in"), versioned))


class PinGo:
    """`go install` of `latest` or of no version takes whatever the module's authors published last.

    Name a version behind an at sign.

    Wrong:

        RUN go install golang.org/x/tools/gopls@latest

    Right:

        RUN go install golang.org/x/tools/gopls@v0.16.2
    """

    code = "pin-go"
    aliases = ("DL3062", "pin-packages")
    severity: Severity = "warning"

    def judge(self, subject: Subject) -> Iterator[Remark]:
        """Find installs of remote modules without a fixed version."""
        yield from _loose(subject, self._names)

    def _names(self, words: list[str]) -> list[str]:
        if not calls(words, ("go",), ("install", "get", "run")):
            return []
        remote = re.compile(r"[\w-]+(\.[\w-]+)+/[^@\s]+")
        names = operands(words)[1:]
        # What stands behind the module of `go run` are its own arguments.
        versions = (name.partition("@") for name in (names[:1] if verb(words) == "run" else names))
        return [
            module
            for module, at, version in versions
            # A version is asked for of modules only; what has none and no domain is in the build itself or Go's own.
            if (at or remote.fullmatch(module))
            and module[:1] not in (".", "/", "")
            and "..." not in module
            and version in ("", "latest", "main", "master", "upgrade", "none")
        ]


RULES = (PinApt, PinPip, PinNpm, PinApk, PinGem, PinYum, PinDnf, PinZypper, PinGo)
