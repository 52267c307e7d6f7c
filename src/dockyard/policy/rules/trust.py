"""Rules about what is known of an image's content and origin."""

import datetime as dt
from collections.abc import Iterator

from dockyard.policy.facts import Facts
from dockyard.policy.settings import Policy
from dockyard.policy.verdict import Reason

_ORDER = ("unknown", "negligible", "low", "medium", "high", "critical")


class SeverityGate:
    """No finding at or above the policy's severity, but for exempted ones."""

    name = "fail-on"

    def asked(self, policy: Policy) -> bool:
        """Whether the policy has a gate."""
        return policy.fail_on is not None

    def reasons(self, facts: Facts, policy: Policy) -> Iterator[Reason]:
        """Why the image is denied, if it is; the worst first."""
        gate = policy.fail_on
        if gate is None:
            return
        if facts.findings is None:
            yield Reason(
                self.name, "it was not scanned: there is no feed", "Make one: dockyard feed update --help", known=False
            )
            return
        today = dt.datetime.now(dt.UTC).date()
        accepted = {each.id for each in policy.exempt if each.until is None or each.until >= today}
        least = _ORDER.index(gate.severity)
        for finding in sorted(facts.findings, key=lambda each: (-_rank(each.severity), each.id, each.package)):
            if _rank(finding.severity) < least or (gate.only_fixed and not finding.fixed_version):
                continue
            if accepted & {finding.id, *finding.aliases}:
                continue
            fix = (
                f"Update {finding.package} to {finding.fixed_version}." if finding.fixed_version else "No fix is known."
            )
            yield Reason(self.name, f"{finding.id} in {finding.package} is {finding.severity.lower()}", fix)


class Signed:
    """The image is signed with one of the policy's keys."""

    name = "signed"

    def asked(self, policy: Policy) -> bool:
        """Whether the policy asks for it."""
        return "signed" in policy.require

    def reasons(self, facts: Facts, policy: Policy) -> Iterator[Reason]:
        """Why the image is denied, if it is."""
        if facts.signers is None:
            yield Reason(
                self.name, "no public key is known to check it with", "Name one in [policy] keys.", known=False
            )
        elif not facts.signers:
            yield Reason(
                self.name, "none of the policy's keys signed it", "Sign it: dockyard sign --key cosign.key IMAGE"
            )


class HasSbom:
    """A list of its packages is attached to the image."""

    name = "sbom"

    def asked(self, policy: Policy) -> bool:
        """Whether the policy asks for it."""
        return "sbom" in policy.require

    def reasons(self, facts: Facts, policy: Policy) -> Iterator[Reason]:
        """Why the image is denied, if it is."""
        if not facts.sbom:
            yield Reason(
                self.name,
                "no SBOM is attached by one of the policy's keys",
                "`dockyard ship` attaches one.",
                known=facts.sbom is not None,
            )


def _rank(severity: str) -> int:
    lowered = severity.lower()
    return _ORDER.index(lowered) if lowered in _ORDER else 0
