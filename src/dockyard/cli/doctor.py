"""`dockyard doctor`: what this machine can do."""

import getpass
import os
import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from dockyard.cli import context, report

if TYPE_CHECKING:
    from dockyard.runtime.diagnosis import Diagnosis


def doctor(*, json: bool = False) -> None:
    """Say what this machine can do and what is missing.

    Args:
        json: print one JSON document.
    """
    from dockyard._internal.process import ProgramMissingError, find

    checks: list[tuple[str, bool, str, str]] = []

    def check(what: str, good: bool, needed: str, advice: str) -> None:
        checks.append((what, good, needed, "" if good else advice))

    def program(name: str, needed: str) -> None:
        try:
            check(name, bool(find(name)), needed, "")
        except ProgramMissingError as error:
            check(name, False, needed, error.hint)

    linux = platform.system() == "Linux"
    root, user = os.geteuid() == 0, getpass.getuser()
    check("Linux", linux, "RUN, base --full, deploy", "Use a Linux machine for these.")
    check("root", root, "deploy", "Run it with sudo; all else works without.")
    systems = Path("/proc/filesystems")
    overlay = systems.exists() and "overlay" in systems.read_text()
    check("overlayfs", overlay, "RUN, base --full, deploy", "Load it: modprobe overlay")
    program("runc", "RUN, base --full, deploy")
    program("unshare", "RUN, base --full, deploy")
    if not root:
        program("newuidmap", "RUN without root")
        program("slirp4netns", "a network of its own in RUN")
    program("haproxy", "deploy")
    program("gpgv", "base")
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    check("Debian's keyring", keyring.exists(), "base", "Install it: apt-get install debian-archive-keyring")
    folder = context.data_folder()
    lacking = _unwritable(folder)
    check("the data folder", not lacking, "all but lint", f"{lacking}: set DOCKYARD_HOME to a folder of your own")
    found = _run(folder, user) if linux and not lacking else None
    if json:
        report.result(
            {
                "data": str(folder),
                "run": found.to_json() if found is not None else None,
                "checks": [{"check": c, "works": g, "needed_for": n, "advice": a} for c, g, n, a in checks],
            }
        )
        return
    print(f"data folder: {folder}")
    if found is not None:
        print(f"RUN steps:   {found.way}{f', network: {found.network}' if found.network else ''}")
        for lack in found.missing:
            print(f"  missing: {lack.what}\n    {lack.advice}")
    rows = [[what, "yes" if good else "NO", needed, advice] for what, good, needed, advice in checks]
    report.table(["CHECK", "WORKS", "NEEDED FOR", "ADVICE"], rows)


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
