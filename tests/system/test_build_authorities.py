"""`--ca-bundle`: RUN steps trust further authorities, and nothing of them stays."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dockyard.content.layout import Layout
from dockyard.layers.layer import Layer
from making.builds import Yard, members
from making.images import image

Make = Callable[[Layout, str], Layer]
BUNDLE = b"-----BEGIN CERTIFICATE-----\nY29ycG9yYXRlLXByb3h5LWF1dGhvcml0eQ==\n-----END CERTIFICATE-----\n"
MARK = b"Y29ycG9yYXRlLXByb3h5LWF1dGhvcml0eQ=="
KNOWN = "/etc/ssl/certs/ca-certificates.crt"


@pytest.fixture
def yard(root: None, program: Callable[[str], str], tmp_path: Path, rootfs_layer: Make) -> Yard:
    program("runc")
    yard = Yard(tmp_path / "yard")
    alpine = rootfs_layer(yard.store, "alpine-minirootfs-3.16.9-x86_64.tar.gz")
    yard.store.tag("docker.io/library/alpine:3.16", image(yard.store, alpine).descriptor)
    return yard


def everything(yard: Yard) -> bytes:
    """What is kept of builds anywhere, uncompressed."""
    kept = b""
    for path in yard.data.rglob("*"):
        if path.is_file() and not path.is_symlink():
            kept += path.read_bytes()
    for name, descriptor in yard.store.tags().items():
        if "test" in name:
            from dockyard.images.image import open_image

            for layer in open_image(yard.store, descriptor).layers:
                with layer.open_uncompressed() as stream:
                    kept += stream.read()
    return kept


def test_programs_find_the_authorities_and_nothing_of_them_stays(yard: Yard) -> None:
    text = (
        "FROM alpine:3.16\n"
        f"RUN for f in $SSL_CERT_FILE $CURL_CA_BUNDLE $NODE_EXTRA_CA_CERTS {KNOWN} /etc/ssl/cert.pem;"
        f" do grep -q {MARK[:9].decode()} $f && test $(grep -c BEGIN $f) -gt 100 || exit 1; done\n"
        "RUN env > /env && ! echo x >> $SSL_CERT_FILE\n"
    )
    built = yard.build(text, certificates=BUNDLE)
    tree = built.image.tree()
    assert members(built) == {"env": ("file", 0o644, 0, 0)}
    assert MARK not in tree.read(KNOWN)
    assert tree.get("run/dockyard") is None
    assert MARK not in everything(yard)
    assert not any("CERT" in each for each in built.image.config.environment)


def test_the_cache_knows_nothing_of_them(yard: Yard) -> None:
    text = "FROM alpine:3.16\nRUN echo made > /made\n"
    first = yard.build(text, certificates=BUNDLE, epoch=1_700_000_000)
    again = yard.build(text, epoch=1_700_000_000)
    assert [step.cached for step in again.steps] == [True]
    assert first.image.descriptor.digest == again.image.descriptor.digest


@pytest.mark.parametrize(
    ("command", "content"),
    [
        ("chmod 600 {}", ""),
        ("echo further >> {}", "further\n"),
        ("cat {0} > /tmp/x && echo further >> /tmp/x && mv /tmp/x {0}", "further\n"),
    ],
)
def test_a_command_may_write_to_the_images_bundle(yard: Yard, command: str, content: str) -> None:
    before = yard.build("FROM alpine:3.16\nRUN true\n").image.tree().read(KNOWN)
    built = yard.build(f"FROM alpine:3.16\nRUN {command.format(KNOWN)}\n", certificates=BUNDLE)
    tree = built.image.tree()
    assert tree.read(KNOWN) == before + content.encode()
    assert MARK not in everything(yard)


def test_a_command_may_replace_the_images_bundle(yard: Yard) -> None:
    text = f"FROM alpine:3.16\nRUN echo mine > /etc/new && mv -f /etc/new {KNOWN}\nRUN rm {KNOWN}\n"
    built = yard.build(text, certificates=BUNDLE)
    assert built.image.tree().get(KNOWN.lstrip("/")) is None


def test_what_the_dockerfile_says_of_them_holds(yard: Yard) -> None:
    text = "FROM alpine:3.16\nENV SSL_CERT_FILE=/mine\nRUN test $SSL_CERT_FILE = /mine\n"
    yard.build(text, certificates=BUNDLE)
