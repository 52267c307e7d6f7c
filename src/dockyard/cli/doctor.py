"""`dockyard doctor`: what this machine can do."""

import getpass
import os
import platform
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dockyard.cli import context, report

if TYPE_CHECKING:
    from dockyard.runtime.diagnosis import Diagnosis


class Check(NamedTuple):
    """Whether something is there, and what for."""

    what: str
    works: bool
    needed_for: str
    advice: str


def doctor(*, json: bool = False) -> None:
    """Say what this machine can do and what is missing.

    Args:
        json: print one JSON document.
    """
    folder = context.data_folder()
    lacking = _unwritable(folder)
    checks = [
        *_machine(),
        _check(
            "the data folder",
            "all but lint",
            f"{lacking}: set DOCKYARD_HOME to a folder of your own",
            works=not lacking,
        ),
    ]
    found = _run(folder, getpass.getuser()) if platform.system() == "Linux" and not lacking else None
    if json:
        report.result(
            {
                "data": str(folder),
                "run": found.to_json() if found is not None else None,
                "checks": [
                    {"check": each.what, "works": each.works, "needed_for": each.needed_for, "advice": each.advice}
                    for each in checks
                ],
            }
        )
        return
    print(f"data folder: {folder}")
    if found is not None:
        print(f"RUN steps:   {found.way}{f', network: {found.network}' if found.network else ''}")
        for lack in found.missing:
            print(f"  missing: {lack.what}\n    {lack.advice}")
    rows = [[each.what, "yes" if each.works else "NO", each.needed_for, each.advice] for each in checks]
    report.table(["CHECK", "WORKS", "NEEDED FOR", "ADVICE"], rows)


def _machine() -> Iterator[Check]:
    root = os.geteuid() == 0
    linux = platform.system() == "Linux"
    yield _check("Linux", "RUN, base --full, deploy", "Use a Linux machine for these.", works=linux)
    yield _check("root", "deploy", "Run it with sudo; all else works without.", works=root)
    systems = Path("/proc/filesystems")
    overlay = systems.exists() and "overlay" in systems.read_text()
    yield _check("overlayfs", "RUN, base --full, deploy", "Load it: modprobe overlay", works=overlay)
    yield _program("runc", "RUN, base --full, deploy")
    yield _program("unshare", "RUN, base --full, deploy")
    if not root:
        yield _program("newuidmap", "RUN without root")
        yield _program("slirp4netns", "a network of its own in RUN")
    yield _program("haproxy", "deploy")
    yield _program("gpgv", "base")
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    advice = "Install it: apt-get install debian-archive-keyring"
    yield _check("Debian's keyring", "base", advice, works=keyring.exists())


def _check(what: str, needed_for: str, advice: str, *, works: bool) -> Check:
    return Check(what, works, needed_for, "" if works else advice)


def _program(name: str, needed_for: str) -> Check:
    from dockyard._internal.process import ProgramMissingError, find

    try:
        find(name)
    except ProgramMissingError as error:
        return _check(name, needed_for, error.hint, works=False)
    return _check(name, needed_for, "", works=True)


def _unwritable(folder: Path) -> str:
    """Why nothing can be kept in `folder`; empty where it can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return f"{folder}: {error.strerror}"


def _run(folder: Path, user: str) -> "Diagnosis":
    from dockyard.runtime.diagnosis import diagnose

    return diagnose(folder, context.enter_namespace(), user)
