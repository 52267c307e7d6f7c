"""Lint settings: from dockyard.toml or Hadolint's file, then the command line, which has the last word."""

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from dockyard.dockerfile.lint.settings import LintSettings, Override, Threshold, from_dockyard, from_hadolint, labels
from dockyard.errors import UsageError

_LARGEST = 1 << 20
HADOLINT = (".hadolint.yaml", ".hadolint.yml")


class LintSettingsMissingError(UsageError):
    """The file that --config names is not there, cannot be read, or is a dockyard.toml without `[lint]`."""

    reference = "lint-settings-missing"
    hint = "Name a dockyard.toml with a table [lint], or a .hadolint.yaml. docs/lint.md shows both."


def settings(config: str, folder: Path | None) -> LintSettings:
    """What the file `config` asks for; without one what is found beside the Dockerfile, or in the current folder.

    The first of `dockyard.toml` with a table `[lint]`, `.hadolint.yaml` and `.hadolint.yml` counts, alone.

    Raises:
        LintSettingsMissingError: `config` is not there or has no settings.
        SettingsInvalidError: a file cannot be understood.
    """
    if config:
        raw = _read(Path(config))
        if raw is None:
            raise LintSettingsMissingError(f"cannot read {config}", context={"file": config})
        if not config.endswith(".toml"):
            return from_hadolint(raw, config)
        found = from_dockyard(raw, config)
        if found is None:
            raise LintSettingsMissingError(f"{config} has no table [lint]", context={"file": config})
        return found
    for place in dict.fromkeys(each.absolute() for each in (folder, Path()) if each is not None):
        raw = _read(place / "dockyard.toml")
        found = from_dockyard(raw, str(place / "dockyard.toml")) if raw is not None else None
        if found is not None:
            return found
        for name in HADOLINT:
            raw = _read(place / name)
            if raw is not None:
                return from_hadolint(raw, str(place / name))
    return LintSettings()


def _read(path: Path) -> bytes | None:
    from dockyard._internal.limits import read_bounded

    try:
        with path.open("rb") as stream:
            return read_bounded(stream, _LARGEST, str(path))
    except (FileNotFoundError, NotADirectoryError):
        return None


def merged(
    found: LintSettings,
    *,
    ignore: Sequence[str],
    also: Sequence[str],
    severities: Override,
    registries: Sequence[str],
    label: Sequence[str],
    strict_labels: bool,
    threshold: Threshold | None,
    no_fail: bool,
    disable_ignore_pragma: bool,
) -> LintSettings:
    """`found` with what the command line adds, or says instead.

    Raises:
        LabelSchemaError: a label is asked for in a way that cannot be understood.
    """
    asked = {
        name for names in (severities.error, severities.warning, severities.info, severities.style) for name in names
    }

    def both(own: list[str], more: list[str]) -> list[str]:
        return [*(name for name in own if name not in asked), *more]

    return replace(
        found,
        ignore=[*found.ignore, *ignore],
        also=[*found.also, *also],
        override=Override(
            both(found.override.error, severities.error),
            both(found.override.warning, severities.warning),
            both(found.override.info, severities.info),
            both(found.override.style, severities.style),
        ),
        trusted_registries=[*found.trusted_registries, *registries],
        labels={**found.labels, **labels(label)},
        strict_labels=found.strict_labels or strict_labels,
        fail_on=threshold or found.fail_on,
        no_fail=found.no_fail or no_fail,
        disable_ignore_pragma=found.disable_ignore_pragma or disable_ignore_pragma,
    )
