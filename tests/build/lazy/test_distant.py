"""Bases that only a registry has: what of them a build fetches, and when."""

from pathlib import Path
from typing import BinaryIO

import pytest

from dockyard._internal import retry
from dockyard.build.build import BuildResult, build
from dockyard.build.cache.cache import StepCache
from dockyard.build.cache.exchange import exported, imported
from dockyard.build.ground import step_cache
from dockyard.build.lazy.distant import Reached
from dockyard.build.lazy.lent import fetching
from dockyard.build.options import Options
from dockyard.build.sources.bases import Bases
from dockyard.content.copy import copy
from dockyard.content.layout import Layout, TagNotFoundError
from dockyard.content.memory import Memory
from dockyard.errors import TransientError
from dockyard.images.assemble import assemble
from dockyard.images.image import Image
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.manifest import encode
from dockyard.oci.mediatype import OCI_INDEX
from dockyard.oci.platform import Platform
from dockyard.oci.reference import Reference
from dockyard.progress import SILENT
from dockyard.registry.client import Client
from dockyard.registry.pull import fetch
from making.builds import Yard
from making.images import layer, synthesize
from making.registries import FaultyRegistry

NAME = Reference.parse("registry.example/base:1")


class Afar:
    """A registry in memory with one image under `NAME`; keeps what was asked of it."""

    def __init__(self, store: Layout) -> None:
        self.memory = Memory()
        self.root = synthesize(self.memory, 7, layers=3).descriptor
        self.asked: list[Digest] = []
        self.found = 0
        self.down = False
        self._store = store

    def open(self, target: Descriptor) -> BinaryIO:
        self.asked.append(target.digest)
        return self.memory.open(target)

    def exists(self, target: Descriptor) -> bool:
        return self.memory.exists(target)

    def fetch(self, target: Descriptor) -> None:
        if self.down:
            raise TransientError("the registry is down")
        copy(self, self._store, target)

    def reach(self, reference: Reference) -> Reached:
        assert reference.repository == NAME.repository
        self.found += 1
        if self.down:
            raise TransientError("the registry is down")
        return Reached(self, self.root, self.memory.blobs[self.root.digest], self.fetch)

    @property
    def layers(self) -> set[Digest]:
        return {each.descriptor.digest for each in Image(self.root, self.memory).layers}


class Far(Yard):
    """A yard whose bases are afar."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.afar = Afar(self.store)
        self.always = False

    def build_on(self, dockerfile: str, cache: StepCache | None = None, **options: object) -> BuildResult:
        (self.context / "Dockerfile").write_text(dockerfile)
        bases = Bases(self.store, self.afar.reach, self.always)
        chosen = Options(tags=[Reference.parse("test:1")], **options)  # type: ignore[arg-type]
        return build(self.context, store=self.store, data=self.data, bases=bases, options=chosen, cache=cache)


@pytest.fixture
def yard(tmp_path: Path) -> Far:
    made = Far(tmp_path / "yard")
    made.write({"file": "one\n"})
    return made


def test_a_base_of_which_nothing_is_needed_is_not_fetched(yard: Far) -> None:
    built = yard.build_on(f"FROM {NAME} AS tools\nENV A=b\nFROM scratch\nCOPY file /\n")
    assert not yard.afar.found
    assert len(built.image.layers) == 1
    built = yard.build_on(f"FROM {NAME} AS tools\nENV A=b\nFROM scratch\nCOPY --from=tools / /\n")
    assert set(yard.afar.asked) >= yard.afar.layers
    assert yard.store.resolve(str(NAME)).digest == yard.afar.root.digest


def test_a_base_is_whole_in_the_store_once_it_was_needed_and_then_nobody_is_asked(yard: Far) -> None:
    built = yard.build_on(f"FROM {NAME}\nCOPY file /folder0/\n")
    # The manifest came when it was found; beside it configuration and three layers, each once.
    assert (yard.afar.found, len(yard.afar.asked), len(set(yard.afar.asked))) == (1, 4, 4)
    assert [each.descriptor.digest for each in built.image.layers[:-1]] == [
        each.descriptor.digest for each in Image(yard.afar.root, yard.afar.memory).layers
    ]
    assert built.image.tree().read("folder0/file") == b"one\n"
    yard.afar.asked.clear()
    again = yard.build_on(f"FROM {NAME}\nCOPY file /folder0/\n")
    assert again.image.descriptor.digest == built.image.descriptor.digest
    assert (yard.afar.found, yard.afar.asked) == (1, [])
    assert again.bases == built.bases
    yard.always = True
    yard.build_on(f"FROM {NAME}\nCOPY file /folder0/\n")
    assert yard.afar.found == 2


def test_bases_of_cached_stages_stay_where_they_are(yard: Far, tmp_path: Path) -> None:
    text = f"FROM {NAME} AS made\nCOPY file /folder0/\nFROM scratch\nCOPY --from=made /folder0/file /out\n"
    built = yard.build_on(text, portable=True)
    place = Layout(tmp_path / "place", create=True)
    digests = [each.descriptor.digest for each in built.image.layers]
    artifact = exported(yard.store, built.cache, image=digests, mode="max", mounts={})
    copy(yard.store, place, artifact)
    there = Far(tmp_path / "there")
    there.write({"file": "one\n"})
    cache = step_cache(there.data, there.store, Options())
    imported(place, cache, artifact, fetching(there.store, place, SILENT))
    again = there.build_on(text, cache)
    assert all(step.cached for step in again.steps)
    assert again.image.tree().read("out") == b"one\n"
    assert not set(there.afar.asked) & there.afar.layers
    with pytest.raises(TagNotFoundError):
        there.store.resolve(str(NAME))


def test_what_only_goes_to_a_registry_leaves_its_base_there_and_has_no_name_here(yard: Far) -> None:
    text = f"FROM {NAME}\nENV A=b\n"
    built = yard.build_on(text, keep=False)
    assert set(built.elsewhere) == yard.afar.layers
    assert not set(yard.afar.asked) & yard.afar.layers
    with pytest.raises(TagNotFoundError):
        yard.store.resolve("docker.io/library/test:1")
    whole = yard.build_on(text)
    assert whole.image.descriptor.digest == built.image.descriptor.digest
    assert yard.store.resolve("docker.io/library/test:1").digest == built.image.descriptor.digest
    assert not yard.build_on(text, keep=False).elsewhere


def test_a_registry_that_is_down_is_what_the_build_says_and_nothing_is_tagged(yard: Far) -> None:
    reach = yard.afar.reach

    def falling(reference: Reference) -> Reached:
        found = reach(reference)
        yard.afar.down = True
        return found

    yard.afar.reach = falling  # type: ignore[method-assign]
    with pytest.raises(TransientError, match="is down") as failed:
        yard.build_on(f"FROM {NAME}\nCOPY file /folder0/\n")
    assert failed.value.exit_code == 3
    for name in (str(NAME), "docker.io/library/test:1"):
        with pytest.raises(TagNotFoundError):
            yard.store.resolve(name)
    yard.afar.down, yard.afar.reach = False, reach  # type: ignore[method-assign]
    assert yard.build_on(f"FROM {NAME}\nCOPY file /folder0/\n").image.tree().read("folder0/file") == b"one\n"


def several(memory: Memory) -> tuple[Descriptor, dict[str, Image]]:
    """An index over two platforms' images."""
    images = {
        architecture: assemble(
            memory,
            config={"architecture": architecture, "os": "linux", "config": {}},
            layers=[layer(memory, {"machine": architecture.encode()})],
            history=[{"created_by": "x"}],
        )
        for architecture in ("amd64", "arm64")
    }
    entries = [
        {**image.descriptor.to_json(), "platform": {"os": "linux", "architecture": name}}
        for name, image in images.items()
    ]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    return memory.add(OCI_INDEX, encode(document)), images


