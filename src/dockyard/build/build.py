"""A Dockerfile and a context into an image, once per distinct input."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from dockyard._internal import leftover
from dockyard.build.budget import budget
from dockyard.build.cache.cache import StepCache
from dockyard.build.check import check, instructed
from dockyard.build.events import Relay
from dockyard.build.ground import Ground, context_files, open_journal, step_cache
from dockyard.build.journal import Journal
from dockyard.build.lazy.distant import elsewhere
from dockyard.build.options import Options
from dockyard.build.order import better
from dockyard.build.origins import Base
from dockyard.build.plan import Plan
from dockyard.build.result import index
from dockyard.build.result.assembled import assembled
from dockyard.build.sources.ahead import Ahead
from dockyard.build.sources.bases import Bases
from dockyard.build.sources.contexts import read_dockerfile
from dockyard.build.tools import WORK, Halted, StepReport
from dockyard.content.layout import Layout
from dockyard.dockerfile import stages as language
from dockyard.images.image import Image
from dockyard.layers.layer import Layer
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.platform import Platform
from dockyard.oci.reference import Reference
from dockyard.progress import SILENT, Progress


class BuildResult(msgspec.Struct, frozen=True):
    """What was built, and how it came to be.

    Attributes:
        descriptor: of what was tagged: the image's manifest, or the index over several platforms' images; as an
            index names it, with its annotations, time and platform.
        image: the image, of several the one for this machine or the first.
        images: every image by its platform.
        cache: what it looked steps up in; knows which it used.
        logs: the folder of the journal.
        elsewhere: a base's layers that are not in the store; where there are any, the image has no name there.
        origins: the name of the base that a layer is known from.
    """

    descriptor: Descriptor
    image: Image
    images: Mapping[str, Image]
    steps: Sequence[StepReport]
    bases: Sequence[Base]
    seconds: float
    cache: StepCache
    unused: Sequence[str] = msgspec.field(default=())
    logs: str = ""
    elsewhere: Mapping[Digest, Layer] = msgspec.field(default_factory=dict)
    origins: Mapping[Digest, Reference] = msgspec.field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "digest": str(self.descriptor.digest),
            "image_id": str(self.image.manifest.config.digest),
            "size": sum(layer.descriptor.size for layer in self.image.layers),
            "seconds": self.seconds,
            "platforms": sorted(self.images),
            "bases": [each.to_json() for each in self.bases],
            "steps": [each.to_json() for each in self.steps],
            "better_order": [each.to_json() for each in better(self.steps)],
            "logs": self.logs,
            "unused_build_args": list(self.unused),
        }


def build(
    context: Path,
    *,
    dockerfile: Path | None = None,
    store: Layout,
    data: Path,
    bases: Bases,
    options: Options | None = None,
    cache: StepCache | None = None,
    progress: Progress = SILENT,
    journal: Journal | None = None,
    halted: Halted | None = None,
    ahead: Ahead | None = None,
) -> BuildResult:
    """Build the stage that `options` names (the last by default) and tag the image in `store`.

    Args:
        context: the folder that COPY and ADD take from.
        dockerfile: the file; the context's own by default (`names.within`).
        store: gets layers and image.
        data: holds the cache, unpacked layers and folders to work in.
        bases: finds the images of FROM and --from.
        options: everything else.
        cache: as `step_cache` makes it, where records were put into it beforehand.
        progress: gets a task a step, and the output of RUN, where there is no `journal`.
        journal: takes everything down; by default one that keeps logs below `data`.
        halted: called where a RUN has failed, while its container's files are still there.
        ahead: what is known of the context from the last build of it; gets what this one sees.

    Interrupting is safe: run it again, and finished steps are not done again. Stages that do not need each other run
    side by side, and those that nothing needs never.

    Raises:
        DockerfileInvalidError, NotSupportedYetError, SourceMissingError, ContextEscapeError, RunFailedError, …: each
            names its line; no tag changes.
    """
    began = time.monotonic()
    options = options or Options()
    with store.in_use():  # until the image is tagged, steps count on layers that nothing names yet
        leftover.clear(data / WORK)
        path, parsed = read_dockerfile(context, dockerfile)
        check(instructed(parsed, options.build_args))
        platforms = list(dict.fromkeys(each.normal() for each in options.platforms or (Platform.host(),)))
        several = index.wanted(options, platforms)
        ground = Ground(
            path,
            parsed,
            context_files(context, path, options, ahead),
            store,
            data,
            bases,
            options,
            cache or step_cache(data, store, options),
            journal or open_journal(Relay(progress), data, options, str(context), str(path)),
            budget(options.processors, options.memory),
            halted,
        )
        return _finished(ground, _carried_out(ground, platforms), began, several=several)


def _carried_out(ground: Ground, platforms: Sequence[Platform]) -> list[Plan]:
    """Build the target for each platform, and take down how it went."""
    plans = []
    ground.journal.begin()
    try:
        for platform in platforms:
            plan = ground.plan(platform)
            plan.build(language.target_stage(plan.stages, ground.options.target))
            plans.append(plan)
    except BaseException as error:
        ground.journal.end(error)
        raise
    ground.journal.end()
    ground.context.remember()
    return plans


def _finished(ground: Ground, plans: Sequence[Plan], began: float, *, several: bool) -> BuildResult:
    """Make images of what was built, and tag them."""
    options, store = ground.options, ground.store
    images = {str(plan.platform): assembled(plan) for plan in plans}
    image = images.get(str(Platform.host())) or next(iter(images.values()))
    descriptor = image.descriptor
    if several:
        descriptor = index.index(ground, plans, images, time.time() - (time.monotonic() - began))
    descriptor = index.listed(descriptor, image, options, several=several)
    away = elsewhere(layer for plan in plans for layer in plan.result.layers)
    for tag in () if away else options.tags:
        store.tag(str(tag), descriptor)
    used = {(base.reference, base.digest): base for plan in plans for base in plan.origins.used}
    return BuildResult(
        descriptor=descriptor,
        image=image,
        images=images,
        steps=[report for plan in plans for report in plan.reports],
        bases=list(used.values()),
        seconds=round(time.monotonic() - began, 3),
        cache=ground.cache,
        unused=_unused(ground, plans),
        logs=str(ground.journal.folder or ""),
        elsewhere=away,
        origins={digest: name for plan in plans for digest, name in plan.origins.layers.items()},
    )


# Arguments that steer the build itself, whether or not an ARG takes them.
_KNOWN_ARGS = frozenset(
    {"SOURCE_DATE_EPOCH", "BUILDKIT_CACHE_MOUNT_NS", "BUILDKIT_SYNTAX", "BUILDKIT_INLINE_CACHE"}
    | {"BUILDKIT_DOCKERFILE_CHECK", "BUILDKIT_SANDBOX_HOSTNAME", "BUILDKIT_MULTI_PLATFORM", "BUILDKIT_BUILD_NAME"}
    | {"BUILDKIT_CONTEXT_KEEP_GIT_DIR"}
    | {name for each in ("http", "https", "ftp", "no", "all") for name in (f"{each}_proxy", f"{each}_proxy".upper())}
)


def _unused(ground: Ground, plans: Sequence[Plan]) -> list[str]:
    """The build arguments that nothing took, which is told."""
    consumed = {name for plan in plans for name in plan.consumed}
    unused = sorted(set(ground.options.build_args) - consumed - _KNOWN_ARGS)
    if unused:
        ground.journal.log(f"warning: no ARG takes these build arguments: {', '.join(unused)}")
    return unused
