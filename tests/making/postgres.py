"""A real PostgreSQL in a temporary folder, on 127.0.0.1, that can be stopped and started again."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from making.ports import free_port

_VERSIONS = Path("/usr/lib/postgresql")  # Debian's releases have one each
# Nothing here has to survive the loss of power; `durable` asks for what does. Its own end loses nothing.
_QUICK = "fsync=off full_page_writes=off"


class Postgres:
    """One server. `url(name)` is the address of a new database in it, `fresh()` of one whose name does not matter."""

    def __init__(self, programs: Path, folder: Path, *, durable: bool = False) -> None:
        self.programs, self.folder, self.port = programs, folder, free_port()
        self._numbers = count()
        # PostgreSQL refuses to run as root, so root lends it the user that Debian's package made.
        self._as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
        if self._as:
            shutil.chown(folder, "postgres", "postgres")
        self._run("initdb", "--auth=trust", "--username=dockyard", "--encoding=UTF8", "--locale=C", "--no-sync")
        settings = "" if durable else _QUICK.replace(" ", "\n")
        text = f"listen_addresses='127.0.0.1'\nport={self.port}\nunix_socket_directories='{folder}'\n{settings}\n"
        with open(folder / "data" / "postgresql.conf", "a") as out:
            out.write(text)
        self.start()

    def _run(self, program: str, *words: str) -> None:
        # Output goes to a file: a pipe would stay open as long as the server that pg_ctl leaves behind.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [*self._as, str(self.programs / program), "-D", str(self.folder / "data"), *words],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                timeout=60,
                cwd="/",
            )
            output.seek(0)
            assert done.returncode == 0, output.read().decode()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._run("pg_ctl", "-w", "-l", str(self.folder / "log"), "start")

    def stop(self) -> None:
        """Stop it at once, with clients connected, as a crash does."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")

    def fresh(self) -> str:
        """The address of a new database."""
        return self.url(f"db{next(self._numbers)}")

    def url(self, name: str) -> str:
        """The address of the database `name`, which is made."""
        made = subprocess.run(
            [str(self.programs / "createdb"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "dockyard", name],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert made.returncode == 0, made.stderr
        return f"postgresql://dockyard@127.0.0.1:{self.port}/{name}"


@contextmanager
def postgres(*, durable: bool = False) -> Iterator[Postgres]:
    """A server for as long as the block lasts; skips the test where Debian's package is not installed."""
    found = sorted(_VERSIONS.glob("[0-9]*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip(f"PostgreSQL is not installed in {_VERSIONS}")
    folder = Path(tempfile.mkdtemp(prefix="dockyard-postgres-"))
    try:
        server = Postgres(found[-1].parent, folder, durable=durable)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
