"""`[policy]` of dockyard.toml."""

import datetime as dt
from typing import Literal

import msgspec

Severity = Literal["negligible", "low", "medium", "high", "critical"]
Requirement = Literal["non-root", "healthcheck", "signed", "sbom", "pinned-base"]
TagForm = Literal["semver", "git"]


class FailOn(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """The severity gate: findings at or above `severity` deny; with `only-fixed` just those that have a fix."""

    severity: Severity = "high"
    only_fixed: bool = False


class Exemption(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """An advisory that is accepted for a reason until a day."""

    id: str
    reason: str
    until: dt.date | None = None


class Policy(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """The whole table. What is not named is not asked for; the tag `latest` is always refused."""

    fail_on: FailOn | None = None
    require: list[Requirement] = []
    tags: list[TagForm] = []
    keys: list[str] = []
    registries: list[str] = []
    exempt: list[Exemption] = []
