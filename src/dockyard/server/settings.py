"""The settings of a registry server: `registry.toml`, or the flags of `dockyard serve`."""

import msgspec

from dockyard._internal.settings import decode
from dockyard.server.mirror.settings import Mirror


class Tls(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """Certificate and key as PEM files; `self-made` makes both in the storage folder."""

    certificate: str = ""
    key: str = ""
    self_made: bool = False


class Proxy(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """How a reverse proxy in front shows the server: `url` to clients, whether its X-Forwarded headers are believed,
    and the internal location under which nginx reads the storage folder (X-Accel-Redirect).
    """

    url: str = ""
    trusted: bool = False
    accel: str = ""


class Settings(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """The whole file.

    Attributes:
        listen: host:port.
        storage: a folder, or `s3://bucket/prefix` (`gs://`, `az://`) for blobs beside a folder for uploads.
        database: a `postgresql://` URL; empty for a file in the storage folder.
        workers: processes.
        grace: seconds for which a blob that nothing refers to is kept.
        auto_projects: whether a push may make a project that is not there.
        feed: the compiled advisories that images are matched with; `feed.sqlite` in the storage folder by default.
    """

    listen: str = "127.0.0.1:5000"
    storage: str = ""
    database: str = ""
    workers: int = 1
    grace: int = 24 * 3600
    auto_projects: bool = True
    feed: str = ""
    tls: Tls = Tls()
    proxy: Proxy = Proxy()
    mirrors: list[Mirror] = []


def parse(raw: bytes, what: str = "registry.toml") -> Settings:
    """The settings in the bytes of a file.

    Raises:
        SettingsInvalidError: naming the place and the nearest known key.
    """
    return decode(raw, Settings, what=what)
