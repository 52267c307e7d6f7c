"""`config.toml`: how registries are reached."""

import msgspec

from dockyard._internal.settings import decode


class RegistrySettings(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """One registry: mirrors in order of preference, whether plain HTTP or unchecked TLS will do, a file of CAs."""

    mirrors: list[str] = []
    insecure: bool = False
    ca: str = ""


class Settings(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """The whole file. `registries` is keyed by host, with port where it has one."""

    registries: dict[str, RegistrySettings] = {}


def parse(raw: bytes, what: str = "config.toml") -> Settings:
    """The settings in the bytes of a file.

    Raises:
        SettingsInvalidError: naming the place and the nearest known key.
    """
    return decode(raw, Settings, what=what)
