"""A registry that misbehaves on request: one repository `a/b` with one image, over real HTTP on loopback."""

import http.server
import json
import ssl
import threading
import time
from collections import Counter
from typing import Any

from dockyard.content.memory import Memory
from dockyard.images.image import Image
from dockyard.oci.digest import Digest


class FaultyRegistry:
    """Serves `image`. The attributes are the faults, `slow` in seconds; `seen` counts requests, `ranges` keeps Range
    headers.
    """

    def __init__(self, store: Memory, image: Image, tls: ssl.SSLContext | None = None) -> None:
        self.store, self.image = store, image
        self.fail_first = 0
        self.cut_first = 0
        self.ignore_ranges = False
        self.wrong_bytes = False
        self.slow = 0.0
        self.token = ""
        self.redirect_to = ""
        self.seen: Counter[str] = Counter()
        self.ranges: list[str] = []
        self.authorizations: list[str] = []
        registry = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: Any) -> None:
                pass

            def do_GET(self) -> None:
                registry.answer(self)

            do_HEAD = do_GET  # noqa: N815 (the server looks for this name)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.address = f"127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        """Answer one request, with its fault."""
        path = request.path
        time.sleep(self.slow)
        self.seen[path.rpartition("/")[2].partition("?")[0]] += 1
        self.authorizations.append(request.headers.get("Authorization", ""))
        if path.startswith("/token"):
            self._send(request, 200, json.dumps({"token": self.token, "expires_in": 300}).encode())
        elif self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            realm = f'Bearer realm="http://{self.address}/token",service="s",scope="repository:a/b:pull"'
            self._send(request, 401, b"{}", {"WWW-Authenticate": realm})
        elif self.fail_first:
            self.fail_first -= 1
            self._send(request, 500, b'{"errors":[{"code":"UNKNOWN","message":"oh no"}]}')
        elif "/manifests/" in path:
            raw = self.image.manifest.raw
            self._send(request, 200, raw, {"Content-Type": self.image.descriptor.media_type})
        elif self.redirect_to and "/blobs/" in path:
            self._send(request, 307, b"", {"Location": f"http://{self.redirect_to}{path}"})
        else:
            self._blob(request, Digest.parse(path.rpartition("/")[2]))

    def _blob(self, request: http.server.BaseHTTPRequestHandler, digest: Digest) -> None:
        data = self.store.blobs[digest]
        if self.wrong_bytes:
            data = data[:-1] + bytes([data[-1] ^ 1])
        status, headers = 200, {}
        wanted = request.headers.get("Range", "")
        if wanted:
            self.ranges.append(wanted)
            if not self.ignore_ranges:
                begin = int(wanted.removeprefix("bytes=").rstrip("-"))
                status, headers = 206, {"Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"}
                data = data[begin:]
        if self.cut_first and len(data) > 1000:
            self.cut_first -= 1
            request.send_response(status)
            request.send_header("Content-Length", str(len(data)))
            request.end_headers()
            request.wfile.write(data[: len(data) // 2])
            request.wfile.flush()
            request.close_connection = True
            request.connection.shutdown(2)
            return
        self._send(request, status, data, headers)

    @staticmethod
    def _send(
        request: http.server.BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        request.send_response(status)
        for key, value in (headers or {}).items():
            request.send_header(key, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)
