"""What a build takes from outside its Dockerfile: images and named contexts, each opened once."""

import threading
from collections.abc import Mapping
from typing import Any

import msgspec

from dockyard.build.budget import FETCH
from dockyard.build.copy.copy import Copier, Order, Out, write
from dockyard.build.copy.destination import Destination
from dockyard.build.sources.bases import Bases
from dockyard.build.sources.context import Context
from dockyard.build.sources.contexts import key_of, opened
from dockyard.build.state import State
from dockyard.build.tools import Tools
from dockyard.dockerfile.node import Node
from dockyard.images.image import Image
from dockyard.oci.digest import Digest
from dockyard.oci.platform import Platform
from dockyard.oci.reference import Reference

_NOTHING = "docker-image://scratch"  # not an image, as with FROM


class Base(msgspec.Struct, frozen=True):
    """An image that a build took something from: as written, and what that was."""

    written: str
    reference: str
    digest: Digest
    pinned: bool
    platform: str = ""

    def to_json(self) -> dict[str, Any]:
        """As results and records print it."""
        return {"image": self.reference, "digest": str(self.digest), "pinned": self.pinned}


class Origins(msgspec.Struct):
    """The images and named contexts of one build for one platform. May be asked by several threads.

    Attributes:
        bases: finds images.
        contexts: the sources of named contexts, as they were given.
        platform: what is built for.
        used: the images that something was taken from.
        layers: the name of the image that a layer is known from.
    """

    bases: Bases
    contexts: Mapping[str, str]
    platform: Platform
    used: list[Base] = msgspec.field(default_factory=list)
    layers: dict[Digest, Reference] = msgspec.field(default_factory=dict)
    _lock: threading.RLock = msgspec.field(default_factory=threading.RLock)
    _images: dict[str, State] = msgspec.field(default_factory=dict)
    _opened: dict[str, Context | Image] = msgspec.field(default_factory=dict)

    def named(self, name: str) -> str | None:
        """The named context that `name` means, if there is one."""
        if not self.contexts or name.lower() in ("scratch", "context"):
            return None
        wanted = key_of(name)
        return next((each for each in self.contexts if each == name or key_of(each) == wanted), None)

    def context(self, name: str, tools: Tools) -> State | Context:
        """What the named context `name` holds, for COPY to take from.

        Raises:
            ContentNotFoundError, TransientError, UsageError: it cannot be had.
        """
        if self.contexts[name] == _NOTHING:
            return State.scratch(self.platform.to_json(), tools.data / "index")
        found = self._context(name, tools)
        return State.on(found, tools.data / "index") if isinstance(found, Image) else found

    def root(self, name: str, node: Node, platform: Platform, tools: Tools) -> State:
        """The named context `name` as what a stage stands on. The files of a folder are its root file system.

        Raises:
            ContentNotFoundError, TransientError, UsageError: it cannot be had.
        """
        if self.contexts[name] == _NOTHING:
            return State.scratch(platform.to_json(), tools.data / "index")
        found = self._context(name, tools)
        if isinstance(found, Image):
            self._note(name, self.contexts[name], found)
            state = State.on(found, tools.data / "index")
            return state.triggered()
        state = State.scratch(platform.to_json(), tools.data / "index")
        with tools.writer() as writer:
            copier = Copier(Order(node, "/"), Destination(None))
            write(copier.plan(found.find("/", node)[0], found), found, Out(writer))
            state.layers.append(writer.commit())
        state.key = f"folder {state.layers[0].diff_id}"
        state.history.append({"created_by": f"FROM {name}", "comment": "dockyard"})
        return state

    def image(self, name: str, platform: Platform, tools: Tools) -> State:
        """The image `name` for `platform`. The caller branches off it and changes nothing.

        Raises:
            BaseMissingError, ContentNotFoundError, PlatformMissingError: there is none.
            TransientError, RegistryDeniedError: no registry gives it.
        """
        key = f"{platform} {name}"
        with self._lock:
            if key not in self._images:
                reference = Reference.parse(name)
                with tools.budget.granted(FETCH, tools.cancelled.is_set):
                    found = self.bases.open(reference, platform)
                image, written = found.image, str(reference)
                self._note(name, written, image, pinned=reference.digest is not None, digest=found.digest)
                self.layers.update(dict.fromkeys((each.digest for each in image.manifest.layers), reference))
                self._images[key] = State.on(image, tools.data / "index")
            return self._images[key]

    def _context(self, name: str, tools: Tools) -> Context | Image:
        with self._lock:
            if name not in self._opened:
                self._opened[name] = opened(
                    name,
                    self.contexts[name],
                    data=tools.data,
                    bases=self.bases,
                    platform=self.platform,
                    progress=tools.progress,
                )
            return self._opened[name]

    def _note(
        self, name: str, written: str, image: Image, *, pinned: bool = False, digest: Digest | None = None
    ) -> None:
        base = Base(name, written, digest or image.descriptor.digest, pinned, str(image.config.platform.normal()))
        with self._lock:
            if base not in self.used:
                self.used.append(base)
