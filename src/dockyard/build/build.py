"""A Dockerfile and a context into an image, once per distinct input."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from dockyard._internal import leftover, redact
from dockyard._internal.confidential import Confidential
from dockyard.build import builds
from dockyard.build.ahead import Ahead
from dockyard.build.annotations import of
from dockyard.build.bases import Bases
from dockyard.build.budget import Budget, budget
from dockyard.build.cache import StepCache
from dockyard.build.check import TRUE, check, instructed
from dockyard.build.context import Context
from dockyard.build.contexts import ignore_rules, read_dockerfile
from dockyard.build.distant import elsewhere
from dockyard.build.epoch import Names, settled
from dockyard.build.events import Relay, Watch
from dockyard.build.gather import gathered
from dockyard.build.journal import Journal
from dockyard.build.options import Options
from dockyard.build.order import better
from dockyard.build.origins import Base, Origins
from dockyard.build.plan import Plan, predefined
from dockyard.build.recompress import forced, recompressor
from dockyard.build.state import State, rfc3339
from dockyard.build.tools import WORK, Halted, StepReport, Tools
from dockyard.content.layout import Layout
from dockyard.dockerfile import stages as language
from dockyard.dockerfile.ignore import IgnoreRules
from dockyard.dockerfile.node import Dockerfile
from dockyard.errors import UsageError
from dockyard.images.assemble import assemble
from dockyard.images.image import Image
from dockyard.layers.layer import Layer
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.digest import Digest
from dockyard.oci.manifest import encode
from dockyard.oci.mediatype import OCI_INDEX, named
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
    options = options or Options()
    cache = cache or step_cache(data, store, options)
    with store.in_use():  # until the image is tagged, steps count on layers that nothing names yet
        return _build(context, dockerfile, store, data, bases, options, cache, progress, journal, halted, ahead)


def _build(
    context: Path,
    dockerfile: Path | None,
    store: Layout,
    data: Path,
    bases: Bases,
    options: Options,
    cache: StepCache,
    progress: Progress,
    journal: Journal | None,
    halted: Halted | None,
    ahead: Ahead | None,
) -> BuildResult:
    began = time.monotonic()
    leftover.clear(data / WORK)
    path, parsed = read_dockerfile(context, dockerfile)
    check(instructed(parsed, options.build_args))
    platforms = list(dict.fromkeys(each.normal() for each in options.platforms or (Platform.host(),)))
    several = _several(options, platforms)
    files = taken(context, path, options, ahead)
    journal = journal or opened(Relay(progress), data, options, str(context), str(path))
    plans = []
    journal.begin()
    try:
        room = budget(options.processors, options.memory)
        for platform in platforms:
            plan = planned(parsed, path, files, platform, store, data, bases, options, cache, journal, room, halted)
            plan.build(language.target_stage(plan.stages, options.target))
            plans.append(plan)
    except BaseException as error:
        journal.end(error)
        raise
    journal.end()
    files.remember()
    images = {str(plan.platform): _assembled(store, plan, options) for plan in plans}
    host = str(Platform.host())
    image = images.get(host) or next(iter(images.values()))
    descriptor = image.descriptor
    if several:
        from dockyard.build.attestation import Facts, Wish, attested  # heavy, and seldom asked for

        facts = Facts(
            path.name,
            hashlib.sha256(path.read_bytes()).hexdigest(),
            _asked(options),
            options.build_args,
            {name: _mounted(parsed, plans[0], name) for name in ("secrets", "ssh")},
            {str(plan.platform): plan.origins.used for plan in plans},
            {str(plan.platform): plan.tools.materials for plan in plans},
            time.time() - (time.monotonic() - began),
            path.read_bytes(),
            options.labels,
            {name: redact.url(source) for name, source in options.contexts.items()},
            {
                str(plan.platform): [
                    {"line": each.line, "stage": each.stage, "text": each.text} for each in plan.reports
                ]
                for plan in plans
            },
            {str(plan.platform): _scanned(plan, options) for plan in plans if options.sbom},
        )
        wish = Wish(options.sbom, options.provenance, options.slsa)
        name = str(options.tags[0]) if options.tags else ""
        entries = attested(
            store, images, wish, facts, options.annotations, name=name, index=data / "index", epoch=plans[0].tools.epoch
        )
        descriptor = _index(store, entries, options)
    descriptor = _listed(descriptor, image, options, several=several)
    away = elsewhere(layer for plan in plans for layer in plan.result.layers)
    for tag in () if away else options.tags:
        store.tag(str(tag), descriptor)
    unused = sorted(set(options.build_args) - {name for plan in plans for name in plan.consumed} - _KNOWN_ARGS)
    if unused:
        journal.log(f"warning: no ARG takes these build arguments: {', '.join(unused)}")
    steps = [report for plan in plans for report in plan.reports]
    origins = {digest: name for plan in plans for digest, name in plan.origins.layers.items()}
    used = list({(base.reference, base.digest): base for plan in plans for base in plan.origins.used}.values())
    seconds, logs = round(time.monotonic() - began, 3), str(journal.folder or "")
    return BuildResult(descriptor, image, images, steps, used, seconds, cache, unused, logs, away, origins)


def taken(context: Path, dockerfile: Path, options: Options, ahead: Ahead | None = None) -> Context:
    """The files of the context, as far as its ignore file and what it came as let them through."""
    dated = options.made if options.made == context.stat().st_mtime else None  # a checkout with the commit's time
    rules = ignore_rules(context, dockerfile) if options.origin == "folder" else IgnoreRules()
    return Context(context, rules, dated, ahead, owned=options.origin == "archive")


def opened(watch: Watch, data: Path, options: Options, context: str, dockerfile: str) -> Journal:
    """A journal for a build with these options, kept below `data`; secrets' values stay out of it."""
    facts = {
        "context": redact.url(context),
        "dockerfile": dockerfile,
        "target": options.target,
        "tags": [str(tag) for tag in options.tags],
    }
    values = Confidential(secret.value for secret in options.secrets.values())
    return Journal(watch, builds.new(data), values, facts)


