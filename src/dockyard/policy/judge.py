"""Judging: every rule that the policy asks for over the facts, all reasons at once."""

from collections.abc import Sequence
from typing import Protocol

from dockyard.policy.facts import Facts
from dockyard.policy.rules.image import AllowedRegistry, HasHealthcheck, NonRoot, PinnedBase, TagRule
from dockyard.policy.rules.trust import HasSbom, SeverityGate, Signed
from dockyard.policy.settings import Policy
from dockyard.policy.verdict import Reason, Verdict


class Rule(Protocol):
    """One thing that a policy may ask for."""

    name: str

    def asked(self, policy: Policy) -> bool:
        """Whether the policy asks for it."""

    def reasons(self, facts: Facts, policy: Policy) -> "Sequence[Reason]":
        """Why the image is denied, if it is."""


RULES = (TagRule(), AllowedRegistry(), NonRoot(), HasHealthcheck(), PinnedBase(), SeverityGate(), HasSbom(), Signed())


def judge(facts: Facts, policy: Policy, *, later: Sequence[str] = ()) -> Verdict:
    """The verdict on `facts`; the same facts and policy always give the same one.

    Args:
        facts: what is known of the image.
        policy: what is asked for.
        later: rules to leave out for now because what they ask for comes later, such as the signature before a push.

    A missing fact denies, marked as not known: no data never counts as well.
    """
    asked = [rule for rule in RULES if rule.asked(policy) and rule.name not in later]
    reasons = [reason for rule in asked for reason in rule.reasons(facts, policy)]
    return Verdict(not reasons, reasons, facts, [rule.name for rule in asked])
