"""`--cache-from` and `--cache-to`: where a build's cache comes from and goes to."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from dockyard.cli import context
from dockyard.cli.fields import pairs
from dockyard.errors import Error, UsageError

if TYPE_CHECKING:
    from dockyard.build.build import BuildResult
    from dockyard.build.cache.cache import StepCache
    from dockyard.build.cache.exchange import Mode
    from dockyard.build.lazy.lent import Bring
    from dockyard.content.layout import Layout
    from dockyard.content.objects import Bucket, Objects
    from dockyard.content.store import Reader
    from dockyard.oci.descriptor import Descriptor
    from dockyard.progress import Progress

_TIME = r"(\d+(\.\d+)?[hms])+"
_SPANS = {"h": 3600, "m": 60, "s": 1}
_HINT = "Write type=local,dest=FOLDER,mode=max, type=registry,ref=NAME, type=s3,bucket=NAME,region=NAME or type=inline."
_PACKED = {"oci-mediatypes", "image-manifest", "compression", "compression-level", "force-compression"}
_COMMON = {"type", "mode", "mounts", "ignore-error", *_PACKED}
# The one value of a word that Docker's users know, where it has a meaning here; and what to do about another one.
_FIXED = {
    "oci-mediatypes": ("true", "A cache is always an OCI artifact: leave it out."),
    "image-manifest": ("true", "A cache is always an OCI artifact: leave it out."),
    "force-compression": ("false", "Leave it out: the base's layers are never rewritten, new ones are all alike."),
    "registry.insecure": ("false", "Say so in config.toml (docs/registries.md)."),
}
_KEYS = {
    "local": {"src", "dest", "tag", "digest"},
    "registry": {"ref", "registry.insecure"},
    "inline": set[str](),
    "s3": {
        "bucket",
        "region",
        "prefix",
        "blobs_prefix",
        "manifests_prefix",
        "name",
        "endpoint_url",
        "access_key_id",
        "secret_access_key",
        "session_token",
        "use_path_style",
        "upload_parallelism",
        "touch_refresh",
    },
}


class Place(msgspec.Struct, frozen=True):
    """Where a cache is. `mode` and `mounts` say what is sent; credentials among `facts` stand in no `repr`."""

    type: str
    where: str
    mode: "Mode" = "min"
    mounts: bool = False
    lenient: bool = False
    facts: dict[str, str] = msgspec.field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Place(type={self.type!r}, where={self.where!r}, mode={self.mode!r}, mounts={self.mounts})"


def parse(texts: list[str] | None, flag: str) -> list[Place]:
    """The places that texts like `type=registry,ref=NAME,mode=max` or a bare NAME name.

    Raises:
        UsageError: a text is not well formed, or of a type that is not supported.
    """
    return [_place(text, flag) for text in texts or ()]


def _place(text: str, flag: str) -> Place:
    if "=" not in text:
        return Place("registry", text)
    parts = pairs(text)
    kind = parts.get("type", "registry")
    if kind not in _KEYS or (kind == "inline" and flag == "--cache-from"):
        hint = "An image with its cache inside is taken by its name: type=registry,ref=NAME."
        raise UsageError(f"{flag} type={kind} is not supported", hint=hint if kind == "inline" else _HINT)
    unknown = sorted(set(parts) - _COMMON - _KEYS[kind])
    if unknown:
        known = ", ".join(sorted(_COMMON | _KEYS[kind]))
        raise UsageError(f"{flag} type={kind} does not take {unknown[0]}", hint=f"It takes {known}.")
    where = {
        "local": parts.get("dest") or parts.get("src") or "",
        "registry": parts.get("ref", ""),
        "inline": "the image",
        "s3": f"s3://{parts['bucket']}/{parts.get('prefix', '')}" if parts.get("bucket") else "",
    }[kind]
    for name, (only, hint) in _FIXED.items():
        if parts.get(name, only).lower() != only:
            raise UsageError(f"{flag} {name}={parts[name]} cannot be done", hint=hint)
    if parts.get("touch_refresh") and not re.fullmatch(_TIME, parts["touch_refresh"]):
        raise UsageError(f"{flag} touch_refresh is no time: {parts['touch_refresh']!r}", hint="Write it like 24h.")
    mode = parts.get("mode", "min").lower()
    if not where or mode not in ("min", "max"):
        raise UsageError(f"{flag} type={kind} is not complete", hint=_HINT)
    if parts.get("upload_parallelism", "4") not in map(str, range(1, 65)):
        raise UsageError(f"{flag} upload_parallelism is not a number from 1 to 64")
    chosen: Mode = "max" if mode == "max" else "min"
    return Place(kind, where, chosen, _true(parts, "mounts"), _true(parts, "ignore-error"), parts)


def _true(parts: dict[str, str], name: str) -> bool:
    return parts.get(name, "false").lower() in ("true", "1", "")


def take(places: list[Place], store: "Layout", cache: "StepCache", progress: "Progress") -> None:
    """Take caches' records; layers are fetched when they are needed.

    One that is not there or not sound is told and left out: the build only takes longer.
    """
    if not places:
        return
    from dockyard.build.cache.exchange import imported

    cache.offers.progress = progress
    for place in places:
        try:
            count = sum(imported(at, cache, artifact, bring) for at, artifact, bring in _found(place, store, progress))
            progress.log(f"cache from {place.where}: {count} steps")
        except Error as error:
            progress.log(f"warning: no cache from {place.where}: {error.message}")


def _found(place: Place, store: "Layout", progress: "Progress") -> "Iterator[tuple[Reader, Descriptor, Bring]]":
    """The artifacts, or images with a cache inside, that a place has; who reads there, and what fetches from there."""
    from dockyard.build.lazy.lent import fetching
    from dockyard.content.layout import Layout

    if place.type == "local":
        layout = Layout(Path(place.where))
        yield layout, _kept(layout, place), fetching(store, layout, progress)
    elif place.type == "s3":
        from dockyard.oci.descriptor import Descriptor
        from dockyard.oci.digest import Digest
        from dockyard.oci.mediatype import OCI_MANIFEST

        objects = _objects(place)
        for name in _names(place):
            raw = objects.named(name)
            artifact = Descriptor(OCI_MANIFEST, Digest.of(raw), len(raw))
            yield objects, artifact, fetching(store, objects, progress)
    else:
        from dockyard.cli.registry_client import client
        from dockyard.oci.manifest import Index, parse
        from dockyard.oci.reference import Reference
        from dockyard.registry.pull import fetch

        repository, root, raw = client().find(Reference.parse(place.where))
        document = parse(raw, root.media_type)
        # Of an index, the images that it has for platforms; attestations say that theirs is unknown.
        children = document.manifests if isinstance(document, Index) else [root]
        bring = partial(fetch, repository=repository, store=store, progress=progress)
        for child in children:
            if child.platform is None or child.platform.os != "unknown":
                yield repository, child, bring


def _kept(layout: "Layout", place: Place) -> "Descriptor":
    """The artifact that a layout has under a tag, or by its digest."""
    from dockyard.content.held import held
    from dockyard.oci.digest import Digest

    if place.facts.get("digest"):
        found = held(layout, Digest.parse(place.facts["digest"]))
        if found is not None:
            return found
        raise UsageError(f"{place.where} has no cache {place.facts['digest']}")
    return layout.resolve(place.facts.get("tag", "cache"))


def give(places: list[Place], result: "BuildResult", store: "Layout", progress: "Progress") -> list[str]:
    """Send the cache of a build, and tell where it went. With `ignore-error=true` a failure is only told."""
    gone = []
    for place in places:
        if place.type == "inline":
            continue  # it went with the image
        try:
            _give(place, result, store, progress)
            gone.append(place.where)
        except Error as error:
            if not place.lenient:
                raise
            progress.log(f"warning: no cache to {place.where}: {error.message}")
    return gone


def _give(place: Place, result: "BuildResult", store: "Layout", progress: "Progress") -> None:
    from dockyard.build.cache.exchange import exported
    from dockyard.content.copy import copy
    from dockyard.content.layout import Layout

    artifact = exported(
        store,
        result.cache,
        image=[layer.descriptor.digest for image in result.images.values() for layer in image.layers],
        mode=place.mode,
        mounts=result.cache.mounts if place.mounts else {},
    )
    if place.type == "local":
        layout = Layout(Path(place.where), create=True)
        copy(result.cache.offers, layout, artifact, progress=progress)
        layout.tag(place.facts.get("tag", "cache"), artifact)
    elif place.type == "s3":
        from dockyard.content.objects import spread
        from dockyard.content.store import read

        objects = _objects(place)
        spread(
            result.cache.offers,
            objects,
            artifact,
            at_once=int(place.facts.get("upload_parallelism", "4")),
            progress=progress,
        )
        for name in _names(place):
            objects.name(name, read(store, artifact))
    else:
        from dockyard.cli.registry_client import client
        from dockyard.oci.reference import Reference
        from dockyard.registry.push import push

        push(Reference.parse(place.where), result.cache.offers, artifact, client=client(), progress=progress)


def _names(place: Place) -> list[str]:
    """Several names are separated by semicolons, as BuildKit has it."""
    return [name for name in place.facts.get("name", "dockyard").split(";") if name]


def _objects(place: Place) -> "Objects":
    from dockyard.content.objects import Objects, s3

    facts = place.facts
    prefix = facts.get("prefix", "")
    return Objects(
        s3(bucket(facts, context.environment())),
        blobs=prefix + facts.get("blobs_prefix", "blobs/"),
        names=prefix + facts.get("manifests_prefix", "manifests/"),
        refresh=_seconds(facts.get("touch_refresh", "24h")),
    )


def _seconds(text: str) -> float:
    """A time as Go writes it, such as 24h or 1h30m."""
    return sum(float(number) * _SPANS[unit] for number, unit in re.findall(r"([\d.]+)([hms])", text))


def bucket(facts: dict[str, str], environment: dict[str, str]) -> "Bucket":
    """The bucket that the words name; what they do not say comes from the variables that the AWS tools read."""
    from dockyard.content.objects import Bucket

    def said(word: str, *variables: str) -> str:
        return facts.get(word) or next((environment[each] for each in variables if environment.get(each)), "")

    endpoint = said("endpoint_url", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    own = "access_key_id" in facts  # a key that is given does not go with a secret from elsewhere
    return Bucket(
        facts["bucket"],
        said("region", "AWS_REGION", "AWS_DEFAULT_REGION"),
        endpoint,
        said("access_key_id", "AWS_ACCESS_KEY_ID"),
        facts.get("secret_access_key", "") if own else said("secret_access_key", "AWS_SECRET_ACCESS_KEY"),
        facts.get("session_token", "") if own else said("session_token", "AWS_SESSION_TOKEN"),
        facts.get("use_path_style", "true" if endpoint else "false") == "true",
    )
