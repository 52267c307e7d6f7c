"""An image: its layers and what made them, its configuration, packages, findings, and what refers to it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from dockyard.content.store import read
from dockyard.errors import Error
from dockyard.images.image import Image
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.manifest import Index, Manifest, parse
from dockyard.packages import cyclonedx, spdx
from dockyard.policy.verdict import Reason, Verdict
from dockyard.registry.interface import ABSENT, StoredManifest, WireError
from dockyard.registry.protocol import codes
from dockyard.registry.protocol.request import tag_valid
from dockyard.server.names import project_of
from dockyard.server.rules import labels as kept
from dockyard.server.rules.labelled import Worn, worn
from dockyard.server.rules.labels import Label
from dockyard.server.schema.content import MANIFEST, TAG
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.trust.inside import Inside
from dockyard.server.trust.scanning import findings, packages_of
from dockyard.server.trust.settings import policy_of
from dockyard.server.trust.watching import ask
from dockyard.server.web import copying, labels, looking, words
from dockyard.server.web.answer import Answer, Download, Moved, Page, View
from dockyard.server.web.trouble import PageUnknownError
from dockyard.server.web.visit import FieldInvalidError, Visit

_COUNT = 200
_MOST_REFERRERS = 200
_MOST_SHOWN = 64 << 10
_HELM = "application/vnd.cncf.helm.config.v1+json"


@dataclass(frozen=True)
class Head:
    """What stands over every page of an image.

    `reference` is a tag or digest, as in the address; `parts` are the images that are here of an index, or itself.
    """

    name: str
    project: str
    reference: str
    stored: StoredManifest
    kind: str
    size: int
    tags: list[str]
    pushed_at: int
    pushed_by: str
    pulled_at: int | None
    scan: looking.Scan
    signed: bool
    platforms: list[str]
    referrers: int
    parts: list[str]
    labels: list[Worn]

    @property
    def digest(self) -> str:
        """The manifest's."""
        return str(self.stored.digest)

    @property
    def path(self) -> str:
        """The address of the image's pages, by what was asked for."""
        return f"/image/{self.name}{'@' if ':' in self.reference else ':'}{self.reference}"


@dataclass(frozen=True)
class Step:
    """An instruction, and the layer that it made, if it made one."""

    text: str
    created: str
    layer: Descriptor | None
    part: float = 0.0
    begin: float = 0.0


@dataclass(frozen=True)
class Judged:
    """What the project's policy says: allowed or not, and whether it only warns; None where it could not be asked."""

    allowed: bool
    warn: bool
    verdicts: list[Verdict]
    failed: str = ""

    @property
    def told(self) -> list[tuple[Sequence[Reason], list[str]]]:
        """The reasons, each set of them once, with the digests of the images that it is about."""
        found: dict[tuple[tuple[str, str], ...], tuple[Sequence[Reason], list[str]]] = {}
        for each in self.verdicts:
            if each.reasons:
                key = tuple((reason.rule, reason.message) for reason in each.reasons)
                found.setdefault(key, (each.reasons, []))[1].append(str(each.facts.digest))
        return list(found.values())


def _head(visit: Visit) -> Head:
    name, reference = visit.places[0], visit.places[1]
    visit.demand_repository(name)
    try:
        stored = visit.desk.registry.manifest(name, reference)
    except WireError as error:
        raise PageUnknownError(f"{name} has no image {reference!r}") from error
    digest = str(stored.digest)
    with visit.desk.database.read() as connection:
        row = connection.execute(
            select(MANIFEST, REPOSITORY.c.id.label("number"))
            .join_from(MANIFEST, REPOSITORY, REPOSITORY.c.id == MANIFEST.c.repository_id)
            .where(REPOSITORY.c.name == name, MANIFEST.c.digest == digest)
        ).first()
        if row is None:
            raise PageUnknownError(f"{name} has no image {reference!r}")
        number = int(row.number)
        names = select(TAG.c.name).where(TAG.c.repository_id == number, TAG.c.digest == digest).order_by(TAG.c.name)
        tags = [str(each) for each in connection.execute(names.limit(50)).scalars()]
        below = looking.children(connection, number, [digest])
        parts = below.get(digest) or [digest]
        scan = looking.scans(connection, {digest: parts})[digest]
        signed = digest in looking.signed(connection, number, [digest])
        referring = select(MANIFEST.c.digest).where(MANIFEST.c.repository_id == number, MANIFEST.c.subject == digest)
        count = len(connection.execute(referring.limit(_MOST_REFERRERS)).all())
        has = worn(connection, number, [digest]).get(digest, [])
    return Head(
        name,
        project_of(name),
        reference,
        stored,
        looking.kind(stored.raw, stored.media_type),
        int(row.size),
        tags,
        int(row.pushed_at),
        str(row.pushed_by),
        row.pulled_at,
        scan,
        signed,
        looking.platforms(visit.desk.registry, name, stored.raw, stored.media_type),
        count,
        parts,
        has,
    )


