"""Ships as far as the registry: which platforms are built, judged and signed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec.structs import replace

from dockyard.build.sources.bases import Bases
from dockyard.content.layout import Layout
from dockyard.deploy.settings import DeploySettings, HealthSettings
from dockyard.errors import UsageError
from dockyard.oci.manifest import Index
from dockyard.oci.mediatype import traits
from dockyard.oci.platform import Platform, PlatformInvalidError
from dockyard.oci.reference import Reference
from dockyard.pipeline import ship as ships
from dockyard.pipeline.settings import BuildSettings, ImageSettings, Settings
from dockyard.pipeline.ship import Means, ship
from dockyard.policy.settings import Policy
from dockyard.progress import SILENT
from dockyard.registry.client import Client
from dockyard.signing.keys import public_of
from dockyard.signing.place import RegistryPlace
from dockyard.signing.verify import examine
from making.serving import Server

KEY = ec.generate_private_key(ec.SECP256R1())
HOST, OTHER = str(Platform.host()), "linux/riscv64"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "f").write_text("x")
    (folder / "Dockerfile").write_text(
        "FROM scratch\nARG TARGETPLATFORM\nLABEL for=$TARGETPLATFORM\nCOPY f /f\nUSER 1\n"
    )
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("ship"))
    yield started
    started.kill()


def means(tmp_path: Path) -> Means:
    store = Layout(tmp_path / "store", create=True)
    client = Client(None, lambda _: None)
    return Means(store, tmp_path, client, Bases(store), lambda: KEY, [public_of(KEY)], SILENT)


def settings(address: str, *platforms: str, **more: Any) -> Settings:
    policy = Policy(require=["non-root", "signed", "sbom"], tags=["semver"])
    return Settings(
        ImageSettings(f"{address}/team/web"), BuildSettings(platforms=list(platforms)), policy=policy, **more
    )


@pytest.mark.slow
def test_of_several_platforms_each_is_judged_and_signed_and_the_index_over_them(
    server: Server, folder: Path, tmp_path: Path
) -> None:
    work = means(tmp_path)
    record = ship(folder, settings(server.address, HOST, OTHER), "1.0.0", work, {})
    both = sorted((HOST, OTHER))

    def each(kind: str) -> list[str]:
        return [f"{kind} {platform}" for platform in both]

    signed = [*each("sign"), "sign index"]
    steps = ["lint", "build", *each("scan"), *each("policy"), "push", *signed, *each("verdict")]
    assert [step["step"] for step in record["steps"]] == steps
    reference = Reference.parse(f"{server.address}/team/web:1.0.0")
    repository = work.client.repository(reference)
    index = repository.resolve("1.0.0")
    assert (str(index.digest), traits(index.media_type).role) == (record["digest"], "index")
    place = RegistryPlace(repository)
    assert len(examine(index, work.public_keys, place=place)[0]) == 1
    for image in Index(place.read(index, 1 << 20)).manifests:
        assert len(examine(image, work.public_keys, place=place)[0]) == 2
    again = ship(folder, settings(server.address, HOST, OTHER), "1.0.0", work, {})
    repeated = {step["status"] for step in again["steps"] if step["step"].startswith(("build", "push", "sign"))}
    assert repeated == {"already done"}


@pytest.mark.slow
def test_the_one_platform_that_is_named_is_the_one_that_is_built(server: Server, folder: Path, tmp_path: Path) -> None:
    record = ship(folder, settings(server.address, OTHER), "1.0.1", means(tmp_path), {})
    (built,) = [each for each in record["steps"] if each["step"] == "build"]
    assert built["platforms"] == [OTHER]


def test_what_this_machine_cannot_run_is_not_built_to_be_deployed_on_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ships, "need_root", lambda: None)
    with pytest.raises(UsageError, match=f"{OTHER} alone"):
        ship(folder, settings("127.0.0.1:9", OTHER, deploy=DeploySettings(port=1)), "1.0.0", means(tmp_path), {})
    assert not [path for path in (tmp_path / "store" / "blobs").rglob("*") if path.is_file()]


def test_a_platform_that_is_none_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PlatformInvalidError):
        ship(folder, settings("127.0.0.1:9", "toaster"), "1.0.0", means(tmp_path), {})


@pytest.mark.parametrize(
    "more",
    [
        {"deploy": DeploySettings(strategy="canary")},
        {"deploy": DeploySettings(drain="long")},
        {"deploy": DeploySettings(name="Not A Name")},
        {"deploy": DeploySettings(), "health": HealthSettings(interval="often")},
        {"image": ImageSettings("127.0.0.1:9/team/web:2")},
        {"image": ImageSettings(f"127.0.0.1:9/team/web@sha256:{'a' * 64}")},
    ],
)
def test_settings_that_cannot_be_carried_out_are_refused_before_anything_is_built(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    monkeypatch.setattr(ships, "need_root", lambda: None)
    wrong = replace(settings("127.0.0.1:9"), **more)
    with pytest.raises(UsageError):
        ship(folder, wrong, "1.0.0", means(tmp_path), {})
    assert not [path for path in (tmp_path / "store" / "blobs").rglob("*") if path.is_file()]
