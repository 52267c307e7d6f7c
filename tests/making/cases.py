"""Many small builds in one text file: a line `=== name`, settings, then the files that it has beside the common ones.

    === a-name
    arg NAME=value
    target stage
    link path target
    mode path 0755
    --- .dockerignore
    *.log
    --- Dockerfile
    FROM scratch

`arg`, `target` and `platform` are what the build is told; `link` and `mode` change the context. A line that would look
like one of these is written with a backslash before it.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

TIME = 1_600_000_000


@dataclass
class Case:
    """One build: what it is told, and what its context has beside the common files."""

    name: str
    args: dict[str, str] = field(default_factory=dict)
    target: str = ""
    platform: str = ""
    links: dict[str, str] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Lay the files into the context, with the time that all have there."""
        for name, text in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(_bytes(text))
        for name, target in self.links.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(target)
        for name, mode in self.modes.items():
            (folder / name).chmod(mode)
        for path in sorted(folder.rglob("*"), reverse=True):
            os.utime(path, (TIME, TIME), follow_symlinks=False)


def cases(path: Path) -> list[Case]:
    """The cases of a file in their order."""
    found: list[Case] = []
    name = ""
    for number, line in enumerate(path.read_bytes().decode().split("\n"), 1):
        if match := re.fullmatch(r"=== (\S+)", line):
            found.append(Case(match[1]))
            name = ""
        elif match := re.fullmatch(r"--- (.+)", line):
            name = match[1]
            found[-1].files[name] = ""
        elif name:
            found[-1].files[name] += line.removeprefix("\\") if re.match(r"\\(===|---) ", line) else line
            found[-1].files[name] += "\n"
        elif line and not line.startswith("#"):
            _set(found[-1], line, f"{path}:{number}")
    for case in found:
        for each, text in case.files.items():  # an empty line before the next case belongs to neither
            case.files[each] = text.removesuffix("\n") if text.endswith("\n\n") else text
    names = [case.name for case in found]
    assert len(names) == len(set(names)), f"{path}: {sorted({each for each in names if names.count(each) > 1})} twice"
    return found


def _set(case: Case, line: str, place: str) -> None:
    word, _, rest = line.partition(" ")
    one, _, two = rest.partition(" ")
    match word:
        case "arg":
            key, _, value = rest.partition("=")
            case.args[key] = value
        case "target":
            case.target = rest
        case "platform":
            case.platform = rest
        case "link":
            case.links[one] = two
        case "mode":
            case.modes[one] = int(two, 8)
        case _:
            raise AssertionError(f"{place}: {word!r} is no setting")


def _bytes(text: str) -> bytes:
    # `␍`, `␀` and `⇥` make visible what an editor would hide or change.
    return text.replace("␍", "\r").replace("⇥", "\t").encode()
