"""What is known of some images of one repository, read together: scans, signatures, platforms, sizes."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from dockyard.errors import Error
from dockyard.images.image import Image
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.manifest import Index, Manifest, parse
from dockyard.oci.mediatype import traits
from dockyard.server.schema.content import MANIFEST, REFERENCE, TAG
from dockyard.server.schema.trust import FINDING, INVENTORY
from dockyard.server.stored.registry import StoredRegistry
from dockyard.server.trust.inside import Inside
from dockyard.signing import statement

SEVERITIES = ("critical", "high", "medium", "low", "negligible", "unknown")


@dataclass(frozen=True)
class Scan:
    """What scanning has found: whether packages were read, whether they were matched with advisories, and how many
    findings there are by severity, the worst first.
    """

    read: bool = False
    matched: bool = False
    findings: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All findings."""
        return sum(self.findings.values())


def children(connection: Connection, repository: int, digests: Sequence[str]) -> dict[str, list[str]]:
    """The manifests that each of `digests` names and that are here; an image that is no index has none."""
    query = (
        select(REFERENCE.c.manifest, REFERENCE.c.child)
        .join(
            MANIFEST,
            (MANIFEST.c.repository_id == REFERENCE.c.repository_id) & (MANIFEST.c.digest == REFERENCE.c.child),
        )
        .where(REFERENCE.c.repository_id == repository, REFERENCE.c.manifest.in_(digests))
    )
    found: defaultdict[str, list[str]] = defaultdict(list)
    for parent, child in connection.execute(query).all():
        found[str(parent)].append(str(child))
    return dict(found)


def scans(connection: Connection, parts: Mapping[str, Sequence[str]]) -> dict[str, Scan]:
    """Scans by digest; `parts` says of which images each consists."""
    wanted = sorted({each for some in parts.values() for each in some})
    known = {
        str(row[0]): bool(row[1])
        for row in connection.execute(
            select(INVENTORY.c.digest, INVENTORY.c.snapshot).where(INVENTORY.c.digest.in_(wanted))
        ).all()
    }
    query = select(FINDING.c.digest, FINDING.c.severity, func.count()).where(FINDING.c.digest.in_(wanted))
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for digest, severity, count in connection.execute(query.group_by(FINDING.c.digest, FINDING.c.severity)).all():
        counts[str(digest)][str(severity).lower()] += int(count)
    found = {}
    for digest, some in parts.items():
        total: Counter[str] = Counter()
        for each in some:
            total.update(counts.get(each, {}))
        order = {name: total[name] for name in SEVERITIES if total[name]}
        order |= {name: count for name, count in total.items() if name not in order}
        read = [each for each in some if each in known]
        found[digest] = Scan(bool(read), any(known[each] for each in read), order)
    return found


def signed(connection: Connection, repository: int, digests: Sequence[str]) -> set[str]:
    """Those with a signature attached, as a referrer or under Cosign's tag. Whose it is, the policy asks."""
    query = select(MANIFEST.c.subject, MANIFEST.c.annotations).where(
        MANIFEST.c.repository_id == repository,
        MANIFEST.c.subject.in_(digests),
        MANIFEST.c.annotations.contains(statement.SIGNATURE, autoescape=True),
    )
    found = {str(row[0]) for row in connection.execute(query).all()}
    tags = {f"{each.replace(':', '-')}.sig": each for each in digests}
    names = select(TAG.c.name).where(TAG.c.repository_id == repository, TAG.c.name.in_(list(tags)))
    return found | {tags[str(name)] for name in connection.execute(names).scalars()}


def platforms(registry: StoredRegistry, name: str, raw: bytes, media_type: str) -> list[str]:
    """The platforms that a manifest or index is for; none where that cannot be told."""
    try:
        found = parse(raw, media_type)
        if isinstance(found, Index):
            named = [str(each.platform) for each in found.manifests if each.platform is not None]
            return [each for each in dict.fromkeys(named) if not each.startswith("unknown")]
        if traits(found.config.media_type).role != "config":
            return []
        return [str(Image(Descriptor.of(media_type, raw), Inside(registry, name)).config.platform)]
    except Error:
        return []  # damaged, or mirrored and not here as a whole


def kind(raw: bytes, media_type: str) -> str:
    """What a manifest is for people: `image`, `index`, or its artifact type."""
    try:
        found = parse(raw, media_type)
        if isinstance(found, Index):
            return "index"
        if traits(found.config.media_type).role == "config":
            return "image"
    except Error:
        return "artifact"
    return artifact(found)


def artifact(found: Manifest) -> str:
    """The artifact type of a manifest that is no image."""
    return found.artifact_type or found.config.media_type