def _show(visit: Visit) -> Answer:
    head = _head(visit)
    found = parse(head.stored.raw, head.stored.media_type)
    beside: dict[str, Any] = {"image": head, "judged": _judged(visit, head), "further": _labels(visit, head)}
    beside["targets"] = copying.targets(visit, head.name)
    if isinstance(found, Index):
        entries = [(each, _inner(visit, head, each)) for each in found.manifests]
        return Page("index.html", {**beside, "entries": entries})
    if head.kind != "image":
        said = {"content": _content(visit, head, found), "commands": _commands(visit, head)}
        return Page("artifact.html", {**beside, "manifest": found, **said})
    image = Image(Descriptor.of(head.stored.media_type, head.stored.raw), Inside(visit.desk.registry, head.name))
    try:
        config, missing = image.config, ""
        steps, execution, labels = _steps(image), _execution(config.execution), config.execution.get("Labels") or {}
        created = str(config.document.get("created") or "")
    except (Error, WireError) as error:
        steps, execution, labels, created = [Step("", "", each) for each in found.layers], [], {}, ""
        missing = error.message
    said = {"steps": steps, "execution": execution, "labels": labels, "created": created, "missing": missing}
    return Page("image.html", {**beside, "manifest": found, **said})


def _labels(visit: Visit, head: Head) -> list[Label]:
    """Those that can be put on it still, for whoever may."""
    if not visit.may(head.name, "push"):
        return []
    has = {each.number for each in head.labels}
    found = kept.listing(visit.desk.database, head.project, usable=True)
    return [each for each in found if each.number not in has]


def _inner(visit: Visit, head: Head, entry: Descriptor) -> int | None:
    """How large an image in an index is; None where it is not here."""
    try:
        stored = visit.desk.registry.manifest(head.name, str(entry.digest))
        return sum(each.size for each in parse(stored.raw, stored.media_type).references)
    except Error:  # damaged: the page shows the rest
        return None


def _steps(image: Image) -> list[Step]:
    """History and layers side by side, lowest first."""
    layers = list(image.manifest.layers)
    total = sum(each.size for each in layers) or 1
    steps: list[Step] = []
    for entry in image.config.history[:1000]:
        made = layers.pop(0) if layers and not entry.get("empty_layer") else None
        text = words.instruction(str(entry.get("created_by") or entry.get("comment") or ""))
        steps.append(Step(text, str(entry.get("created") or ""), made))
    steps += [Step("", "", each) for each in layers]
    begin, placed = 0.0, []
    for step in steps:
        part = step.layer.size * 100 / total if step.layer is not None else 0.0
        placed.append(replace(step, part=part, begin=begin))
        begin += part
    return placed


