"""Verdicts: allow or deny, with every reason at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dockyard.errors import InconclusiveError, PolicyError
from dockyard.policy.facts import Facts


class ImageDeniedError(PolicyError):
    """The policy does not allow the image. Every reason is listed, each with what to do about it."""

    reference = "image-denied"
    hint = "Mend what the reasons name, or change [policy] in dockyard.toml if it asks too much."


class UndecidedError(InconclusiveError):
    """Facts that the policy asks for could not be had, so the image is neither allowed nor denied; nothing went on."""

    reference = "undecided"
    hint = "Make the facts available as the reasons say, and run the command again."


@dataclass(frozen=True)
class Reason:
    """Why a rule denies: the rule, what it saw, what to do. `known` is false where a fact is missing."""

    rule: str
    message: str
    advice: str
    known: bool = True

    def to_json(self) -> dict[str, Any]:
        """As a verdict shows it."""
        return {"rule": self.rule, "message": self.message, "advice": self.advice, "known": self.known}


@dataclass(frozen=True)
class Verdict:
    """What the policy says of an image, and from which facts."""

    allowed: bool
    reasons: Sequence[Reason]
    facts: Facts
    rules: Sequence[str]

    def to_json(self) -> dict[str, Any]:
        """As `--json` and records show it."""
        return {
            "allowed": self.allowed,
            "reasons": [reason.to_json() for reason in self.reasons],
            "rules": list(self.rules),
            "facts": self.facts.to_json(),
        }

    def demand(self) -> None:
        """Return if the image is allowed.

        Raises:
            ImageDeniedError: at least one rule denies by what is known.
            UndecidedError: rules deny only for want of facts.
        """
        if self.allowed:
            return
        lines = "".join(f"\n    {reason.rule}: {reason.message}\n      {reason.advice}" for reason in self.reasons)
        context = {"image": self.facts.to_json()["image"], "reasons": lines}
        if any(reason.known for reason in self.reasons):
            raise ImageDeniedError(f"the policy denies the image for {_count(self.reasons)}", context=context)
        raise UndecidedError(f"the policy cannot decide: {_count(self.reasons)}", context=context)


def _count(reasons: Sequence[Reason]) -> str:
    return "one reason" if len(reasons) == 1 else f"{len(reasons)} reasons"
