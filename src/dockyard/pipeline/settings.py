"""`dockyard.toml`: what ship does, in one file."""

from pathlib import Path

import msgspec

from dockyard._internal.settings import decode
from dockyard.deploy.settings import DeploySettings, HealthSettings
from dockyard.dockerfile.lint.settings import LintSettings
from dockyard.errors import UsageError
from dockyard.policy.settings import Policy, TagForm

FILE = "dockyard.toml"


class SettingsMissingError(UsageError):
    """There is no dockyard.toml in this folder, so it is not known what to ship."""

    reference = "settings-missing"
    hint = (
        'Two lines are enough to begin with: [image] and name = "127.0.0.1:5000/shop/web", the registry and repository '
        "to push to. docs/dockyard-toml.md shows every key."
    )


class ImageSettings(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """The repository to push to, with its registry, and which forms of tags it takes."""

    name: str
    tags: list[TagForm] = msgspec.field(default_factory=lambda: ["semver", "git"])


class BuildSettings(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """What is built, and for which platforms (this machine's by default); `{tag}` in a value of `args` stands for the
    tag.
    """

    context: str = "."
    dockerfile: str = ""
    platforms: list[str] = []
    target: str = ""
    args: dict[str, str] = {}


class SignSettings(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """The private key that signs; relative to the file."""

    key: str = ""


class Settings(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """The whole file. Without `[deploy]` nothing is deployed."""

    image: ImageSettings
    build: BuildSettings = BuildSettings()
    sign: SignSettings = SignSettings()
    lint: LintSettings = LintSettings()
    policy: Policy = Policy()
    deploy: DeploySettings | None = None
    health: HealthSettings = HealthSettings()


def load(folder: Path) -> Settings:
    """The settings in `folder`.

    Raises:
        SettingsMissingError, SettingsInvalidError: as `read`.
    """
    return read(folder / FILE)


def read(path: Path) -> Settings:
    """The settings in the file at `path`.

    Raises:
        SettingsMissingError: there is no file.
        SettingsInvalidError: naming the place and the nearest known key.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        said = f"there is no {path.name} in {path.parent.absolute()}"
        raise SettingsMissingError(said, context={"file": path}) from error
    settings = decode(raw, Settings, what=str(path))
    if not settings.policy.tags:
        policy = msgspec.structs.replace(settings.policy, tags=settings.image.tags)
        settings = msgspec.structs.replace(settings, policy=policy)
    return settings
