"""The commands inside a RUN, as far as they can be told apart without being a shell."""

import functools
import itertools
import re

from dockyard.dockerfile.instructions import Run
from dockyard.dockerfile.lint.shellwords import RESERVED, SHELLS, Script, read
from dockyard.dockerfile.parser import parse_heredoc

_PREFIXES = RESERVED | {"sudo", "env", "exec", "nice", "eatmydata", "command"}
_LONGEST = 200_000
# Flags whose value is the next word, by program; those of the others are what package managers have in common.
_WITH_VALUE = {
    "apt": "-o --option -c --config-file -t --target-release --default-release -a --host-architecture",
    "pip": "-r --requirement -c --constraint -i --index-url --extra-index-url -f --find-links -t --target --prefix"
    " --root --src --build -b --proxy --timeout --retries --cache-dir --log --cert --client-cert --trusted-host"
    " --platform --python-version --implementation --abi --only-binary --no-binary --progress-bar"
    " --root-user-action --upgrade-strategy --config-settings -C --global-option --install-option --exists-action"
    " --group --keyring-provider --python --report --hash --exclude-newer",
    "npm": "--prefix --registry --loglevel --cache -w --workspace --tag --userconfig --omit --include -C",
    "yarn": "--registry --cache-folder --cwd --modules-folder --network-timeout --mutex --production",
    "apk": "-t --virtual -X --repository -p --root --keys-dir --arch --repositories-file --wait --cache-dir"
    " --cache-max-age --progress-fd",
    "gem": "-v --version -i --install-dir -n --bindir -s --source -P --trust-policy -p --http-proxy -g --file"
    " --platform --build-root --without -l",
    "yum": "-c --config -x --exclude --enablerepo --disablerepo --repo --repoid --releasever --setopt --installroot"
    " -d -e --forcearch --disableexcludes --downloaddir",
    "zypper": "-r --repo --from -t --type --root -R --reposd-dir --cache-dir --name --plus-repo -p --download"
    " --installroot",
    "go": "-C -ldflags -gcflags -asmflags -tags -mod -modfile -o -p -buildmode -exec -overlay -pkgdir -toolexec",
    "git": "-C -c --git-dir --work-tree",
    "useradd": "-u --uid -g --gid -G --groups -d --home-dir -s --shell -c --comment -b -e -f -k -K -p -Z",
}
_SAME = {
    "apt-get": "apt",
    "aptitude": "apt",
    "apt-cache": "apt",
    "pipx": "pip",
    "dnf": "yum",
    "dnf5": "yum",
    "microdnf": "yum",
    "pnpm": "npm",
}
_ANY = frozenset(["-o", "-t", "-c", "-r", "--repository", "--target", "--prefix", "--root"])
PIP = re.compile(r"pip[\d.-]*")


def script(run: Run) -> str:
    """The text that the shell gets; empty for the exec form."""
    if not run.shell:
        return ""
    text = run.args[0]
    if run.heredocs:
        if parse_heredoc(text.strip()) is None:
            return f"{text}\n" + "".join(f"{each.content}{each.name}\n" for each in run.heredocs)
        return run.heredocs[0].body
    return text


def _readable(run: Run) -> str:
    """The script as far as a shell reads it: nothing of a heredoc that another interpreter gets."""
    text = script(run)[:_LONGEST]
    first = re.split(r"[/\s]+", text.partition("\n")[0]) if text.startswith("#!") else ["sh"]
    return text if not SHELLS.isdisjoint(first) else ""


def commands(run: Run, *, bare: bool = True) -> list[list[str]]:
    """The words of each simple command, those in `$(…)` and in brackets too; variables assigned before it are dropped.

    With `bare` words like `sudo` that run another program are dropped as well.
    """
    if not run.shell:
        return [_bare(list(run.args), _PREFIXES if bare else frozenset())] if run.args else []
    found = (_bare(list(words), _PREFIXES if bare else RESERVED) for words in _read(_readable(run))[0])
    return [words for words in found if words]


def piped(run: Run) -> list[list[list[str]]]:
    """For each pipe in a shell form, the commands that stand before it."""
    if not run.shell:
        return []
    found, pipes = _read(_readable(run))
    return [[list(words) for words in found[:count]] for count in pipes]


# Every rule about RUN asks for the same commands.
@functools.lru_cache(maxsize=4096)
def _read(text: str) -> tuple[tuple[tuple[str, ...], ...], tuple[int, ...]]:
    found: Script = read(text)
    return tuple(map(tuple, found.commands)), tuple(found.pipes)


def _bare(words: list[str], prefixes: frozenset[str] | set[str]) -> list[str]:
    at = 0
    while at < len(words) and (words[at] in prefixes or _assignment(words[at])):
        sudo = words[at] in ("sudo", "nice")
        at += 1
        while sudo and at < len(words) and words[at].startswith("-"):
            at += 2 if words[at] in ("-u", "-g", "-n") else 1
    return words[at:]


def _assignment(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and name.isidentifier()


def program(words: list[str]) -> str:
    """The name of the program that `words` call, without its folder; `pip` for every version of it."""
    name = words[0].rsplit("/", 1)[-1]
    return "pip" if PIP.fullmatch(name) else name


def _takes(words: list[str]) -> frozenset[str]:
    name = program(words)
    known = _WITH_VALUE.get(_SAME.get(name, name))
    return _ANY if known is None else frozenset(known.split())


def operands(words: list[str]) -> list[str]:
    """The words after the program that are no flags: `apt-get -o A=b -y install curl` gives install, curl."""
    takes = _takes(words) if words else _ANY
    return [word for before, word in itertools.pairwise(words) if not word.startswith("-") and before not in takes]


def values(words: list[str], *flags: str) -> list[str]:
    """The values of any of `flags`, written after a space or an equals sign."""
    found = [word for before, word in itertools.pairwise(words) if before in flags]
    return found + [word.partition("=")[2] for word in words if "=" in word and word.partition("=")[0] in flags]


def verb(words: list[str]) -> str:
    """The first operand: what the program is asked to do."""
    return next(iter(operands(words)), "")


def calls(words: list[str], programs: tuple[str, ...], actions: tuple[str, ...]) -> bool:
    """Whether `words` call one of `programs` to do one of `actions`."""
    return program(words) in programs and verb(words) in actions


def python_pip(words: list[str]) -> list[str]:
    """`words`, beginning with pip where they call it through Python."""
    name = words[0].rsplit("/", 1)[-1]
    if re.fullmatch(r"(python|pypy)[\d.]*", name):
        for at, word in enumerate(words[1:3], 1):
            if re.fullmatch(r"-[A-Za-z]*m", word) and words[at + 1 : at + 2] == ["pip"]:
                return words[at + 1 :]
    return words


def short(text: str, most: int = 60) -> str:
    """`text` on one line, cut where it gets long."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
