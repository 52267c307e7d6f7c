"""The server is killed again and again while it is pushed to and its receiver fails: every push is told of."""

import json
import random
import threading
import time
from pathlib import Path

import pytest
import urllib3

from dockyard.oci.digest import Digest
from dockyard.oci.mediatype import OCI_CONFIG, OCI_MANIFEST
from dockyard.server.webhooks import kept
from making.pushed import opened
from making.receivers import Receiver
from making.serving import Server

pytestmark = pytest.mark.system
CONFIG = b"{}"
SETTINGS = """
[webhooks]
private-addresses = true
timeout = 1.0
first-pause = 0.2
attempts = 40
"""


def push(http: urllib3.PoolManager, address: str, number: int) -> str | None:
    """The digest of what was pushed under the tag `number`; None where the server did not say that it has it."""
    base = f"http://{address}/v2/shop/web"
    digest = Digest.of(CONFIG)
    raw = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": str(digest), "size": len(CONFIG)},
            "layers": [],
            "annotations": {"number": str(number)},
        }
    ).encode()
    try:
        http.request("POST", f"{base}/blobs/uploads/?digest={digest}", body=CONFIG)
        headers = {"Content-Type": OCI_MANIFEST}
        answer = http.request("PUT", f"{base}/manifests/{number}", body=raw, headers=headers)
    except urllib3.exceptions.HTTPError:
        return None
    return str(Digest.of(raw)) if answer.status == 201 else None


def test_no_push_that_was_acknowledged_goes_untold(tmp_path: Path) -> None:
    rng = random.Random(1)
    receiver = Receiver()
    settings = tmp_path / "registry.toml"
    settings.write_text(SETTINGS)
    with opened(tmp_path / "registry") as instance:
        kept.add(instance.database, instance.seal, receiver.url, kinds=["push"])
    server = Server(tmp_path, "--config", str(settings))
    acknowledged: set[str] = set()
    ending = threading.Event()

    def pushing() -> None:
        http = urllib3.PoolManager(retries=False, timeout=5)
        number = 0
        while not ending.is_set():
            number += 1
            made = push(http, server.address, number)
            if made is not None:
                acknowledged.add(made)
            else:
                time.sleep(0.05)

    def failing() -> None:
        while not ending.wait(0.2):
            receiver.status = rng.choice((204, 204, 500))

    threads = [threading.Thread(target=each) for each in (pushing, failing)]
    try:
        for each in threads:
            each.start()
        for _ in range(5):
            time.sleep(rng.uniform(0.5, 1.5))
            server.kill()
            server.start()
        time.sleep(0.5)
        ending.set()
        for each in threads:
            each.join()
        receiver.status = 204
        deadline = time.monotonic() + 60
        told: set[str] = set()
        while not acknowledged <= told and time.monotonic() < deadline:
            time.sleep(0.2)
            told = {json.loads(each.body)["data"]["digest"] for each in list(receiver.requests)}
    finally:
        ending.set()
        server.kill()
        receiver.close()
    assert len(acknowledged) > 20
    assert acknowledged <= told
    numbers = {each.headers["webhook-id"] for each in receiver.requests}
    assert len(numbers) >= len(acknowledged)
