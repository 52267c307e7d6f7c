"""`dockyard ship`: lint, build, SBOM and scan, policy, push, sign and attest, deploy; each step once."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dockyard.build.build import BuildResult, build
from dockyard.build.options import Options
from dockyard.build.sources.bases import Bases
from dockyard.build.sources.contexts import read_dockerfile
from dockyard.content.layout import Layout
from dockyard.content.store import ContentNotFoundError
from dockyard.deploy import rollout
from dockyard.deploy.rollout import Rollout
from dockyard.deploy.settings import DeploySettings, check
from dockyard.dockerfile.lint.finding import at_least
from dockyard.dockerfile.lint.lint import lint
from dockyard.dockerfile.lint.settings import threshold
from dockyard.errors import Error, InconclusiveError, PolicyError, RolledBackError, UsageError
from dockyard.images.image import Image
from dockyard.oci.descriptor import Descriptor
from dockyard.oci.platform import Platform
from dockyard.oci.reference import Reference
from dockyard.packages import cyclonedx
from dockyard.packages.inventory import Inventory, inventory
from dockyard.pipeline.record import Record
from dockyard.pipeline.settings import Settings
from dockyard.policy.facts import Base, Facts
from dockyard.policy.facts import Finding as KnownFinding
from dockyard.policy.gather import gather
from dockyard.policy.judge import judge
from dockyard.progress import Progress
from dockyard.registry.client import Client
from dockyard.registry.push import push
from dockyard.runtime.rootfs import need_root
from dockyard.scan.feed import STALE_SECONDS, Feed, FeedMissingError
from dockyard.scan.match import Finding, match
from dockyard.signing import statement
from dockyard.signing.attest import attest
from dockyard.signing.keys import PrivateKey, PublicKey, public_of
from dockyard.signing.place import RegistryPlace
from dockyard.signing.sign import sign
from dockyard.signing.verify import SignatureMissingError, examine


class LintFailedError(PolicyError):
    """The Dockerfile has faults that lint counts as errors; nothing was built."""

    reference = "lint-failed"
    hint = "`dockyard lint` shows each with its reason and the better line."


@dataclass(frozen=True)
class Means:
    """What a ship works with. `private_key` is asked for only when something has to be signed."""

    store: Layout
    data: Path
    client: Client
    bases: Bases
    private_key: Callable[[], PrivateKey] | None
    public_keys: Sequence[PublicKey]
    progress: Progress
    epoch: int | None = None
    clock: Callable[[], float] = time.time


def ship(folder: Path, settings: Settings, tag: str, means: Means, build_args: Mapping[str, str]) -> dict[str, Any]:
    """Take the application in `folder` from source to running, and return the record.

    Every step looks first whether it is done already: a cached build, a pushed digest, a signature of the same key, a
    version that serves. So an interrupted ship is simply run again. Of several platforms each image is scanned, judged
    and signed, then the index over them is, and the one for this machine is deployed.

    Args:
        folder: the application's, with its dockyard.toml.
        settings: what that file says.
        tag: the image's tag; the policy judges its form.
        means: the store, the client and what else the steps work with.
        build_args: go before those of the settings.

    Raises:
        LintFailedError, ImageDeniedError, UndecidedError: nothing went further than the step that says no.
        UsageError: a setting cannot be carried out, as what is to be deployed is not built for this machine.
        RolledBackError: the new version did not become healthy; the old one serves.
        Error: whatever a step raises. The record is written in every case.
    """
    named = Reference.parse(settings.image.name, default_tag="")
    if named.tag or named.digest is not None:
        raise UsageError(
            f"`image.name` of dockyard.toml names more than a repository: {settings.image.name!r}",
            hint="Leave its tag or digest out: --tag, or the folder's Git revision, is the tag of what is shipped.",
        )
    reference = named.with_tag(tag)
    record = Record(
        means.data / "records", {"reference": str(reference), "folder": str(folder.absolute())}, clock=means.clock
    )
    try:
        document = _Ship(folder, settings, reference, means, build_args, record).run()
    except KeyboardInterrupt:
        record.finish("interrupted")
        raise
    except Error as error:
        kinds: tuple[tuple[type[Error], str], ...] = (
            (PolicyError, "denied"),
            (InconclusiveError, "undecided"),
            (RolledBackError, "rolled back"),
        )
        status = next((name for kind, name in kinds if isinstance(error, kind)), "failed")
        record.finish(status, reason=error.message)
        raise
    return document


@dataclass(frozen=True)
class _Part:
    """One platform's image and what its scan found; `suffix` tells its steps from the others' where it is not alone."""

    image: Image
    suffix: str
    held: Inventory
    findings: list[Finding] | None = None
    snapshot: str = ""


@dataclass
class _Ship:
    folder: Path
    settings: Settings
    reference: Reference
    means: Means
    build_args: Mapping[str, str]
    record: Record

    def run(self) -> dict[str, Any]:
        if self.settings.deploy is not None:
            self._deployable(self.settings.deploy)  # before anything is built, pushed and signed in vain
        self._lint()
        built = self._build()
        bases = [Base(each.reference.partition("@")[0], each.pinned) for each in built.bases]
        several = len(built.images) > 1
        parts = [
            self._scan(image, f" {platform}" if several else "") for platform, image in sorted(built.images.items())
        ]
        for part in parts:
            self._judge("policy", self._facts(part, bases, attached=False), part, later=("signed", "sbom"))
        self._push(built.descriptor)
        for part in parts:
            self._sign(part.image.descriptor, part)
        if built.descriptor.digest not in {part.image.descriptor.digest for part in parts}:
            self._sign(built.descriptor, None)
        for part in parts:
            self._judge("verdict", self._facts(part, bases, attached=True), part)
        rolled_out = self._deploy(built.image)
        self.record.finish("done", digest=str(built.descriptor.digest), rollout=rolled_out)
        return self.record.document

    def _deployable(self, deploy: DeploySettings) -> None:
        need_root()
        check(deploy, self.settings.health)
        rollout.app_folder(self.means.data, self._app(deploy))
        named, host = self._platforms(), Platform.host()
        if named and not any(each.normal().satisfies(host) for each in named):
            words = ", ".join(str(each) for each in named)
            raise UsageError(
                f"[deploy] runs the image on this host, which is {host}; [build] platforms names {words} alone",
                hint=f"Add {host} to [build] platforms, or leave [deploy] out.",
            )

    def _lint(self) -> None:
        with self.record.step("lint") as step:
            _, parsed = read_dockerfile(self._context(), self._dockerfile())
            settings = self.settings.lint
            found = lint(parsed, without=settings.ignore, also=settings.also, options=settings.options())
            step.detail["findings"] = [
                {"rule": each.rule, "line": each.line, "severity": each.severity, "message": each.message}
                for each in found
            ]
            worst = [each for each in found if at_least(each.severity, threshold(settings.fail_on))]
            if worst and not settings.no_fail:
                shown = "".join(f"\n    line {each.line}: {each.rule}: {each.message}" for each in worst)
                raise LintFailedError(f"lint found {len(worst)} faults in the Dockerfile", context={"errors": shown})

    def _build(self) -> BuildResult:
        with self.record.step("build") as step:
            given = {
                name: value.replace("{tag}", self.reference.tag) for name, value in self.settings.build.args.items()
            }
            built = build(
                self._context(),
                dockerfile=self._dockerfile(),
                store=self.means.store,
                data=self.means.data,
                bases=self.means.bases,
                options=Options(
                    build_args={**given, **self.build_args},
                    target=self.settings.build.target,
                    platforms=self._platforms(),
                    tags=[self.reference],
                    epoch=self.means.epoch,
                ),
                progress=self.means.progress,
            )
            document = built.to_json()
            steps = document.pop("steps")
            step.detail.update(document, steps=len(steps), cached_steps=sum(each["cached"] for each in steps))
            step.detail["layers"] = [
                {"digest": str(layer.descriptor.digest), "size": layer.descriptor.size} for layer in built.image.layers
            ]
            step.skipped = all(each["cached"] for each in steps)
            return built

    def _scan(self, image: Image, suffix: str) -> "_Part":
        with self.record.step("scan" + suffix) as step:
            held = inventory(image.layers, cache=self.means.data / "index")
            step.detail["packages"] = len(held.packages)
            try:
                with Feed(self.means.data / "feed.sqlite") as feed:
                    findings = match(held, feed)
                    snapshot, age = str(feed.about["snapshot"]), feed.age(self.means.clock())
            except FeedMissingError as error:
                step.detail["feed"] = "missing"
                self.means.progress.log(f"warning: {error.message}; {error.hint}")
                return _Part(image, suffix, held)
            if age > STALE_SECONDS:
                self.means.progress.log(f"warning: the feed is {age / 86400:.1f} days old")
            step.detail.update(feed=snapshot, feed_age_seconds=round(age))
            step.detail["findings"] = [
                {"id": f.id, "severity": f.severity, "package": f"{f.package} {f.version}", "fixed_in": f.fixed_version}
                for f in findings
            ]
            return _Part(image, suffix, held, findings, snapshot)

    def _facts(self, part: "_Part", bases: Sequence[Base], *, attached: bool) -> Facts:
        known = None
        if part.findings is not None:
            known = [
                KnownFinding(f.id, f"{f.package} {f.version}", f.severity, f.fixed_version, f.aliases)
                for f in part.findings
            ]
        place = RegistryPlace(self.means.client.repository(self.reference)) if attached else None
        keys = self.means.public_keys
        return gather(
            part.image, self.reference, findings=known, feed=part.snapshot, bases=bases, keys=keys, place=place
        )

    def _judge(self, name: str, facts: Facts, part: "_Part", later: Sequence[str] = ()) -> None:
        with self.record.step(name + part.suffix) as step:
            verdict = judge(facts, self.settings.policy, later=later)
            document = verdict.to_json()
            step.detail.update(allowed=verdict.allowed, reasons=document["reasons"], rules=document["rules"])
            verdict.demand()

    def _push(self, descriptor: Descriptor) -> None:
        with self.record.step("push") as step:
            repository = self.means.client.repository(self.reference)
            try:
                there = repository.resolve(self.reference.tag).digest == descriptor.digest
            except ContentNotFoundError:
                there = False
            if there:
                step.already_done()
            else:
                push(
                    self.reference, self.means.store, descriptor, client=self.means.client, progress=self.means.progress
                )
            step.detail.update(registry=self.reference.registry, digest=str(descriptor.digest))

    def _sign(self, target: Descriptor, part: "_Part | None") -> None:
        """Sign an image and attest its packages; without a part, sign the index over all of them."""
        if self.means.private_key is None:
            return
        with self.record.step("sign" + (part.suffix if part else " index")) as step:
            place = RegistryPlace(self.means.client.repository(self.reference))
            wanted = {statement.SIGNATURE, *([statement.CYCLONEDX] if part else [])} - self._attached(target, place)
            if not wanted:
                step.already_done()
                return
            key = self.means.private_key()
            if statement.SIGNATURE in wanted:
                made = sign(target, key, place=place, name=self.reference.name)
                step.detail["signature"] = str(made.digest)
            if part is not None and statement.CYCLONEDX in wanted:
                created = str(part.image.config.document.get("created") or "1970-01-01T00:00:00Z")
                name, digest = self.reference.name, str(target.digest)
                sbom = cyclonedx.document(part.held, name=name, digest=digest, created=created)
                made = attest(target, statement.CYCLONEDX, sbom, key, place=place)
                step.detail["sbom"] = str(made.digest)
            step.detail["key_id"] = public_of(key).id

    def _attached(self, target: Descriptor, place: RegistryPlace) -> set[str]:
        if not self.means.public_keys:
            return set()
        try:
            verified, _ = examine(target, list(self.means.public_keys), place=place)
        except SignatureMissingError:
            return set()
        return {each.predicate_type for each in verified}

    def _deploy(self, image: Image) -> dict[str, Any] | None:
        settings = self.settings.deploy
        if settings is None:
            return None
        with self.record.step("deploy") as step:
            done: Rollout = rollout.deploy(
                image,
                str(self.reference),
                name=self._app(settings),
                settings=settings,
                health=self.settings.health,
                data=self.means.data,
                progress=self.means.progress,
            )
            step.detail.update(done.to_json())
            step.skipped = done.already
            return done.to_json()

    def _app(self, deploy: DeploySettings) -> str:
        return deploy.name or self.reference.repository.rpartition("/")[2]

    def _platforms(self) -> list[Platform]:
        return [Platform.parse(each) for each in self.settings.build.platforms]

    def _context(self) -> Path:
        return self.folder / self.settings.build.context

    def _dockerfile(self) -> Path | None:
        named = self.settings.build.dockerfile
        return self.folder / named if named else None
