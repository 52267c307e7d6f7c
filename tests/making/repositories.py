"""Real Git repositories behind a real git daemon."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from making.ports import free_port, listening

# The commits' time, and so their names, are the same in every run.
MADE = 1_500_000_000


class Repositories:
    """Repositories below `folder`, at `url`/NAME."""

    def __init__(self, git: str, folder: Path, port: int) -> None:
        self._git, self.folder, self.url = git, folder, f"git://127.0.0.1:{port}"

    def run(self, name: str, *words: str) -> str:
        """What `git` prints, run in a repository; commits by it are made at `MADE`."""
        date = f"{MADE} +0000"
        environment = {**os.environ, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "LC_ALL": "C"}
        settings = ["user.name=A", "user.email=a@example.org", "protocol.file.allow=always"]
        options = [word for each in settings for word in ("-c", each)]
        return subprocess.run(
            [self._git, *options, *words],
            cwd=self.folder / name,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def begin(self, name: str) -> Path:
        """A new repository with the branch main; its folder."""
        (self.folder / name).mkdir(parents=True)
        self.run(name, "init", "--quiet", "--initial-branch=main")
        return self.folder / name

    def commit(self, name: str, message: str) -> str:
        """Commit all that is there; the commit."""
        self.run(name, "add", "-A")
        self.run(name, "commit", "-qm", message)
        return self.run(name, "rev-parse", "HEAD")


@contextmanager
def served(folder: Path) -> Iterator[Repositories]:
    """A daemon that gives out what is below `folder`."""
    git = shutil.which("git")
    assert git is not None
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    words = [git, "daemon", "--export-all", f"--base-path={folder}", "--listen=127.0.0.1", f"--port={port}"]
    daemon = subprocess.Popen(words, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        listening(port, daemon)
        yield Repositories(git, folder, port)
    finally:
        os.killpg(daemon.pid, 15)
        daemon.wait()
