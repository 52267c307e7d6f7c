"""A registry as a process of its own, and the callers that show it who they are."""

import base64
import http.client
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

PROGRAM = str(Path(sys.executable).parent / "dockyard")
USER, PASSWORD = "bench", "a long password of a bench"
_FRESH_S = 60


class Served:
    """A registry; `ready` is how many seconds passed from its start to its first answer.

    Args:
        name: for people.
        port: on loopback.
        words: start it.
        environment: added to this process's.
        account: whether it wants a login; then requests carry a bearer token, fetched anew once a minute.
    """

    def __init__(
        self,
        name: str,
        port: int,
        words: list[str],
        environment: dict[str, str] | None = None,
        *,
        account: bool = False,
    ) -> None:
        self.name, self.port, self.account = name, port, account
        self._token, self._taken = "", float("-inf")
        began = time.monotonic()
        self.child = subprocess.Popen(
            words, env={**os.environ, **(environment or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while time.monotonic() < began + 20:
            try:
                self.asked("GET", "/v2/", b"", {})
                self.ready = time.monotonic() - began
                return
            except OSError:
                time.sleep(0.01)
        raise RuntimeError(f"{name} did not start")

    def headers(self) -> dict[str, str]:
        """What a request needs so that it is let in."""
        if not self.account:
            return {}
        if time.monotonic() - self._taken > _FRESH_S:
            names = ("bench/small", "bench/large", "bench/push", "bench/tags")
            scopes = "&".join(f"scope={quote(f'repository:{name}:pull,push')}" for name in names)
            _, _, raw = self.asked("GET", f"/token?service=dockyard&{scopes}", b"", basic())
            self._token, self._taken = str(json.loads(raw)["token"]), time.monotonic()
        return {"Authorization": f"Bearer {self._token}"}

    def ask(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Status and location of an answer."""
        status, where, _ = self.asked(method, path, body, {**self.headers(), **(headers or {})})
        return status, where

    def asked(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, str, bytes]:
        """Status, location and body of an answer; the request shows nobody but whom `headers` show."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            raw = answer.read()
            return answer.status, answer.getheader("Location") or "", raw
        finally:
            connection.close()

    def memory(self) -> float:
        """Proportional memory of its processes in MB."""
        pids = [str(self.child.pid)]
        listing = subprocess.run(["ps", "-o", "pid=", "--ppid", pids[0]], capture_output=True, text=True).stdout.split()
        total = 0
        for pid in [*pids, *listing]:
            try:
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue  # it has just ended
            found = re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)
            assert found is not None
            total += int(found[1])
        return total / 1024

    def end(self) -> None:
        """Stop it."""
        self.child.terminate()
        self.child.wait(20)


def basic() -> dict[str, str]:
    """The header of the account's own password."""
    return {"Authorization": f"Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"}


def account(storage: Path, home: Path) -> None:
    """Make the account, a system admin, in the storage of a server of ours that does not run yet."""
    words = [
        PROGRAM,
        "registry",
        "user",
        "add",
        USER,
        "--admin",
        "--password-stdin",
        "--new",
        "--storage",
        str(storage),
    ]
    environment = {**os.environ, "DOCKYARD_HOME": str(home)}
    subprocess.run(words, input=PASSWORD.encode(), check=True, capture_output=True, env=environment)
