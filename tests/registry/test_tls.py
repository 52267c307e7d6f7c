"""TLS: an authority of one's own, and what insecure settings do and do not open."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dockyard._internal import retry
from dockyard.content.layout import Layout
from dockyard.content.memory import Memory
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.reference import Reference
from dockyard.registry.client import Client
from dockyard.registry.pull import pull
from dockyard.registry.settings import Settings, parse
from dockyard.registry.transport import RegistryUnreachableError
from making.authority import authority
from making.images import synthesize
from making.registries import FaultyRegistry


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "pauses", lambda: iter([0.0] * 99))


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
