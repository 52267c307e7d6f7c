"""Comments that silence rules: Dockyard's own, Hadolint's and BuildKit's.

For the instruction below: `# dockyard ignore=pin-base,root-user`, `# hadolint ignore=DL3006`, `# check=skip=RuleName`.
For the whole file: `# dockyard global ignore=…`, `# hadolint global ignore=…`, and the directive `# check=skip=…` at
the top of the file.
"""

import re

from dockyard.dockerfile.node import Dockerfile

_OWN = re.compile(r"(?:dockyard|hadolint)[:\s]+(global\s+)?ignore\s*=\s*(.+)", re.IGNORECASE)
_CHECK = re.compile(r"check\s*=\s*(.+)", re.IGNORECASE)


def everywhere(dockerfile: Dockerfile) -> set[str]:
    """The names, in lower case, that are silenced in the whole file; `all` stands for every rule."""
    names = _skipped(dockerfile.directives.get("check", ""))
    for comment in dockerfile.comments.values():
        match = _OWN.fullmatch(comment)
        if match and match[1]:
            names |= _names(match[2])
    return names


def on_line(dockerfile: Dockerfile, line: int) -> set[str]:
    """The names, in lower case, that are silenced for the instruction on `line`."""
    names: set[str] = set()
    for node in dockerfile.nodes:
        if node.start_line <= line <= node.end_line:
            inside = [
                dockerfile.comments[each] for each in range(node.start_line, line + 1) if each in dockerfile.comments
            ]
            for comment in (*node.comments, *inside):
                own = _OWN.fullmatch(comment)
                check = _CHECK.fullmatch(comment)
                if own and not own[1]:
                    names |= _names(own[2])
                elif check and dockerfile.directives.get("check") != check[1].strip():
                    names |= _skipped(check[1])
    return names


def _skipped(text: str) -> set[str]:
    found: set[str] = set()
    for part in text.split(";"):
        key, _, value = part.partition("=")
        if key.strip().lower() == "skip":
            found |= _names(value)
    return found


def _names(text: str) -> set[str]:
    return {name.strip().lower() for name in re.split(r"[,\s]+", text) if name.strip()}
