"""A real S3 server (moto) on loopback, and a front before it that throttles on request."""

import http.client
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from making.answering import Answering, Handler
from making.ports import free_port

KEYS = {"access_key_id": "somebody", "secret_access_key": "something", "region": "us-east-1"}
ENVIRONMENT = {f"AWS_{key.upper()}": value for key, value in KEYS.items()}
_SLOW_DOWN = (
    b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
)


class Moto:
    """The server's process. `url` is the address of a bucket for `open_objects`."""

    def __init__(self) -> None:
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.child = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "MOTO_S3_DEFAULT_MAX_KEYS": "1000"},
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{self.endpoint}/moto-api/", timeout=5).close()
                return
            except OSError:
                assert time.monotonic() < deadline, "moto did not start"
                assert self.child.poll() is None, "moto ended"
                time.sleep(0.1)

    def url(self, bucket: str, endpoint: str = "") -> str:
        """The address of a bucket, which is made."""
        made = urllib.request.Request(f"{self.endpoint}/{bucket}", method="PUT")
        urllib.request.urlopen(made, timeout=10).close()
        return f"s3://{bucket}/images?endpoint={endpoint or self.endpoint}"

    def close(self) -> None:
        """End it."""
        self.child.kill()
        self.child.wait()


@contextmanager
def moto() -> Iterator[Moto]:
    """An S3 server for as long as the block lasts."""
    server = Moto()
    try:
        yield server
    finally:
        server.close()


class Throttling:
    """Passes requests on to `port`, but answers every `each`-th with 503 SlowDown; all of them while `closed`."""

    def __init__(self, port: int, each: int) -> None:
        self.refused = self.count = 0
        self.closed = False
        front = self

        class Handling(Handler):
            def respond(self, body: bytes) -> None:
                front.count += 1
                if front.closed or front.count % each == 0:
                    front.refused += 1
                    self.answer(503, _SLOW_DOWN, {"Content-Type": "application/xml"})
                    return
                there = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                there.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for key, value in self.headers.items():
                    there.putheader(key, value)
                there.endheaders(body)
                found = there.getresponse()
                data = found.read()
                self.send_response(found.status)
                for key, value in found.getheaders():
                    if key.lower() not in ("connection", "transfer-encoding", "content-length", "server", "date"):
                        self.send_header(key, value)
                length = found.getheader("content-length") if self.command == "HEAD" else str(len(data))
                self.send_header("Content-Length", length or "0")
                self.end_headers()
                self.wfile.write(data)
                there.close()

        self._server = Answering(Handling)
        self.endpoint = self._server.url

    def close(self) -> None:
        """Stop passing on."""
        self._server.close()
