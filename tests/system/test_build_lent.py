"""Caches from another machine under real runc: what of them is fetched, and what cache mounts bring along."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dockyard.build.cache.cache import StepCache
from dockyard.build.cache.exchange import exported, imported
from dockyard.build.ground import step_cache
from dockyard.build.lazy.lent import fetching
from dockyard.build.options import Options
from dockyard.content.copy import copy
from dockyard.content.layout import Layout
from dockyard.content.store import read
from dockyard.layers.layer import Layer
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.manifest import Manifest
from dockyard.progress import SILENT
from making.builds import Yard
from making.images import image

Make = Callable[[Layout, str], Layer]
TEXT = """\
FROM busybox AS tools
RUN echo tool > /tool && ln -s tool /link && adduser -D -u 70 app
FROM tools AS made
COPY --chown=app src /src
RUN --mount=type=bind,source=src,target=/s --mount=type=cache,target=/c,uid=70,mode=0711 cat /s/* > /c/n; cat /c/n > /m
FROM busybox
RUN --mount=type=bind,from=tools,source=link,target=/t --mount=type=bind,from=made,target=/b cat /t /b/m > /both
"""


@pytest.fixture
def yards(root: None, program: Callable[[str], str], tmp_path: Path, rootfs_layer: Make) -> tuple[Yard, Yard]:
    program("runc")
    both = Yard(tmp_path / "here"), Yard(tmp_path / "there")
    for yard in both:
        base = image(yard.store, rootfs_layer(yard.store, "busybox-glibc-amd64.tar.gz"), config={"Env": ["PATH=/bin"]})
        yard.store.tag("docker.io/library/busybox:latest", base.descriptor)
        yard.write({"src/a": "1\n", "src/b": "2\n"})
    return both


def sent(here: Yard, place: Layout, mode: str) -> Descriptor:
    built = here.build(TEXT, portable=True)
    digests = [layer.descriptor.digest for layer in built.image.layers]
    artifact = exported(here.store, built.cache, image=digests, mode=mode, mounts=built.cache.mounts)  # type: ignore[arg-type]
    copy(here.store, place, artifact)
    return artifact


def taken(there: Yard, place: Layout, artifact: Descriptor) -> StepCache:
    cache = step_cache(there.data, there.store, Options())
    imported(place, cache, artifact, fetching(there.store, place, SILENT))
    return cache


@pytest.mark.parametrize("mode", ["min", "max"])
def test_nothing_runs_where_nothing_changed_and_only_the_image_is_fetched(
    yards: tuple[Yard, Yard], tmp_path: Path, mode: str
) -> None:
    """Files have other times there, as after a checkout."""
    here, there = yards
    place = Layout(tmp_path / "place", create=True)
    artifact = sent(here, place, mode)
    built = there.build(TEXT, cache=taken(there, place, artifact))
    assert all(step.cached for step in built.steps)
    assert built.image.tree().read("both") == b"tool\n1\n2\n"
    sizes = {layer.digest for layer in Manifest(read(place, artifact), artifact.media_type).layers}
    assert {each for each in sizes if there.store.blob_path(each).exists()} == {
        layer.descriptor.digest for layer in built.image.layers[1:]
    }


@pytest.mark.parametrize("mode", ["min", "max"])
def test_a_changed_file_runs_what_takes_it_and_what_is_needed_for_that(
    yards: tuple[Yard, Yard], tmp_path: Path, mode: str
) -> None:
    here, there = yards
    place = Layout(tmp_path / "place", create=True)
    artifact = sent(here, place, mode)
    there.write({"src/b": "3\n"})
    built = there.build(TEXT, cache=taken(there, place, artifact))
    ran = [step.line for step in built.steps if not step.cached]
    assert ran == [*([2] if mode == "min" else []), 4, 5, 7]
    assert built.image.tree().read("both") == b"tool\n1\n3\n"
    assert there.build(TEXT).image.descriptor.digest == built.image.descriptor.digest


def test_a_cache_mount_comes_along_with_owner_and_mode_when_a_command_wants_it(
    yards: tuple[Yard, Yard], tmp_path: Path
) -> None:
    here, there = yards
    place = Layout(tmp_path / "place", create=True)
    artifact = sent(here, place, "max")
    cache = taken(there, place, artifact)
    built = there.build(TEXT, cache=cache, portable=True)
    assert not list((there.data / "cache" / "mounts").glob("*"))  # nothing wanted it
    digests = [layer.descriptor.digest for layer in built.image.layers]
    further = exported(there.store, cache, image=digests, mode="max", mounts=cache.mounts)
    copy(cache.offers, place, further)  # though it goes on from here
    there.write({"src/b": "3\n"})
    text = TEXT.replace("cat /s/* > /c/n;", "stat -c '%a %u' /c >> /c/n;")
    built = there.build(text, cache=taken(there, place, further))
    assert built.image.tree().read("both") == b"tool\n1\n2\n711 70\n"


def test_a_bind_from_the_context_counts_by_its_content(yards: tuple[Yard, Yard]) -> None:
    here, _ = yards
    text = "FROM busybox\nRUN --mount=type=bind,source=src,target=/s cat /s/* > /m\n"
    here.build(text)
    (here.context / "src" / "a").touch()
    assert all(step.cached for step in here.build(text).steps)
    (here.context / "src" / "a").chmod(0o755)
    assert not all(step.cached for step in here.build(text).steps)
