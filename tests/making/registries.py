"""A registry that misbehaves on request: one repository `a/b` with one image, over real HTTP on loopback."""

import json
import ssl
import time
from collections import Counter

from dockyard.content.memory import Memory
from dockyard.images.image import Image
from dockyard.oci.digest import Digest
from making.answering import Answering, Handler


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
        self.redirect_to = self.location = self.realm = ""
        self.seen: Counter[str] = Counter()
        self.ranges: list[str] = []
        self.authorizations: list[str] = []
        registry = self

        class Handling(Handler):
            def respond(self, body: bytes) -> None:
                registry.respond(self)

        self._server = Answering(Handling, tls)
        self.address = self._server.address

    def close(self) -> None:
        """Stop serving."""
        self._server.close()

    def respond(self, request: Handler) -> None:
        """Answer one request, with its fault."""
        path = request.path
        time.sleep(self.slow)
        self.seen[path.rpartition("/")[2].partition("?")[0]] += 1
        self.authorizations.append(request.headers.get("Authorization", ""))
        if path.startswith("/token"):
            request.answer(200, json.dumps({"token": self.token, "expires_in": 300}).encode())
        elif self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            place = self.realm or f"http://{self.address}/token"
            realm = f'Bearer realm="{place}",service="s",scope="repository:a/b:pull"'
            request.answer(401, b"{}", {"WWW-Authenticate": realm})
        elif self.fail_first:
            self.fail_first -= 1
            request.answer(500, b'{"errors":[{"code":"UNKNOWN","message":"oh no"}]}')
        elif "/manifests/" in path:
            raw = self.image.manifest.raw
            request.answer(200, raw, {"Content-Type": self.image.descriptor.media_type})
        elif self.redirect_to and "/blobs/" in path:
            request.answer(307, b"", {"Location": f"http://{self.redirect_to}{path}"})
        elif self.location and "/blobs/" in path:
            request.answer(307, b"", {"Location": self.location})
        else:
            self._blob(request, Digest.parse(path.rpartition("/")[2]))

    def _blob(self, request: Handler, digest: Digest) -> None:
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
        request.answer(status, data, headers)
