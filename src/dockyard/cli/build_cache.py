"""`--cache-from` and `--cache-to`: where a build's cache comes from and goes to."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dockyard.cli import context
from dockyard.errors import Error, UsageError

if TYPE_CHECKING:
    from dockyard.build.build import BuildResult
    from dockyard.build.cache import StepCache
    from dockyard.build.exchange import Mode
    from dockyard.content.layout import Layout
    from dockyard.progress import Progress


@dataclass(frozen=True)
class Place:
    """Where a cache is: `local` has a folder, `registry` a name. `mode` and `mounts` say what is sent."""

    type: str
    where: str
    mode: "Mode" = "min"
    mounts: bool = False


def parse(texts: list[str] | None, flag: str) -> list[Place]:
    """The places that texts like `type=registry,ref=NAME,mode=max` or a bare NAME name.

    Raises:
        UsageError: a text is not well formed, or of a type that is not supported.
    """
    found = []
    for text in texts or ():
        if "=" not in text:
            found.append(Place("registry", text))
            continue
        parts = dict(each.partition("=")[::2] for each in next(csv.reader([text])))
        kind = parts.get("type", "registry")
        if kind not in ("local", "registry"):
            raise UsageError(f"{flag} type={kind} is not supported", hint="Give type=local or type=registry.")
        where = parts.get("ref") if kind == "registry" else parts.get("dest") or parts.get("src")
        mode = parts.get("mode", "min")
        if not where or mode not in ("min", "max"):
            raise UsageError(
                f"{flag} {text} is not complete",
                hint="Write type=local,dest=FOLDER,mode=max or type=registry,ref=NAME.",
            )
        found.append(Place(kind, where, "max" if mode == "max" else "min", parts.get("mounts") == "true"))
    return found


def take(places: list[Place], store: "Layout", cache: "StepCache", progress: "Progress") -> None:
    """Bring caches in. One that is not there or not sound is told and left out: the build only takes longer."""
    from dockyard.build.exchange import imported
    from dockyard.content.copy import copy
    from dockyard.content.layout import Layout

    for place in places:
        try:
            if place.type == "local":
                layout = Layout(Path(place.where))
                artifact = layout.resolve("cache")
                copy(layout, store, artifact, progress=progress)
            else:
                from dockyard.cli.registry_access import client
                from dockyard.oci.reference import Reference

                repository, artifact = client().find(Reference.parse(place.where))
                copy(repository, store, artifact, progress=progress)
            count = imported(store, cache, artifact, context.data_folder() / "cache" / "mounts")
            progress.log(f"cache from {place.where}: {count} steps")
        except Error as error:
            progress.log(f"warning: no cache from {place.where}: {error.message}")


def give(places: list[Place], result: "BuildResult", store: "Layout", progress: "Progress") -> list[str]:
    """Send the cache of a build, and tell where it went."""
    from dockyard.build.exchange import exported
    from dockyard.content.copy import copy
    from dockyard.content.layout import Layout

    for place in places:
        artifact = exported(
            store,
            result.cache,
            image=[layer.descriptor.digest for image in result.images.values() for layer in image.layers],
            mode=place.mode,
            mounts=result.cache.mounts if place.mounts else {},
        )
        if place.type == "local":
            layout = Layout(Path(place.where), create=True)
            copy(store, layout, artifact, progress=progress)
            layout.tag("cache", artifact)
        else:
            from dockyard.cli.registry_access import client
            from dockyard.oci.reference import Reference
            from dockyard.registry.push import push

            push(Reference.parse(place.where), store, artifact, client=client(), progress=progress)
    return [place.where for place in places]
