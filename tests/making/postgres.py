"""A real PostgreSQL in a temporary folder, on 127.0.0.1, that can be stopped and started again."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from making.ports import free_port

_PROGRAMS = Path("/usr/lib/postgresql/15/bin")
# Nothing here has to survive the loss of power; `durable` asks for what does. Its own end loses nothing.
_QUICK = "fsync=off full_page_writes=off"


class Postgres:
    """One server. `url(name)` is the address of a database in it."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.folder, self.port = folder, free_port()
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
                [*self._as, str(_PROGRAMS / program), "-D", str(self.folder / "data"), *words],
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

    def url(self, name: str) -> str:
        """The address of the database `name`, which is made."""
        made = subprocess.run(
            [str(_PROGRAMS / "createdb"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "dockyard", name],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert made.returncode == 0, made.stderr
        return f"postgresql://dockyard@127.0.0.1:{self.port}/{name}"


@contextmanager
def postgres(*, durable: bool = False) -> Iterator[Postgres]:
    """A server for as long as the block lasts; skips the test where Debian's package is not installed."""
    if not (_PROGRAMS / "postgres").exists():
        pytest.skip(f"PostgreSQL 15 is not installed in {_PROGRAMS}")
    folder = Path(tempfile.mkdtemp(prefix="dockyard-postgres-"))
    try:
        server = Postgres(folder, durable=durable)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