def test_each_platform_gets_its_own_image_of_the_base(yard: Far) -> None:
    yard.afar.root, images = several(yard.afar.memory)
    both = [Platform("linux", "amd64"), Platform("linux", "arm64")]
    for _ in range(2):  # and again, when the store knows one of them by the name
        built = yard.build_on(f"FROM {NAME}\nCOPY file /\n", platforms=both)
        for name, image in built.images.items():
            assert image.tree().read("machine").decode() == name.removeprefix("linux/")
            assert image.layers[0].descriptor == images[name.removeprefix("linux/")].layers[0].descriptor


def test_a_base_pinned_by_an_index_s_digest_is_asked_for_once(yard: Far) -> None:
    yard.afar.root, _ = several(yard.afar.memory)
    text = f"FROM {NAME.with_digest(yard.afar.root.digest)}\nCOPY file /\n"
    built = yard.build_on(text)
    assert built.bases[0].digest == yard.afar.root.digest
    yard.afar.down = True
    again = yard.build_on(text)
    assert (again.image.descriptor, again.bases) == (built.image.descriptor, built.bases)
    assert yard.afar.found == 1


def test_another_platform_s_image_in_the_store_serves_where_no_registry_has_better(yard: Far) -> None:
    yard.build_on(f"FROM {NAME}\nCOPY file /\n")
    yard.afar.down = True
    built = yard.build_on(f"FROM {NAME}\nCOPY file /\n", platforms=[Platform("linux", "arm64")])
    assert built.image.config.platform.architecture == "arm64"


def test_a_base_by_digest_whose_manifest_alone_is_in_the_store_is_fetched(yard: Far) -> None:
    with yard.afar.memory.open(yard.afar.root) as stream:
        yard.store.put(yard.afar.root, stream)
    built = yard.build_on(f"FROM {NAME.with_digest(yard.afar.root.digest)}\nCOPY file /folder0/\n")
    assert built.image.tree().read("folder0/file") == b"one\n"
    assert built.bases[0].pinned


def test_layers_are_fetched_with_pull_s_own_tries(yard: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "pauses", lambda: iter([0.0] * 99))
    registry = FaultyRegistry(Memory(), synthesize(Memory(), 1))
    registry.image = synthesize(registry.store, 1, layers=3, files=4, size=40_000)
    try:
        name = Reference.parse(f"{registry.address}/a/b:1")
        repository, root, raw = Client(None, lambda _: None).find(name)
        registry.cut_first = 3
        (yard.context / "Dockerfile").write_text(f"FROM {name}\nCOPY file /folder0/\n")

        def reach(_: Reference) -> Reached:
            return Reached(repository, root, raw, lambda target: fetch(target, repository, yard.store))

        built = build(yard.context, store=yard.store, data=yard.data, bases=Bases(yard.store, reach))
        assert built.image.tree().read("folder0/file") == b"one\n"
        assert registry.ranges
    finally:
        registry.close()
