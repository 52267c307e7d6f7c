"""Comments that silence rules: Dockyard's own, Hadolint's and BuildKit's.

For the instruction below: `# dockyard ignore=pin-base,root-user`, `# hadolint ignore=DL3006`, `# check=skip=RuleName`,
and for what ShellCheck says `# shellcheck disable=SC2086`. What follows another `#` is your reason.
For the whole file: `# dockyard global ignore=…`, `# hadolint global ignore=…`, and the directive `# check=skip=…` at
the top of the file. There `# check=error=true` makes errors of what BuildKit's rules find,
`# check=experimental=all` (or a rule's name) runs rules that are off otherwise, and parts are joined with `;`:
`# check=skip=StageNameCasing;error=true`.
`# dockyard shell=bash` or `# hadolint shell=bash` says which shell runs the RUNs below, to the end of the stage; above
the first FROM it holds for every stage.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from dockyard.dockerfile.node import Dockerfile

REASON = "#"
_OWN = re.compile(r"(?:dockyard|hadolint)[:\s]+(global\s+)?ignore\s*=\s*([^#]+)(?:#.*)?", re.IGNORECASE)
_SHELLCHECK = re.compile(r"shellcheck\s+(?:\w+=\S+\s+)*disable=([\w,]+)(?:\s.*)?", re.IGNORECASE)
_CHECK = re.compile(r"check\s*=\s*(.+)", re.IGNORECASE)
_SHELL = re.compile(r"(?:dockyard|hadolint)[:\s]+shell\s*=\s*(\S+).*", re.IGNORECASE)


def everywhere(dockerfile: Dockerfile, *, pragmas: bool = True) -> set[str]:
    """The names, in lower case, that are silenced in the whole file; `all` stands for every rule.

    Without `pragmas` only the check directive counts.
    """
    names = _listed(dockerfile.directives.get("check", ""), "skip")
    for comment in dockerfile.comments.values() if pragmas else ():
        match = _OWN.fullmatch(comment)
        if match and match[1]:
            names |= _names(match[2])
    return names


def on_line(dockerfile: Dockerfile, line: int) -> set[str]:
    """The names, in lower case, that are silenced for the instruction on `line`."""
    names: set[str] = set()
    at = bisect_right(dockerfile.nodes, line, key=lambda node: node.start_line)
    node = dockerfile.nodes[at - 1] if at else None
    if node is None or line > node.end_line:
        return names
    inside = [dockerfile.comments[each] for each in range(node.start_line, line + 1) if each in dockerfile.comments]
    for comment in (*node.comments, *inside):
        own = _OWN.fullmatch(comment)
        check = _CHECK.fullmatch(comment)
        if own and not own[1]:
            names |= _names(own[2])
        elif check and dockerfile.directives.get("check") != check[1].strip():
            names |= _listed(check[1], "skip")
        elif shellcheck := _SHELLCHECK.fullmatch(comment):
            names |= _names(shellcheck[1])
    return names


def experimental(dockerfile: Dockerfile) -> set[str]:
    """The names, in lower case, of rules that the check directive asks for though they are off otherwise."""
    return _listed(dockerfile.directives.get("check", ""), "experimental")


def errors(dockerfile: Dockerfile, aliases: Iterable[str]) -> bool:
    """Whether the check directive makes errors of what a rule with these other names finds.

    It speaks of BuildKit's rules, whose names, other than Hadolint's, hold no digits.
    """
    wanted = _listed(dockerfile.directives.get("check", ""), "error") & {"true", "1", "t"}
    return bool(wanted) and any(alias.isalpha() for alias in aliases)


def shells(dockerfile: Dockerfile) -> Iterator[tuple[int, str]]:
    """The comments that name a shell: the line, and the shell in lower case."""
    for line, comment in sorted(dockerfile.comments.items()):
        match = _SHELL.fullmatch(comment)
        if match:
            yield line, match[1].lower()


def silencing(dockerfile: Dockerfile) -> Iterator[tuple[int, str]]:
    """The comments that silence something: the line, and the comment."""
    for line, comment in sorted(dockerfile.comments.items()):
        check = _CHECK.fullmatch(comment)
        skips = check is not None and bool(_listed(check[1], "skip"))
        if skips or _OWN.fullmatch(comment) or _SHELLCHECK.fullmatch(comment):
            yield line, comment


def _listed(text: str, wanted: str) -> set[str]:
    found: set[str] = set()
    for part in text.split(";"):
        key, _, value = part.partition("=")
        if key.strip().lower() == wanted:
            found |= _names(value)
    return found


def _names(text: str) -> set[str]:
    return {name.strip().lower() for name in re.split(r"[,\s]+", text) if name.strip()}
