"""Three known Dockerfiles, built as they stand."""

import functools
import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dockyard.build.base.make import Order, make
from dockyard.content.layout import Layout
from dockyard.errors import TransientError
from dockyard.layers.layer import Layer
from dockyard.oci.reference import Reference
from making.apk import KEY_NAME, repository
from making.builds import Yard
from making.images import image, layer

Make = Callable[[Layout, str], Layer]
NGINX = b"#!/bin/sh\necho nginx version: nginx/1.22.1\n"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, bytes]]:
    """A local apk repository with nginx: its address and its public key."""
    folder = tmp_path / "apk"
    public = repository(folder, "nginx", "1.22.1-r0", {"usr/sbin/nginx": NGINX})
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", public
        server.shutdown()
        thread.join()


@pytest.fixture
def yard(root: None, tmp_path: Path, rootfs_layer: Make, served: tuple[str, bytes]) -> Yard:
    """A place to build in whose alpine:3.16 takes its packages from the local repository."""
    yard = Yard(tmp_path / "yard")
    alpine = rootfs_layer(yard.store, "alpine-minirootfs-3.16.9-x86_64.tar.gz")
    address, public = served
    settings = {"etc/apk/repositories": f"{address}\n".encode(), f"etc/apk/keys/{KEY_NAME}": public}
    made = image(yard.store, alpine, layer(yard.store, settings), config={"Cmd": ["/bin/sh"]})
    yard.store.tag("docker.io/library/alpine:3.16", made.descriptor)
    yard.write({"app/main.py": "print(1)\n", "app/static/a.css": "a{}\n"})
    return yard


ORDERS = {
    "run first": "FROM alpine:3.16\nRUN apk add --no-cache nginx\nCOPY ./app /usr/src/app\n",
    "copy first": "FROM alpine:3.16\nCOPY ./app /usr/src/app\nRUN apk add --no-cache nginx\n",
}


@pytest.mark.parametrize("order", ORDERS)
def test_nginx_from_a_package_and_the_application(yard: Yard, order: str) -> None:
    built = yard.build(ORDERS[order])
    tree = built.image.tree()
    assert tree.read("usr/sbin/nginx") == NGINX
    assert tree.read("usr/src/app/main.py") == b"print(1)\n"
    assert b"P:nginx" in tree.read("lib/apk/db/installed", limit=1 << 22)
    assert len(built.image.layers) == 4
    assert tree.get("etc/resolv.conf") is None
    assert any("Installing nginx" in line for line in yard.progress.lines)


@pytest.mark.parametrize("order", ORDERS)
def test_building_again_runs_no_step_and_writes_no_blob(yard: Yard, order: str) -> None:
    first = yard.build(ORDERS[order])
    blobs, lines = yard.blobs(), len(yard.progress.lines)
    second = yard.build(ORDERS[order])
    assert second.image.descriptor == first.image.descriptor
    assert [step.cached for step in second.steps] == [True, True]
    assert [step.cached for step in first.steps] == [False, False]
    assert yard.blobs() == blobs
    assert len(yard.progress.lines) == lines


def test_a_changed_file_reruns_only_what_comes_after(yard: Yard) -> None:
    yard.build(ORDERS["run first"])
    yard.write({"app/main.py": "print(2)\n"})
    again = yard.build(ORDERS["run first"])
    assert [step.cached for step in again.steps] == [True, False]
    assert again.image.tree().read("usr/src/app/main.py") == b"print(2)\n"
    assert [step.cached for step in yard.build(ORDERS["copy first"]).steps] == [False, False]
    yard.write({"app/main.py": "print(3)\n"})
    assert [step.cached for step in yard.build(ORDERS["copy first"]).steps] == [False, False]


GO = """\
FROM golang:1.19 AS build
WORKDIR /src
COPY . .
RUN CGO_ENABLED=0 go build -o /out/hello .
FROM alpine:3.16
COPY --from=build /out/hello /usr/local/bin/hello
RUN hello > /said
CMD ["hello"]
"""
MAIN = 'package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("hello from go") }\n'


@pytest.mark.timeout(600)
def test_go_in_one_stage_and_its_program_in_the_next(yard: Yard) -> None:
    keyring = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    if not keyring.exists():
        pytest.skip("debian-archive-keyring is not installed")
    order = Order.of("debian:bookworm", include=["golang-go"], full=True, keyring=keyring)
    try:
        make(order, yard.store, yard.data, tags=[Reference.parse("golang:1.19")])
    except TransientError as error:
        pytest.skip(f"the Debian archive cannot be reached: {error}")
    yard.write({"main.go": MAIN, "go.mod": "module hello\n\ngo 1.19\n"})
    built = yard.build(GO)
    tree = built.image.tree()
    assert tree.read("said") == b"hello from go\n"
    assert tree.get("src") is None
    assert tree.get("usr/lib/go-1.19") is None
    blobs = yard.blobs()
    again = yard.build(GO)
    assert again.image.descriptor == built.image.descriptor
    assert all(step.cached for step in again.steps)
    assert yard.blobs() == blobs
