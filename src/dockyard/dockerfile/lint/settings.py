"""The linter's settings: the table `[lint]` of dockyard.toml, or Hadolint's own file."""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from dockyard._internal.settings import decode, decode_yaml
from dockyard.dockerfile.fault import meant
from dockyard.dockerfile.lint.finding import Severity
from dockyard.dockerfile.lint.options import LABEL_KINDS, Options
from dockyard.dockerfile.lint.rules import named
from dockyard.errors import UsageError

# The last two are what Hadolint calls it when every finding counts.
Threshold = Literal["error", "warning", "info", "style", "ignore", "none"]


class LabelSchemaError(UsageError):
    """A label was asked for in a way that cannot be understood."""

    reference = "label-schema-invalid"
    hint = "Write --label NAME=KIND, for example --label org.opencontainers.image.version=semver."


class Override(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Rules by the severity that they shall have here instead of their own."""

    error: list[str] = []
    warning: list[str] = []
    info: list[str] = []
    style: list[str] = []

    def severities(self) -> dict[str, Severity]:
        """The severity by the rule's code; a rule that is named twice has the worse.

        Raises:
            RuleUnknownError: there is no such rule.
        """
        found: dict[str, Severity] = {}
        ordered: tuple[tuple[Severity, list[str]], ...] = (
            ("style", self.style),
            ("info", self.info),
            ("warning", self.warning),
            ("error", self.error),
        )
        for severity, names in ordered:
            found |= dict.fromkeys(named(names), severity)
        return found


class LintSettings(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """The table `[lint]`. Rules are named as on the command line; `labels` maps names to kinds of values.

    With `no_fail` no finding makes the exit code 1; with `disable_ignore_pragma` comments silence nothing.
    """

    ignore: list[str] = []
    also: list[str] = []
    override: Override = Override()
    trusted_registries: list[str] = []
    labels: dict[str, str] = {}
    strict_labels: bool = False
    fail_on: Threshold = "error"
    no_fail: bool = False
    disable_ignore_pragma: bool = False

    def options(self) -> Options:
        """What the rules have to know of it.

        Raises:
            LabelSchemaError: a label is to have an unknown kind of value.
            RuleUnknownError: a rule is named that is not there.
        """
        return Options(
            tuple(self.trusted_registries),
            schema(self.labels),
            self.strict_labels,
            pragmas=not self.disable_ignore_pragma,
            severities=self.override.severities(),
        )


class _Hadolint(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """Hadolint's file as its users write it; what only concerns its output is read and left alone."""

    ignored: list[str] | None = None
    override: Override | None = None
    trusted_registries: list[str] | None = msgspec.field(default=None, name="trustedRegistries")
    label_schema: dict[str, str] | None = None
    strict_labels: bool = False
    failure_threshold: Threshold = "error"
    no_fail: bool = False
    disable_ignore_pragma: bool = False
    no_color: bool = False
    verbose: bool = False
    format: str = ""
    output: str = ""


class _Dockyard(msgspec.Struct, frozen=True):
    """dockyard.toml, of which only one table is of interest here."""

    lint: LintSettings | None = None


def from_dockyard(raw: bytes, what: str) -> LintSettings | None:
    """The table `[lint]` of a dockyard.toml, or None where it has none. `what` names the file in errors.

    Raises:
        SettingsInvalidError: it is no TOML, or the table has an unknown key.
    """
    return decode(raw, _Dockyard, what=what).lint


def from_hadolint(raw: bytes, what: str) -> LintSettings:
    """What a `.hadolint.yaml` asks for; an empty one asks for nothing.

    Raises:
        SettingsInvalidError: it is no YAML, or has a key that Hadolint has not.
    """
    bare = all(not line.strip() or line.lstrip().startswith(b"#") for line in raw.splitlines())
    found = _Hadolint() if bare else decode_yaml(raw, _Hadolint, what=what)
    return LintSettings(
        ignore=found.ignored or [],
        override=found.override or Override(),
        trusted_registries=found.trusted_registries or [],
        labels=found.label_schema or {},
        strict_labels=found.strict_labels,
        fail_on=found.failure_threshold,
        no_fail=found.no_fail,
        disable_ignore_pragma=found.disable_ignore_pragma,
    )


def threshold(word: Threshold) -> Severity:
    """The least severity that counts."""
    return "style" if word == "ignore" or word == "none" else word


def schema(labels: Mapping[str, str]) -> dict[str, str]:
    """`labels` with every kind known; a label without a kind is text.

    Raises:
        LabelSchemaError: a kind is not known, or a label has no name.
    """
    found: dict[str, str] = {}
    for name, kind in labels.items():
        if not name or (kind or "text") not in LABEL_KINDS:
            hint = meant(kind, LABEL_KINDS) or f"The kinds are {', '.join(LABEL_KINDS)}."
            raise LabelSchemaError(f"the label {name!r} is asked for with the kind {kind!r}", hint=hint)
        found[name] = kind or "text"
    return found


def labels(words: Sequence[str]) -> dict[str, str]:
    """Labels as the command line names them: NAME=KIND, or NAME:KIND as in Hadolint.

    Raises:
        LabelSchemaError: a kind is not known, or a label has no name.
    """
    found: dict[str, str] = {}
    for word in words:
        name, separator, kind = word.partition("=")
        if not separator:
            name, _, kind = word.partition(":")
        found[name] = kind
    return schema(found)