def _execution(found: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """The configuration as rows: what it is, and its values."""
    rows: list[tuple[str, list[str]]] = []
    for key, name in (
        ("User", "User"),
        ("WorkingDir", "Folder"),
        ("Entrypoint", "Entrypoint"),
        ("Cmd", "Command"),
        ("ExposedPorts", "Ports"),
        ("Volumes", "Volumes"),
        ("Env", "Environment"),
        ("StopSignal", "Stop signal"),
    ):
        value = found.get(key)
        if not value:
            continue
        if key in ("Entrypoint", "Cmd") and isinstance(value, list):
            rows.append((name, [json.dumps(value, ensure_ascii=False)]))
        else:
            rows.append((name, [str(each) for each in value] if isinstance(value, (list, dict)) else [str(value)]))
    check = found.get("Healthcheck")
    if isinstance(check, dict) and check.get("Test"):
        rows.append(("Health check", [json.dumps(check["Test"], ensure_ascii=False)]))
    return rows


def _judged(visit: Visit, head: Head) -> Judged | None:
    """What the project's policy says of the image; None where there is no policy."""
    asked = policy_of(visit.desk.database, head.project)
    if asked is None or head.kind not in ("image", "index"):
        return None
    try:
        found = visit.desk.gate.verdicts(head.name, head.reference, head.stored, asked)
    except Error as error:
        return Judged(False, asked.warn, [], error.message)
    return Judged(all(each.allowed for each in found), asked.warn, found)


def _commands(visit: Visit, head: Head) -> list[str]:
    """How an artifact is fetched."""
    host = words.host(visit.call.base)
    if head.kind == _HELM and ":" not in head.reference:
        # Helm writes the plus of a version as an underscore in a tag.
        return [f"helm pull oci://{host}/{head.name} --version {head.reference.replace('_', '+')}"]
    at = "@" if ":" in head.reference else ":"
    return [f"oras pull {host}/{head.name}{at}{head.reference}"]


def _content(visit: Visit, head: Head, found: Manifest) -> list[tuple[Descriptor, str]]:
    """An artifact's configuration, if it says something, and its parts; small texts with what they say."""
    place = Inside(visit.desk.registry, head.name)
    parts: list[tuple[Descriptor, str]] = []
    config = [found.config] if found.config.size > len(b"{}") else []
    for each in [*config, *found.layers][:50]:
        text = ""
        if each.size <= _MOST_SHOWN and ("json" in each.media_type or each.media_type.startswith("text/")):
            try:
                raw = read(place, each, limit=_MOST_SHOWN).decode()
                text = json.dumps(json.loads(raw), indent=2, ensure_ascii=False) if "json" in each.media_type else raw
            except (Error, ValueError, RecursionError):
                text = ""  # it is listed all the same
        parts.append((each, text))
    return parts


def _packages(visit: Visit) -> Answer:
    head = _head(visit)
    _demand_read(visit, head, "sbom")
    held, wanted = packages_of(visit.desk.database, head.digest), visit.query("q").lower()
    found = [each for each in held.packages if wanted in each.name.lower()] if held is not None else []
    begin = _number(visit.query("after", 9))
    some = found[begin : begin + _COUNT]
    more = begin + _COUNT if len(found) > begin + _COUNT else 0
    said = {"held": held, "packages": some, "count": len(found), "more": more, "q": visit.query("q"), "begin": begin}
    return Page("packages.html", {"image": head, **said})


def _findings(visit: Visit) -> Answer:
    head = _head(visit)
    _demand_read(visit, head, "scan")
    found = [(digest, each) for digest in head.parts for each in findings(visit.desk.database, digest) or []]
    severity, fixable = visit.query("severity").lower(), bool(visit.query("fixable"))
    some = [
        (digest, each)
        for digest, each in found
        if severity in ("", each.severity.lower()) and (not fixable or each.fixed_version)
    ]
    order = {name: at for at, name in enumerate(looking.SEVERITIES)}
    some.sort(key=lambda each: (order.get(each[1].severity.lower(), 9), each[1].package, each[1].id))
    begin = _number(visit.query("after", 9))
    more = begin + _COUNT if len(some) > begin + _COUNT else 0
    said = {"findings": some[begin : begin + _COUNT], "count": len(some), "more": more, "severity": severity}
    fixes = sum(1 for _, each in found if each.fixed_version)
    return Page("findings.html", {"image": head, "fixable": fixable, "fixes": fixes, **said})


def _referrers(visit: Visit) -> Answer:
    head = _head(visit)
    page = visit.desk.registry.referrers(
        head.name, head.stored.digest, artifact_type="", last="", count=_MOST_REFERRERS
    )
    beside = head.digest.replace(":", "-")
    with visit.desk.database.read() as connection:
        query = (
            select(TAG.c.name, TAG.c.digest, TAG.c.updated_at)
            .join_from(TAG, REPOSITORY, REPOSITORY.c.id == TAG.c.repository_id)
            .where(REPOSITORY.c.name == head.name, TAG.c.name >= beside, TAG.c.name < beside + "~")
        )
        tags = connection.execute(query.order_by(TAG.c.name).limit(50)).all()
    return Page("referrers.html", {"image": head, "referrers": page.items, "more": page.more, "tags": tags})


def _sbom(visit: Visit) -> Answer:
    head = _head(visit)
    _demand_read(visit, head, "sbom")
    held = packages_of(visit.desk.database, head.digest)
    if held is None:
        raise PageUnknownError("the image's packages were not read yet", hint="Look again in a moment.")
    make = cyclonedx.document if visit.places[-1] == "cyclonedx" else spdx.document
    document = make(held, name=head.name, digest=head.digest, created=words.moment(head.pushed_at))
    suffix = "cdx.json" if visit.places[-1] == "cyclonedx" else "spdx.json"
    kind = "application/vnd.cyclonedx+json" if suffix == "cdx.json" else "application/spdx+json"
    name = f"{head.name.replace('/', '-')}-{head.digest.partition(':')[2][:12]}.{suffix}"
    return Download(name, kind, json.dumps(document, indent=1, ensure_ascii=False).encode())


def _demand_read(visit: Visit, head: Head, resource: str) -> None:
    """Pass if the caller may read scans or SBOMs of the image's project; of public projects everybody may."""
    if head.project not in visit.public:
        visit.demand(head.project, resource, "read")


def _delete(visit: Visit) -> Answer:
    head = _head(visit)
    visit.demand_repository(head.name, "delete")
    visit.desk.registry.delete_manifest(head.name, head.digest)
    return Moved(f"/repository/{head.name}", f"{words.short(head.digest)} is removed with its tags.")


def _tag(visit: Visit) -> Answer:
    """Give the image a further tag. One that leads elsewhere is not moved: that is what a push is for."""
    head, tag = _head(visit), visit.text("tag", 140)
    visit.demand_repository(head.name, "push")
    if not tag_valid(tag):
        raise FieldInvalidError(f"tag: not a tag: {tag[:40]!r}", hint="Letters, digits, dots, dashes and underscores.")
    if tag in head.tags:
        raise FieldInvalidError(f"tag: it is {tag} already")
    registry = visit.desk.registry
    stored = registry.manifest(head.name, head.digest)
    try:
        registry.put_manifest(head.name, tag, stored.raw, stored.media_type, (), ABSENT)
    except WireError as error:
        if error.code != codes.PRECONDITION_FAILED:
            raise
        hint = "Remove that tag first, or push the image under it."
        raise FieldInvalidError(f"tag: {tag} leads to another image here", hint=hint) from error
    return Moved(f"/image/{head.name}:{tag}", f"It is {tag} as well now.")


def _scan(visit: Visit) -> Answer:
    head = _head(visit)
    visit.demand(head.project, "scan", "create")
    ask(visit.desk.jobs, head.name, head.digest)
    return Moved(f"{head.path}/findings", "It is being looked at anew. Look again in a moment.")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def _put_label(visit: Visit) -> Answer:
    head = _head(visit)
    return labels.put(visit, head.name, head.digest, head.path)


def _take_label(visit: Visit) -> Answer:
    head = _head(visit)
    return labels.take(visit, head.name, head.digest, head.path)


VIEW = View(
    _show,
    {"delete": _delete, "tag": _tag, "copy": copying.copy, "label": _put_label, "unlabel": _take_label},
)
PACKAGES = View(_packages)
FINDINGS = View(_findings, {"scan": _scan})
REFERRERS = View(_referrers)
SBOM = View(_sbom)
