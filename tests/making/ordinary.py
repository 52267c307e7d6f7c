"""An ordinary user of this machine, made for a test and removed after it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_SOURCE = Path(__file__).parents[2] / "src"


def interpreter() -> str | None:
    """A Python of this version that everyone may run; the one that runs the tests may be in root's home."""
    for path in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        real = Path(path).resolve()
        if real.exists() and all(each.stat().st_mode & 0o001 for each in [real, *real.parents]):
            return path
    return None


def packages() -> str:
    """Where this Python finds what Dockyard stands on, and Dockyard itself."""
    import msgspec

    return os.pathsep.join([str(_SOURCE), str(Path(msgspec.__file__).parents[1])])


@dataclass(frozen=True)
class Ordinary:
    """The user, his home, and a Python that he may run."""

    name: str
    home: Path
    python: str

    def words(self, *words: str) -> list[str]:
        """The command line that runs `words` as this user in a clean environment."""
        clean = ["env", "-i", f"HOME={self.home}", f"USER={self.name}", "PATH=/usr/bin:/bin", "LANG=C.UTF-8"]
        clean.append(f"PYTHONPATH={packages()}")
        return [*clean, "setpriv", f"--reuid={self.name}", f"--regid={self.name}", "--init-groups", *words]

    def dockyard(
        self, *words: str, env: dict[str, str] | None = None, before: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run Dockyard as this user; `before` are root's words before everything."""
        further = ["env", *(f"{name}={value}" for name, value in (env or {}).items())]
        command = [*before, *self.words(*further, self.python, "-m", "dockyard.cli.main", *words)]
        return subprocess.run(command, capture_output=True, text=True, timeout=180, cwd="/")

    def write(self, name: str, content: bytes | str) -> Path:
        """A file of this user in his home."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        for each in [path, *path.parents]:
            if self.home in each.parents:
                shutil.chown(each, self.name, self.name)
        return path


@contextmanager
def ordinary_user(name: str, python: str, *, subordinate: bool) -> Iterator[Ordinary]:
    """A user with 65536 subordinate IDs, or with none."""
    home = Path(tempfile.mkdtemp(prefix="dockyard-user-", dir="/var/tmp"))
    none = [] if subordinate else ["-K", "SUB_UID_COUNT=0", "-K", "SUB_GID_COUNT=0"]
    subprocess.run(["useradd", "--no-create-home", "--home-dir", str(home), *none, name], check=True)
    try:
        shutil.chown(home, name, name)
        home.chmod(0o755)
        yield Ordinary(name, home, python)
    finally:
        subprocess.run(["userdel", "--force", name], check=True)
        shutil.rmtree(home)
