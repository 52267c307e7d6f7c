"""TLS: an authority of one's own, and what insecure settings do and do not open."""

import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dockyard._internal import retry
from dockyard.content.layout import Layout
from dockyard.content.memory import Memory
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.reference import Reference
from dockyard.registry.client import Client
from dockyard.registry.pull import pull
from dockyard.registry.settings import Settings, parse
from dockyard.registry.transport import RegistryUnreachableError
from making.images import synthesize
from making.registries import FaultyRegistry


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "pauses", lambda: iter([0.0] * 99))


def authority(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A file with an authority's certificate, and what a server on 127.0.0.1 needs that it has vouched for."""
    key, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)

    def certificate(subject: x509.Name, public: ec.EllipticCurvePublicKey, ca: bool) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(public)
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now - dt.timedelta(days=1))
        made = made.not_valid_after(now + dt.timedelta(days=1))
        return made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)

    root = certificate(issuer, key.public_key(), True).sign(key, hashes.SHA256())
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry")])
    leaf = certificate(subject, server.public_key(), False).add_extension(alternative, critical=False)
    pem = folder / f"{name}.pem"
    pem.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    both = folder / f"{name}-server.pem"
    both.write_bytes(
        server.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + leaf.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return pem, context


@pytest.fixture
def ours(tmp_path: Path) -> Iterator[tuple[FaultyRegistry, Path]]:
    store = Memory()
    pem, context = authority(tmp_path, "ours")
    registry = FaultyRegistry(store, synthesize(store, 1, layers=2, files=4, size=40_000), context)
    yield registry, pem
    registry.close()


def fetched(registry: FaultyRegistry, tmp_path: Path, text: str) -> Descriptor:
    settings: Settings = parse(text.replace("HOST", registry.address).encode())
    store = Layout(tmp_path / "store", create=True)
    client = Client(settings, lambda _: None)
    return pull(Reference.parse(f"{registry.address}/a/b:1"), store, client=client)


def test_an_authority_of_one_s_own_is_trusted_where_it_is_named(
    ours: tuple[FaultyRegistry, Path], tmp_path: Path
) -> None:
    registry, pem = ours
    found = fetched(registry, tmp_path, f'[registries."HOST"]\nca = "{pem}"\n')
    assert found.digest == registry.image.descriptor.digest


def test_another_authority_is_not_enough(ours: tuple[FaultyRegistry, Path], tmp_path: Path) -> None:
    registry, _ = ours
    other, _ = authority(tmp_path, "other")
    with pytest.raises(RegistryUnreachableError, match=r"(?i)certificate"):
        fetched(registry, tmp_path, f'[registries."HOST"]\nca = "{other}"\n')


def test_a_mirror_s_certificate_is_checked_and_an_insecure_one_s_is_not(
    ours: tuple[FaultyRegistry, Path], tmp_path: Path
) -> None:
    registry, _ = ours
    mirrored = f'[registries."hub.invalid"]\nmirrors = ["https://{registry.address}"]\n'
    store = Layout(tmp_path / "store", create=True)
    wanted = Reference.parse("hub.invalid/a/b:1")
    with pytest.raises(RegistryUnreachableError):
        pull(wanted, store, client=Client(parse(mirrored.encode()), lambda _: None))
    assert registry.seen == {}
    insecure = parse((mirrored + f'[registries."{registry.address}"]\ninsecure = true\n').encode())
    found = pull(wanted, store, client=Client(insecure, lambda _: None))
    assert found.digest == registry.image.descriptor.digest


def test_an_insecure_registry_may_speak_tls_with_any_certificate_or_none_at_all(
    ours: tuple[FaultyRegistry, Path], tmp_path: Path
) -> None:
    registry, _ = ours
    found = fetched(registry, tmp_path, '[registries."HOST"]\ninsecure = true\n')
    assert found.digest == registry.image.descriptor.digest
    plain = FaultyRegistry(registry.store, registry.image)
    try:
        assert fetched(plain, tmp_path, '[registries."HOST"]\ninsecure = true\n').digest == found.digest
    finally:
        plain.close()


def test_a_file_of_authorities_that_is_not_there_is_named(ours: tuple[FaultyRegistry, Path], tmp_path: Path) -> None:
    registry, _ = ours
    with pytest.raises(Exception, match=r"absent\.pem|No such file|authorit") as refused:
        fetched(registry, tmp_path, f'[registries."HOST"]\nca = "{tmp_path}/absent.pem"\n')
    assert "Traceback" not in str(refused.value)