def step_cache(data: Path, store: Layout, options: Options) -> StepCache:
    """The cache of builds with these options."""
    known = (options.compression, options.level)
    variant = "" if known == ("gzip", "fast") else f".{options.compression}-{options.level}"
    return StepCache(data / "cache", store, variant, recompressor(store, options.compression, options.level))


# Arguments that steer the build itself, whether or not an ARG takes them.
_KNOWN_ARGS = frozenset(
    {"SOURCE_DATE_EPOCH", "BUILDKIT_CACHE_MOUNT_NS", "BUILDKIT_SYNTAX", "BUILDKIT_INLINE_CACHE"}
    | {"BUILDKIT_DOCKERFILE_CHECK", "BUILDKIT_SANDBOX_HOSTNAME", "BUILDKIT_MULTI_PLATFORM", "BUILDKIT_BUILD_NAME"}
    | {"BUILDKIT_CONTEXT_KEEP_GIT_DIR"}
    | {name for each in ("http", "https", "ftp", "no", "all") for name in (f"{each}_proxy", f"{each}_proxy".upper())}
)


def planned(
    parsed: Dockerfile,
    path: Path,
    context: Context,
    platform: Platform,
    store: Layout,
    data: Path,
    bases: Bases,
    options: Options,
    cache: StepCache,
    journal: Journal,
    room: Budget,
    halted: Halted | None = None,
) -> Plan:
    """A build for one platform, ready to begin; arguments are those of `build`, and the Dockerfile parsed."""
    global_args, stages = language.stages(parsed)
    given = dict(options.build_args)
    if options.epoch is not None:
        given.setdefault("SOURCE_DATE_EPOCH", str(options.epoch))
    origins = Origins(bases, options.contexts, platform)
    plan = Plan(stages, origins, given, platform, options, f"{context.root}\0{path}")
    values = plan.globals(global_args, parsed.escape)
    names = Names(options.made, options.contexts, stages, given, values, parsed.escape)
    epoch = settled(names, data, journal)
    plan.tools = Tools(
        store,
        data,
        cache,
        context,
        parsed.escape,
        epoch,
        given,
        values,
        journal,
        options.uncached,
        options.secrets,
        options.agents,
        options.hosts,
        options.network,
        options.insecure,
        room,
        options.compression,
        options.level,
        options.certificates,
        limits=options.limits,
        portable=options.portable,
        prefix=f"{platform} " if len(options.platforms) > 1 else "",
        halted=halted,
        host_network=options.host_network or options.network == "host",
    )
    return plan


