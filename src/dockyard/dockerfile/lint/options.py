"""What rules have to know that does not stand in the Dockerfile: settings, and facts about images."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dockyard.dockerfile.lint.finding import Severity
from dockyard.dockerfile.lint.measured import Measured

LABEL_KINDS = ("text", "url", "rfc3339", "spdx", "hash", "semver", "email", "rawtext")


@dataclass(frozen=True, slots=True)
class Options:
    """The settings and facts of one run.

    `registries` are those that bases may come from (`*` stands for any part of a name); empty trusts all. `labels`
    maps the names of labels that an image must have to the kind of their value, one of LABEL_KINDS; with
    `strict_labels` it may have no others. `platforms` maps a base, as FROM names it, to the platforms that it is known
    to have, `variables` to the names of those that it sets. `measured` holds what a build of this file and its image
    showed. Without `pragmas` no comment silences a rule; the check directive at the top of the file does. `severities`
    maps codes of rules to the severity that they have here.
    """

    registries: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    strict_labels: bool = False
    platforms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pragmas: bool = True
    severities: Mapping[str, Severity] = field(default_factory=dict)
    measured: Measured = field(default_factory=Measured)
