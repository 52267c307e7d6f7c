"""What a build is told beside its context."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from dockyard.build.annotations import Annotation
from dockyard.build.limits import Limits
from dockyard.build.secrets.secret import Agent, Secret
from dockyard.layers.compress import Compression, Level
from dockyard.oci.mediatype import Family
from dockyard.oci.platform import Platform
from dockyard.oci.reference import Reference

Origin = Literal["folder", "git", "archive"]
Layers = Literal["instruction", "stage", "squash", "auto"]


class Slsa(msgspec.Struct, frozen=True):
    """The form of provenance: its version, who is told as the builder, and whether it claims to be reproducible."""

    version: Literal["v1", "v0.2"] = "v1"
    builder: str = ""
    reproducible: bool = False


class Options(msgspec.Struct, frozen=True):
    """The choices of one build; every one has the default of `docker build`.

    Attributes:
        build_args: values for ARG.
        target: the stage to build, by name; the last by default.
        tags: names for the image.
        labels: further labels of the image.
        annotations: of what they say themselves.
        family: whose media types the image has, OCI's or Docker's.
        platforms: what to build for; this machine's by default. Several give an index.
        epoch: SOURCE_DATE_EPOCH in seconds; no time in the image is later.
        made: when the context was made, where that is known: what SOURCE_DATE_EPOCH=context means.
        origin: what the context came as. As with BuildKit, an ignore file leaves something out of a folder only, and
            what came as an archive keeps its owners.
        uncached: stages that are carried out whatever the cache knows, by name or number; `*` is all.
        contexts: further sources of FROM and --from by name: a folder, `oci-layout://…`, `docker-image://…`, Git.
        secrets, agents: what RUN --mount may ask for, by id.
        hosts: further lines of /etc/hosts for RUN, address by name.
        network: of RUN steps that name none: one of `network.WORDS`.
        certificates: PEM, of authorities that RUN trusts and the image does not hold.
        insecure: whether RUN --security=insecure may run.
        host_network: whether RUN --network=host may run where `network` is another.
        processors, memory: how many processors and bytes of memory the build takes at once; 0 is what there is.
        limits: of what RUN may use.
        inline: whether the image's configuration gets the cache's records.
        portable: whether the cache is sent on, so that copies are known by what another machine can reckon, too;
            `inline` is one way.
        compression, level: of new layers: gzip, zstd or none; fast for what stays here, dense for what travels.
        forced: whether the base's layers get this compression, too.
        layers: `instruction` keeps one a step, `stage` one a stage, `squash` one over the base, `auto` merges small
            neighbours. The base's own layers always stay as they are.
        keep: whether the image has to be whole in the store afterwards. Without, it has no name there while its base's
            layers are only at their registry.
        sbom, provenance: attestations that stand beside the image in an index: `min` or `max` provenance.
        slsa: the form of the provenance.
    """

    build_args: Mapping[str, str] = msgspec.field(default_factory=dict)
    target: str = ""
    tags: Sequence[Reference] = ()
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    annotations: Sequence[Annotation] = ()
    family: Family = "oci"
    platforms: Sequence[Platform] = ()
    epoch: int | None = None
    made: int | None = None
    origin: Origin = "folder"
    uncached: frozenset[str] = frozenset()
    contexts: Mapping[str, str] = msgspec.field(default_factory=dict)
    secrets: Mapping[str, Secret] = msgspec.field(default_factory=dict)
    agents: Mapping[str, Agent] = msgspec.field(default_factory=dict)
    hosts: Mapping[str, str] = msgspec.field(default_factory=dict)
    network: str = "default"
    certificates: bytes = b""
    insecure: bool = False
    host_network: bool = False
    processors: int = 0
    memory: int = 0
    limits: Limits = msgspec.field(default_factory=Limits)
    compression: Compression = "gzip"
    level: Level = "fast"
    forced: bool = False
    layers: Layers = "instruction"
    sbom: bool = False
    provenance: Literal["", "min", "max"] = ""
    slsa: Slsa = Slsa()
    inline: bool = False
    portable: bool = False
    keep: bool = True