def _assembled(store: Layout, plan: Plan, options: Options) -> Image:
    state: State = plan.result
    gathered(state, plan.tools, options.layers)
    if options.forced:
        state.layers = [forced(store, layer, options.compression, options.level) for layer in state.layers]
    if options.labels:
        state.config["Labels"] = {**(state.config.get("Labels") or {}), **options.labels}
    if options.platforms:
        _aimed(state, plan.platform)
    platform = Platform.from_json(state.platform).normal().to_json()
    others = {name: value for name, value in state.platform.items() if name not in ("os", "architecture", "variant")}
    epoch = plan.tools.epoch
    times = [str(item["created"]) for item in state.history if item.get("created")]
    created = max(times, default="1970-01-01T00:00:00Z") if epoch is None else rfc3339(epoch)
    author = {"author": state.author} if state.author else {}
    config = {"created": created, **author, **platform, **others, "config": state.config}
    if options.inline:
        from dockyard.build.exchange import INLINE_KEY, inline  # loaded only when it is asked for

        config[INLINE_KEY] = inline(plan.tools.cache, [layer.descriptor.digest for layer in state.layers])
    annotations = of(options.annotations, "manifest", plan.platform)
    return assemble(
        store,
        config=config,
        layers=state.layers,
        history=state.history,
        annotations=annotations,
        family=options.family,
    )


def _aimed(state: State, platform: Platform) -> None:
    """Say that the image is for the platform that was asked for, whatever its base says."""
    same = (state.platform.get("os"), state.platform.get("architecture")) == (platform.os, platform.architecture)
    variant = platform.variant or (state.platform.get("variant", "") if same else "")
    version = state.platform.get("os.version", "") if same else ""
    state.platform = {
        **Platform(platform.os, platform.architecture, variant).to_json(),
        **({"os.version": version} if version else {}),
    }


def _scanned(plan: Plan, options: Options) -> Mapping[str, Sequence[Layer]]:
    from dockyard.build.scanned import scanned

    return scanned(plan, language.target_stage(plan.stages, options.target))


def _asked(options: Options) -> dict[str, str]:
    """What the build is told beside arguments, labels and contexts, in BuildKit's words."""
    stages = sorted(options.uncached - {"*"})
    return {
        **({"target": options.target} if options.target else {}),
        **({"platform": ",".join(str(each) for each in options.platforms)} if options.platforms else {}),
        **({"no-cache": ",".join(stages)} if options.uncached else {}),
    }


def _mounted(parsed: Dockerfile, plan: Plan, kind: str) -> list[dict[str, Any]]:
    """The secrets or agents that the target's RUN steps ask for, as provenance tells them."""
    from dockyard.dockerfile.outline import outline

    options = plan.options
    values = predefined(plan.platform, options.target, options.build_args)
    asked = outline(parsed, options.target, options.build_args, values)[kind]
    return [{"id": each["id"], **({} if each["required"] else {"optional": True})} for each in asked]


def _several(options: Options, platforms: Sequence[Platform]) -> bool:
    """Whether the result is an index.

    Raises:
        UsageError: something is asked for that such a result cannot have.
    """
    attested = options.sbom or options.provenance
    if attested and options.family == "docker":
        raise UsageError(
            "attestations have no place in an image with Docker's media types", hint="Leave oci-mediatypes=false out."
        )
    several = len(platforms) > 1 or bool(attested) or options.build_args.get("BUILDKIT_MULTI_PLATFORM", "") in TRUE
    if not several and any(each.place.startswith("index") for each in options.annotations):
        raise UsageError(
            "an image for one platform has no index to annotate",
            hint="Annotate its manifest, or build for several platforms, with --provenance, or with "
            "--build-arg BUILDKIT_MULTI_PLATFORM=1.",
        )
    return several


def _index(store: Layout, manifests: list[dict[str, Any]], options: Options) -> Descriptor:
    """An index (image-spec, image-index.md) over one image a platform, and their attestations."""
    media_type = named(OCI_INDEX, options.family)
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_type, "manifests": manifests}
    annotations = of(options.annotations, "index")
    if annotations:
        document["annotations"] = annotations
    return store.add(media_type, encode(document))


def _listed(target: Descriptor, image: Image, options: Options, *, several: bool) -> Descriptor:
    """`target` as the list of an archive names it; when it was created is told there, too."""
    platform = None if several else image.config.platform
    told = {"org.opencontainers.image.created": str(image.config.document["created"])[:19] + "Z"}
    if several:
        told |= of(options.annotations, "index-descriptor")
    else:
        told |= of(options.annotations, "manifest-descriptor", image.config.platform.normal())
    return Descriptor(target.media_type, target.digest, target.size, dict(sorted(told.items())), platform)
