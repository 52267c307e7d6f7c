"""The commands inside a RUN, as far as they can be told apart without being a shell."""

import functools
import itertools
import shlex

from dockyard.dockerfile.instructions import Run

_PREFIXES = ("sudo", "env", "exec", "time", "nice", "then", "do", "else", "if", "while", "!", "{")
_LONGEST = 200_000
# Flags of package managers whose value is the next word.
_WITH_VALUE = frozenset(
    [
        "-o",
        "-t",
        "-c",
        "-X",
        "--repository",
        "--virtual",
        "--target-release",
        "-r",
        "--requirement",
        "--constraint",
        "-i",
        "--index-url",
        "--extra-index-url",
        "--find-links",
        "--target",
        "--prefix",
        "--registry",
        "--enablerepo",
        "--disablerepo",
        "--releasever",
        "--setopt",
        "--installroot",
        "--root",
        "--arch",
        "--platform",
        "--python-version",
    ]
)


def script(run: Run) -> str:
    """The text that the shell gets; empty for the exec form."""
    if not run.shell:
        return ""
    text = run.args[0]
    if run.heredocs:
        first = text.strip()
        bodies = "\n".join(heredoc.body for heredoc in run.heredocs)
        return bodies if first.startswith("<<") and len(first.split()) == 1 else f"{text}\n{bodies}"
    return text


def commands(run: Run) -> list[list[str]]:
    """The words of each simple command; variables assigned before it and words like `sudo` are dropped."""
    if not run.shell:
        return [list(run.args)] if run.args else []
    return [list(words) for words in _commands(script(run)[:_LONGEST])]


# Every rule about RUN asks for the same commands.
@functools.lru_cache(maxsize=4096)
def _commands(text: str) -> tuple[tuple[str, ...], ...]:
    lexer = shlex.shlex(text.replace("\n", " ; "), posix=True, punctuation_chars=True)
    lexer.commenters = ""
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    try:
        for word in lexer:
            if word and not word.strip("();|&"):
                found.append([])
            else:
                found[-1].append(word)
    except ValueError:
        pass  # an open quote: what came before it still counts
    return tuple(tuple(words) for words in map(_bare, found) if words)


def _bare(words: list[str]) -> list[str]:
    at = 0
    while at < len(words) and (words[at] in _PREFIXES or _assignment(words[at])):
        at += 1
    return words[at:]


def _assignment(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and name.isidentifier()


def operands(words: list[str]) -> list[str]:
    """The words after the program that are no flags: `apt-get -o A=b -y install curl` gives install, curl."""
    return [
        word for before, word in itertools.pairwise(words) if not word.startswith("-") and before not in _WITH_VALUE
    ]


def values(words: list[str], *flags: str) -> list[str]:
    """The values of any of `flags`, written after a space or an equals sign."""
    found = [word for before, word in itertools.pairwise(words) if before in flags]
    return found + [word.partition("=")[2] for word in words if "=" in word and word.partition("=")[0] in flags]


def verb(words: list[str]) -> str:
    """The first operand: what the program is asked to do."""
    return next(iter(operands(words)), "")


def calls(words: list[str], programs: tuple[str, ...], actions: tuple[str, ...]) -> bool:
    """Whether `words` call one of `programs` to do one of `actions`."""
    return words[0].rsplit("/", 1)[-1] in programs and verb(words) in actions


def short(text: str, most: int = 60) -> str:
    """`text` on one line, cut where it gets long."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
