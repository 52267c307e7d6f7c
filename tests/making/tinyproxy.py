"""A real tinyproxy on loopback that wants a login, with names of its own for this machine."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from making.ports import free_port, listening

_TEXT = """
Port {port}
Listen 127.0.0.1
Timeout 60
MaxClients 50
LogLevel Connect
LogFile "{folder}/requests.log"
BasicAuth user geheim
"""


@contextmanager
def tinyproxy(program: str, folder: Path, *names: str) -> Iterator[str]:
    """Its URL, login included; `requests.log` in `folder` says what it was asked. Needs root, for the names."""
    port = free_port()
    folder.mkdir()
    (folder / "tinyproxy.conf").write_text(_TEXT.format(port=port, folder=folder))
    (folder / "hosts").write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", *names)))
    script = 'mount --make-rprivate / && mount --bind "$1/hosts" /etc/hosts && exec "$0" -d -c "$1/tinyproxy.conf"'
    with open(folder / "tinyproxy.log", "wb") as log:
        child = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", script, program, str(folder)], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        listening(port, child, folder / "tinyproxy.log")
        yield f"http://user:geheim@127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait(20)
