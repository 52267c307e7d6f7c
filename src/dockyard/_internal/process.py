"""Other programs: finding them and running them."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from dockyard.errors import Error

_PACKAGES = {
    "runc": "runc",
    "haproxy": "haproxy",
    "gpgv": "gpgv",
    "newuidmap": "uidmap",
    "newgidmap": "uidmap",
    "pasta": "passt",
}


class ProgramMissingError(Error):
    """A program that this command needs is not installed."""

    reference = "program-missing"


class ProgramFailedError(Error):
    """A program that Dockyard ran ended with an error."""

    reference = "program-failed"


def find(name: str) -> str:
    """The path of the program `name`.

    Raises:
        ProgramMissingError: with the package that brings it as a hint.
    """
    # sbin holds haproxy on Debian and is not on an ordinary user's PATH.
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]))
    if found is None:
        package = _PACKAGES.get(name, name)
        raise ProgramMissingError(f"{name} is not installed", hint=f"Install it: apt-get install {package}")
    return found


def run(
    words: Sequence[str],
    *,
    input: bytes | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 600,
) -> bytes:
    """What `words` printed on its standard output.

    Raises:
        ProgramMissingError: there is no such program.
        ProgramFailedError: it exited with another status than 0, or ran longer than `timeout` seconds.
    """
    path = find(words[0])
    try:
        done = subprocess.run([path, *words[1:]], input=input, capture_output=True, env=env, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise ProgramFailedError(f"{words[0]} ran longer than {timeout:.0f} s") from error
    if done.returncode != 0:
        tail = done.stderr.decode(errors="replace").strip()[-2000:]
        raise ProgramFailedError(
            f"{words[0]} ended with status {done.returncode}: {tail}",
            context={"command": " ".join(words[:6])},
        )
    return done.stdout
