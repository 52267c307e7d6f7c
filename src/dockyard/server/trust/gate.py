"""A registry that gives an image only if its project's policy allows it (`registry.interface.Registry`).

Every way to an image is judged: by tag, by digest, through an index, and the first pull through a mirror, for which
the image is fetched and looked at before its manifest is given. Signatures, SBOMs and other artifacts are given always:
they are what the judgement needs.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
from sqlalchemy import select

from dockyard.images.image import Image
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.reference import Reference
from dockyard.policy.facts import Facts
from dockyard.policy.facts import Finding as Fact
from dockyard.policy.gather import gather
from dockyard.policy.judge import judge
from dockyard.policy.settings import Exemption
from dockyard.policy.verdict import Verdict
from dockyard.registry.interface import Registry, StoredManifest, WireError
from dockyard.registry.protocol import codes
from dockyard.scan.feed import Feed, FeedInvalidError, FeedMissingError
from dockyard.server.clock import now
from dockyard.server.database import Database
from dockyard.server.names import project_of
from dockyard.server.refusals import Refusals
from dockyard.server.schema.content import MANIFEST, REFERENCE
from dockyard.server.schema.projects import REPOSITORY
from dockyard.server.trust.exempting import accepted
from dockyard.server.trust.inside import Inside
from dockyard.server.trust.scanning import findings, images, scan
from dockyard.server.trust.settings import ProjectPolicy, policy_of
from dockyard.signing.keys import PublicKey, load_public

_KEPT_SECONDS = 10.0
_MOST = 8192
_MOST_REASONS = 20
_LOG = logging.getLogger("dockyard.trust")


class Gate:
    """Verdicts on the images of a registry.

    Args:
        registry: has the images.
        database: has the policies, inventories and findings.
        feed: opens the feed of advisories; None if there is none.
        cache: a folder that keeps what layers hold.
    """

    def __init__(self, registry: Registry, database: Database, feed: Callable[[], Feed | None], cache: Path) -> None:
        self._registry, self._database, self._feed, self._cache = registry, database, feed, cache
        self._refusals = Refusals(database)
        self._allowed: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._lock = threading.Lock()

    def passes(self, name: str, stored: StoredManifest) -> bool:
        """Whether the manifest was allowed within the last seconds. Waits for nothing."""
        until = self._allowed.get((name, str(stored.digest)))
        return until is not None and until > time.monotonic()

    def forget(self) -> None:
        """Judge everything anew, as after a change of policy."""
        with self._lock:
            self._allowed.clear()

    def demand(self, name: str, reference: str, stored: StoredManifest) -> Sequence[str]:
        """Return if the project's policy allows what the manifest stands for, or only warns.

        Raises:
            WireError: DENIED, with every reason.
        """
        if self.passes(name, stored):
            return []
        project = policy_of(self._database, project_of(name))
        if project is not None:
            denied = [each for each in self.verdicts(name, reference, stored, project) if not each.allowed]
            if denied and project.warn:
                return [told(denied)]
            if denied:
                tag = "" if ":" in reference else reference
                self._refusals.note("pull.refused", name, told(denied), reference=tag, digest=str(stored.digest))
                # Most clients show the message and not the detail.
                reasons = told(denied)
                raise WireError(codes.DENIED._replace(meaning=reasons), reasons)
        with self._lock:
            self._allowed[name, str(stored.digest)] = time.monotonic() + _KEPT_SECONDS
            while len(self._allowed) > _MOST:
                self._allowed.popitem(last=False)
        return []

    def verdicts(self, name: str, reference: str, stored: StoredManifest, project: ProjectPolicy) -> list[Verdict]:
        """The verdict on every image that the manifest stands for."""
        taken = accepted(self._database, project_of(name))
        policy = project.policy
        exempt = [*policy.exempt, *(Exemption(each, "exempted") for each in sorted(taken))]
        policy = msgspec.structs.replace(policy, exempt=exempt)
        keys = [load_public(each.encode()) for each in policy.keys]
        # A tag that no longer fits is the push's affair; here it is left out, as a digest has none.
        later = ["tag", "registry"]
        if self._young(name, str(stored.digest), project.grace):
            later += ["signed", "sbom"]
        found = []
        for image in images(self._registry, name, stored):
            if str(image.descriptor.digest) in taken or str(stored.digest) in taken:
                continue
            found.append(judge(self._facts(name, reference, image, project, keys), policy, later=later))
        return found

    def _facts(
        self, name: str, reference: str, image: Image, project: ProjectPolicy, keys: Sequence[PublicKey]
    ) -> Facts:
        facts: list[Fact] | None = None
        feed = self._feed() if project.policy.fail_on is not None else None
        if feed is not None:
            with feed:
                scan(self._database, image, cache=self._cache, feed=feed)
            held = findings(self._database, str(image.descriptor.digest)) or []
            facts = [Fact(each.id, each.package, each.severity, each.fixed_version, each.aliases) for each in held]
        tag = "" if ":" in reference else reference
        place = Inside(self._registry, name)
        named = Reference("localhost", name, tag)
        gathered = gather(image, named, findings=facts, bases=None, keys=keys, place=place)
        if not keys:
            return gathered
        # What was signed as a whole, an index, vouches for the images in it.
        signers, sbom = set(gathered.signers or ()), bool(gathered.sbom)
        for parent in self._parents(name, str(image.descriptor.digest)):
            above = gather(
                msgspec.structs.replace(image, descriptor=parent.descriptor),
                named,
                findings=None,
                keys=keys,
                place=place,
            )
            signers |= set(above.signers or ())
            sbom = sbom or bool(above.sbom)
        return replace(gathered, signers=sorted(signers), sbom=sbom)

    def _parents(self, name: str, digest: str) -> list[Image]:
        query = (
            select(MANIFEST.c.raw, MANIFEST.c.media_type)
            .join_from(REPOSITORY, REFERENCE, REFERENCE.c.repository_id == REPOSITORY.c.id)
            .join(
                MANIFEST,
                (MANIFEST.c.repository_id == REFERENCE.c.repository_id) & (MANIFEST.c.digest == REFERENCE.c.manifest),
            )
            .where(REPOSITORY.c.name == name, REFERENCE.c.child == digest)
        )
        with self._database.read() as connection:
            rows = connection.execute(query.limit(50)).all()
        inside = Inside(self._registry, name)
        return [Image(Descriptor.of(str(media_type), bytes(raw)), inside) for raw, media_type in rows]

    def _young(self, name: str, digest: str, grace: int) -> bool:
        query = (
            select(MANIFEST.c.pushed_at)
            .join_from(MANIFEST, REPOSITORY, MANIFEST.c.repository_id == REPOSITORY.c.id)
            .where(REPOSITORY.c.name == name, MANIFEST.c.digest == digest)
        )
        with self._database.read() as connection:
            pushed = connection.execute(query).scalar()
        return pushed is not None and now() - int(pushed) < grace * 1000


def told(denied: Sequence[Verdict]) -> str:
    """The reasons of verdicts in one text."""
    reasons = list(dict.fromkeys(f"{each.rule}: {each.message}" for verdict in denied for each in verdict.reasons))
    more = f"; and {len(reasons) - _MOST_REASONS} more" if len(reasons) > _MOST_REASONS else ""
    return "the project's policy denies this image: " + "; ".join(reasons[:_MOST_REASONS]) + more


def opener(path: Path) -> Callable[[], Feed | None]:
    """What opens the feed at `path`, as it is at that time; None where there is none, or, with a warning, a bad one."""
    said = ""

    def give() -> Feed | None:
        nonlocal said
        try:
            found = Feed(path)
        except FeedMissingError:
            return None
        except FeedInvalidError as error:
            if error.message != said:  # once, not for every pull
                _LOG.warning("%s; %s", error.message, error.hint)
            said = error.message
            return None
        said = ""
        return found

    return give
