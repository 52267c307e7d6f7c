"""Base images from a small archive of our own: signatures, hashes, dependencies, reproducibility."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dockyard._internal import retry
from dockyard.build.base.make import DistributionUnknownError, Made, Order, make
from dockyard.content.distribution import (
    ArchiveUnreachableError,
    HashWrongError,
    ReleaseExpiredError,
    SignatureWrongError,
)
from dockyard.content.layout import Layout
from dockyard.errors import Error
from dockyard.images.image import Image
from dockyard.oci.reference import Reference
from dockyard.packages.inventory import inventory
from dockyard.packages.resolve import PackageUnknownError, UnsatisfiableError
from making.debs import TinyArchive

ALWAYS = ("base-files", "netbase", "tzdata")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


class Served:
    """The archive behind HTTP, and bases made from it."""

    def __init__(self, archive: TinyArchive, url: str, path: Path) -> None:
        self.archive, self.url, self.path = archive, url, path

    def make(self, *include: str, home: str = "home", keyring: Path | None = None) -> tuple[Made, Layout]:
        data = self.path / home
        store = Layout(data / "store", create=True)
        order = Order.of(
            "debian:bookworm",
            include=include,
            mirror=self.url,
            security_mirror=self.url,
            keyring=keyring or self.archive.keyring,
        )
        return make(order, store, data, tags=[Reference.parse("made:1")]), store


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setattr(retry, "pauses", lambda: iter([0.0] * 9))
    root = tmp_path / "archive"
    root.mkdir()
    archive = TinyArchive(root)
    for name in ALWAYS:
        archive.add(name, "1", {f"usr/share/{name}": b"x"})
    archive.add(
        "app", "2.0", {"bin/app": b"#!/bin/app", "etc/app.conf": b""}, Depends="libapp (>= 1.5), dpkg, virtual | none"
    )
    archive.add("libapp", "1.0", {"lib/libapp.so": b"old"})
    archive.add("libapp", "1.10", {"lib/libapp.so": b"new"}, Conflicts="rival")
    archive.add("provider", "1", {"usr/share/provider": b""}, Provides="virtual (= 3)")
    archive.add("rival", "1", {"usr/share/rival": b""})
    archive.add("needy", "1", {}, Depends="app (>= 3)")
    archive.publish()
    handler = functools.partial(_Quiet, directory=str(root))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Served(archive, f"http://127.0.0.1:{server.server_port}", tmp_path)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        archive.close()


def test_packages_and_what_they_need_become_an_image_that_scanners_understand(served: Served) -> None:
    made, store = served.make("app")
    image = Image(made.descriptor, store)
    tree = image.tree()
    assert tree.read("usr/bin/app") == tree.read("bin/app") == b"#!/bin/app"
    assert tree.read("lib/libapp.so") == b"new", "the highest version"
    held = {(each.name, each.version) for each in inventory(image.layers).packages}
    assert held == {("app", "2.0"), ("libapp", "1.10"), ("provider", "1"), *((name, "1") for name in ALWAYS)}
    assert store.resolve("docker.io/library/made:1").digest == made.descriptor.digest
    again, _ = served.make("app")
    assert again.cached
    assert again.descriptor.digest == made.descriptor.digest


def test_the_same_index_gives_the_same_digest_elsewhere(served: Served) -> None:
    first, _ = served.make("app", home="one")
    second, _ = served.make("app", home="two")
    assert not second.cached
    assert first.descriptor.digest == second.descriptor.digest


def refused(served: Served, kind: type[Error], *include: str, keyring: Path | None = None) -> Error:
    with pytest.raises(kind) as caught:
        served.make(*include, keyring=keyring)
    assert Layout(served.path / "home" / "store").tags() == {}
    return caught.value


def test_an_unknown_package_is_refused_with_the_nearest_name(served: Served) -> None:
    assert "provider" in refused(served, PackageUnknownError, "provder").hint


def test_dependencies_that_cannot_be_met_are_refused(served: Served) -> None:
    assert "app (>= 3)" in refused(served, UnsatisfiableError, "needy").message
    assert "conflicts" in refused(served, UnsatisfiableError, "app", "rival").message


def test_a_release_that_is_not_signed_by_the_keyring_is_refused(served: Served, tmp_path: Path) -> None:
    empty = tmp_path / "empty.gpg"
    empty.write_bytes(b"")
    refused(served, SignatureWrongError, "app", keyring=empty)
    served.archive.publish(signed=False)
    refused(served, SignatureWrongError, "app")


def test_a_signed_release_that_was_changed_is_refused(served: Served) -> None:
    path = served.archive.root / "dists/bookworm/InRelease"
    path.write_bytes(path.read_bytes().replace(b"Suite: bookworm", b"Suite: bookwork"))
    refused(served, SignatureWrongError, "app")


def test_an_expired_release_is_refused(served: Served) -> None:
    served.archive.publish(valid="Wed, 01 Jan 2020 00:00:00 UTC")
    refused(served, ReleaseExpiredError, "app")


def test_a_package_that_is_not_the_one_in_the_index_is_refused(served: Served) -> None:
    path = served.archive.root / "pool" / "app_2.0.deb"
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(bytes(data))
    refused(served, HashWrongError, "app")


def test_an_index_that_is_not_the_one_in_the_release_is_refused(served: Served) -> None:
    path = served.archive.root / "dists/bookworm/main/binary-amd64/Packages.xz"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    refused(served, HashWrongError, "app")


def test_a_missing_file_is_a_transient_error(served: Served) -> None:
    (served.archive.root / "pool" / "app_2.0.deb").unlink()
    assert refused(served, ArchiveUnreachableError, "app").exit_code == 3


@pytest.mark.parametrize("name", ["ubuntu:24.04", "debian", "debian:potato", "alpine"])
def test_other_distributions_are_refused_by_name(name: str) -> None:
    with pytest.raises(DistributionUnknownError, match=name):
        Order.of(name)
