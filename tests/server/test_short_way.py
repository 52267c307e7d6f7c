"""The short way of hot requests: what it gives is what the long way gives, and nothing else goes it."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dockyard.oci.digest import Digest
from dockyard.registry.app.call import Ways
from dockyard.registry.app.quick import Answer, quick
from dockyard.registry.caller import CALLER, SYSTEM
from dockyard.registry.guard import Open, Pass
from dockyard.server.instance import Instance, open_instance
from dockyard.server.settings import Settings
from making.asgi import call
from making.pushed import image

NAME = "shop/web"
LAYER = b"layer" * 1000
BLOB = f"/v2/{NAME}/blobs/{Digest.of(LAYER)}"
MANIFEST = f"/v2/{NAME}/manifests/1"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[Instance]:
    instance = open_instance(Settings(storage=str(tmp_path / "registry")))
    image(instance.registry, NAME, "1", [LAYER])
    for path in (BLOB, MANIFEST):
        assert call(instance.app, "GET", path).status == 200
    yield instance
    CALLER.set(SYSTEM)  # the short way leaves its caller to its thread, which is this one here
    instance.close()


def short(
    instance: Instance, path: str, method: str = "GET", *headers: tuple[bytes, bytes], **ways: Any
) -> Answer | None:
    name, _, query = path.partition("?")
    scope = {"type": "http", "method": method, "path": name, "query_string": query.encode(), "headers": list(headers)}
    return quick(instance.registry, replace(Ways(), **ways))(scope)


def known(instance: Instance) -> None:
    """Skip where the file system cannot say whether a file is in memory."""
    path = instance.registry.blob(NAME, Digest.of(LAYER)).path
    assert path is not None
    with open(path, "rb") as stream:
        try:
            os.preadv(stream.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
        except OSError as error:
            pytest.skip(f"this file system cannot say what is in memory: {error}")


class Nobody(Open):
    """Knows nobody yet."""

    def known(self, authorization: str) -> Pass | None:
        return None


@pytest.mark.parametrize(("method", "path"), [("GET", MANIFEST), ("HEAD", MANIFEST), ("GET", BLOB)])
def test_both_ways_give_the_same(instance: Instance, method: str, path: str) -> None:
    if path == BLOB:
        known(instance)
    answer = short(instance, path, method)
    assert answer is not None
    # An Expect header is of no consequence, but not plain.
    long = call(instance.app, method, path, headers=[(b"expect", b"nothing")])
    assert (long.status, long.body) == (200, answer.message["body"])
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    assert headers == {name: value for name, value in long.headers.items() if name != "x-request-id"}
    whole = call(instance.app, method, path)
    assert {**whole.headers, "x-request-id": ""} == {**headers, "x-request-id": ""}
    assert whole.headers["x-request-id"]


def test_only_plain_requests_for_what_is_known_go_it(instance: Instance) -> None:
    for path, method, headers in [
        (BLOB, "HEAD", ()),
        (BLOB, "GET", ((b"range", b"bytes=0-1"),)),
        (MANIFEST, "GET", ((b"if-none-match", b"*"),)),
        (MANIFEST + "?ns=docker.io", "GET", ()),
        (f"/v2/{NAME}/manifests/2", "GET", ()),
        (f"/v2/{NAME}/tags/list", "GET", ()),
        ("/v2/", "GET", ()),
        ("/metrics", "GET", ()),
    ]:
        assert short(instance, path, method, *headers) is None, (path, method)
    assert short(instance, MANIFEST, guard=Nobody()) is None
    assert short(instance, BLOB, accel="/inner") is None


def test_what_has_changed_goes_the_long_way(instance: Instance) -> None:
    assert short(instance, MANIFEST) is not None
    second = image(instance.registry, NAME, "1", [LAYER, b"more"])
    assert short(instance, MANIFEST) is None
    assert call(instance.app, "GET", MANIFEST).headers["docker-content-digest"] == str(second)
    instance.registry.delete_manifest(NAME, "1")
    assert call(instance.app, "GET", MANIFEST).status == 404


def test_headers_beyond_the_limit_are_refused(instance: Instance) -> None:
    answer = call(instance.app, "GET", MANIFEST, headers=[(b"expect", b"x"), (b"x-long", b"y" * 70_000)])
    assert (answer.status, answer.headers["connection"]) == (431, "close")
