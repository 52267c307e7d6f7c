"""`/repositories/…/artifacts/…`: what is in images, what advisories say of that, and what the policy says of it all."""

import msgspec
from litestar.response import Stream

from dockyard.packages.package import Distribution, Package
from dockyard.registry.interface import StoredManifest
from dockyard.scan.match import Finding
from dockyard.server.api.jobs import Cancelled
from dockyard.server.api.repositories import named
from dockyard.server.api.retention import Deferred
from dockyard.server.api.route import Guest, Part, route
from dockyard.server.browse import advisories
from dockyard.server.jobs import history
from dockyard.server.names import project_of
from dockyard.server.trust.scanning import findings, images, packages_of
from dockyard.server.trust.settings import ProjectPolicy, policy_of
from dockyard.server.trust.watching import ask, key_of

_ONE = "/repositories/{repository:str}/artifacts/{reference:str}"


class ImagePackages(msgspec.Struct, frozen=True):
    """The packages of one image; `scanned` is false where nobody has looked yet."""

    image: str
    scanned: bool
    distribution: Distribution
    packages: list[Package]


class ImageFindings(msgspec.Struct, frozen=True):
    """What advisories say of one image, the worst first; `matched` is false where no feed was matched with it yet."""

    image: str
    matched: bool
    findings: list[Finding]


class Why(msgspec.Struct, frozen=True):
    """Why a rule denies: what it saw and what to do; `known` is false where a fact is missing."""

    rule: str
    message: str
    advice: str
    known: bool


class ImageVerdict(msgspec.Struct, frozen=True):
    """What the policy says of one image."""

    image: str
    allowed: bool
    reasons: list[Why]


class Verdicts(msgspec.Struct, frozen=True):
    """Whether an artifact may be pulled. Without a policy everything may; with `warn` the reasons are only told."""

    policy: bool
    warn: bool
    allowed: bool
    images: list[ImageVerdict]


@route("GET", _ONE + "/packages", "images", open=True)
def artifact_packages(visit: Guest, repository: Part, reference: Part) -> list[ImagePackages]:
    """The packages of an image, or of every image that an index names."""
    found = []
    for digest in _digests(visit, repository, reference):
        held = packages_of(visit.database, digest)
        if held is None:
            found.append(ImagePackages(digest, False, Distribution(), []))
        else:
            found.append(ImagePackages(digest, True, held.distribution, held.packages))
    return found


@route("GET", _ONE + "/findings", "images", open=True)
def artifact_findings(visit: Guest, repository: Part, reference: Part) -> list[ImageFindings]:
    """What advisories say of an image, or of every image that an index names."""
    found = []
    for digest in _digests(visit, repository, reference):
        said = findings(visit.database, digest)
        found.append(ImageFindings(digest, said is not None, said or []))
    return found


@route("POST", _ONE + "/scan", "images", status=202)
def artifact_scan(visit: Guest, repository: Part, reference: Part) -> Deferred:
    """Have an image, or every image of an index, looked at anew. For maintainers. Pushed images are by themselves."""
    name, digest = _scanned(visit, repository, reference, "create")
    return Deferred(ask(visit.parts.jobs, name, digest))


@route("DELETE", _ONE + "/scan", "images", status=200)
def artifact_scan_stop(visit: Guest, repository: Part, reference: Part) -> Cancelled:
    """Let a scan that was asked for not begin, or end soon. For maintainers."""
    name, digest = _scanned(visit, repository, reference, "stop")
    number = history.unfinished(visit.database, key_of(name, digest))
    return Cancelled(number is not None and visit.parts.jobs.cancel(number))


@route("GET", "/projects/{project:str}/findings/export.csv", "images", media="text/csv")
def findings_export(visit: Guest, project: Part) -> Stream:
    """All findings about a project's images as CSV with a head line. For developers."""
    visit.demand(project, "export-cve", "create")
    lines = advisories.exported(visit.database, project, lambda name: visit.permit.allows(name, "list"))
    return Stream(lines, media_type="text/csv", headers={"content-disposition": 'attachment; filename="findings.csv"'})


@route("GET", _ONE + "/verdict", "images", open=True)
def artifact_verdict(visit: Guest, repository: Part, reference: Part) -> Verdicts:
    """What the project's policy says of an artifact, as a pull would be told."""
    name = visit.repository(named(repository))
    stored = visit.parts.registry.manifest(name, reference)
    return judged(visit, name, reference, stored, policy_of(visit.database, project_of(name)))


def judged(visit: Guest, name: str, reference: str, stored: StoredManifest, policy: ProjectPolicy | None) -> Verdicts:
    """What a policy says of an artifact."""
    if policy is None:
        return Verdicts(False, False, True, [])
    said = [
        ImageVerdict(
            str(each.facts.digest),
            each.allowed,
            [Why(why.rule, why.message, why.advice, why.known) for why in each.reasons],
        )
        for each in visit.parts.gate.verdicts(name, reference, stored, policy)
    ]
    return Verdicts(True, policy.warn, policy.warn or all(each.allowed for each in said), said)


def _scanned(visit: Guest, repository: str, reference: str, action: str) -> tuple[str, str]:
    name = visit.repository(named(repository))
    visit.demand(project_of(name), "scan", action)
    return name, str(visit.parts.registry.manifest(name, reference).digest)


def _digests(visit: Guest, repository: str, reference: str) -> list[str]:
    name, registry = visit.repository(named(repository)), visit.parts.registry
    found = images(registry, name, registry.manifest(name, reference))
    return [str(each.descriptor.digest) for each in found]
