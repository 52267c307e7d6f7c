"""The settings of a registry server: `registry.toml`, or the flags of `dockyard serve`."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from dockyard._internal.settings import decode
from dockyard.server.measuring.settings import AccessLog, Metrics, Traces
from dockyard.server.mirror.settings import Mirror
from dockyard.server.webhooks.settings import Webhooks


class Tls(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """Certificate and key as PEM files; `self-made` makes both, for `names`, in the server's folder."""

    certificate: str = ""
    key: str = ""
    self_made: bool = False
    names: tuple[str, ...] = ()

    @property
    def wanted(self) -> bool:
        """Whether the server speaks TLS."""
        return bool(self.certificate or self.key or self.self_made)


class Proxy(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """How a reverse proxy in front shows the server: `url` to clients, whether X-Forwarded headers are believed or the
    networks of the proxies whose are, and the internal location under which nginx reads the storage folder
    (X-Accel-Redirect).
    """

    url: str = ""
    trusted: bool | tuple[str, ...] = False
    accel: str = ""


class Access(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """How callers show who they are, once there are accounts (docs/access.md).

    Attributes:
        service: what tokens are for; servers that share a database share it.
        token_lifetime: seconds for which a token from `/token` holds.
        refresh_lifetime: seconds after which an unused refresh token ends.
        tries: wrong passwords for one account before it has to wait; an address has four times as many.
        lock: seconds of the first wait; each further try doubles it, up to 15 minutes.
        rate: requests a second that one caller may make, or one address where nobody logged in; 0 for no bound.
        burst: how many requests may come at once; 0 for twice the rate.
        makers: who may make projects.
    """

    service: str = "dockyard"
    token_lifetime: Annotated[int, msgspec.Meta(ge=60, le=24 * 3600)] = 300
    refresh_lifetime: Annotated[int, msgspec.Meta(ge=3600)] = 30 * 24 * 3600
    tries: Annotated[int, msgspec.Meta(ge=1)] = 10
    lock: Annotated[int, msgspec.Meta(ge=1, le=900)] = 30
    rate: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    burst: Annotated[int, msgspec.Meta(ge=0)] = 0
    makers: Literal["admins", "everyone"] = "admins"


class Oidc(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """Login through an OpenID Connect provider.

    Attributes:
        issuer: its URL; empty for none.
        client_id: of this server there.
        client_secret: of this server there; empty for a public client, which PKCE protects alone.
        client_secret_file: where the secret is read from instead.
        scopes: what is asked for.
        name_claim: the claim that names new accounts.
        groups_claim: the claim with a list of groups; empty for none.
        admin_group: whoever is in it is a system admin, and whoever leaves it no longer is; empty leaves that alone.
        onboard: whether an account is made at the first login; else only accounts that are there already log in.
    """

    issuer: str = ""
    client_id: str = ""
    client_secret: str = ""
    client_secret_file: str = ""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    name_claim: str = "preferred_username"
    groups_claim: str = ""
    admin_group: str = ""
    onboard: bool = True


class Ldap(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """Login with a directory's passwords.

    Attributes:
        url: ldaps://host or ldap://host; empty for none.
        start_tls: whether to begin TLS on an ldap:// connection.
        ca: a file of authorities in place of the system's.
        bind_dn: who searches; empty searches as nobody.
        bind_password: of that entry.
        bind_password_file: where that is read from instead.
        base: below which people are.
        filter: finds one person; `{name}` becomes the name that was typed, escaped.
        name_attribute: names the account.
        email_attribute: has the address.
        group_base: below which groups are; empty for no groups.
        group_filter: finds a person's groups; `{dn}` and `{name}` become the person's.
        group_attribute: names the group.
        group_depth: how far up groups in groups are followed; 1 takes only those that have the person.
        admin_group: whoever is in it is a system admin, and whoever leaves it no longer is; empty leaves that alone.
        timeout: seconds to wait for an answer.
    """

    url: str = ""
    start_tls: bool = False
    ca: str = ""
    bind_dn: str = ""
    bind_password: str = ""
    bind_password_file: str = ""
    base: str = ""
    filter: str = "(uid={name})"
    name_attribute: str = "uid"
    email_attribute: str = "mail"
    group_base: str = ""
    group_filter: str = "(member={dn})"
    group_attribute: str = "cn"
    group_depth: Annotated[int, msgspec.Meta(ge=1, le=10)] = 1
    admin_group: str = ""
    timeout: Annotated[int, msgspec.Meta(ge=1, le=60)] = 5


class Objects(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """How blobs in object storage are reached.

    Attributes:
        redirect: whether clients fetch blobs from the storage itself, by a signed URL.
        redirect_from: bytes from which on a blob is fetched so; smaller ones come from this server.
        expires: seconds for which such a URL is good.
        options: credentials and further options as obstore names them; the environment's serve where there are none.
    """

    redirect: bool = False
    redirect_from: Annotated[int, msgspec.Meta(ge=0)] = 1 << 20
    expires: int = 300
    options: dict[str, str] = {}


class Limits(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """What a client may take up, and how the server ends.

    Attributes:
        patience: seconds for which a client may be silent within a request, or not read its answer.
        headers: most bytes of a request's headers.
        connections: database connections of one process.
        stale: with PostgreSQL, seconds for which a replica may answer from memory what another one has changed since;
            0 asks the database every time.
        drain: seconds between the signal to stop, from which on `/readyz` says 503, and the end of taking requests:
            what a load balancer needs to notice.
        stop: seconds that requests under way have to finish after that.
    """

    patience: Annotated[float, msgspec.Meta(ge=1)] = 60.0
    headers: Annotated[int, msgspec.Meta(ge=8192)] = 64 << 10
    connections: Annotated[int, msgspec.Meta(ge=2)] = 16
    stale: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    drain: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    stop: Annotated[float, msgspec.Meta(ge=0)] = 30.0


class Settings(msgspec.Struct, rename="kebab", forbid_unknown_fields=True, frozen=True):
    """The whole file.

    Attributes:
        listen: host:port.
        storage: a folder, or `s3://bucket/prefix` (`gs://`, `az://`) for blobs and uploads.
        folder: for what else a server keeps; the storage folder where that is one.
        database: a `postgresql://` URL; empty for a file in the folder.
        auto_migrate: whether the tables of a PostgreSQL database are changed at the start where they are behind.
        workers: processes.
        grace: seconds for which a blob that nothing refers to is kept.
        secrets_key: the file with the key for secrets in the database; `secrets.key` in the folder by default.
        audit_pulls: whether pulls are events even where no webhook wants them; gathered over ten seconds.
        auto_projects: whether a push may make a project that is not there.
        project_quota: bytes that a new project may hold, until a system admin says otherwise; 0 for no bound.
        feed: the compiled advisories that images are matched with; `feed.sqlite` in the storage folder by default.
    """

    listen: str = "127.0.0.1:5000"
    storage: str = ""
    folder: str = ""
    database: str = ""
    auto_migrate: bool = False
    workers: int = 1
    grace: int = 24 * 3600
    auto_projects: bool = True
    project_quota: Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)] = 0
    feed: str = ""
    tls: Tls = Tls()
    proxy: Proxy = Proxy()
    mirrors: list[Mirror] = []
    access: Access = Access()
    oidc: Oidc = Oidc()
    ldap: Ldap = Ldap()
    objects: Objects = Objects()
    limits: Limits = Limits()
    secrets_key: str = ""
    audit_pulls: bool = False
    webhooks: Webhooks = Webhooks()
    metrics: Metrics = Metrics()
    traces: Traces = Traces()
    access_log: AccessLog = AccessLog()

    @property
    def home(self) -> Path:
        """The folder for everything but blobs in object storage."""
        return Path(self.folder or ("" if "://" in self.storage else self.storage))

    @property
    def url(self) -> str:
        """The URL of this server as clients see it, as far as the settings say."""
        return self.proxy.url.rstrip("/") or f"{'https' if self.tls.wanted else 'http'}://{self.listen}"


def parse(raw: bytes, what: str = "registry.toml") -> Settings:
    """The settings in the bytes of a file.

    Raises:
        SettingsInvalidError: naming the place and the nearest known key.
    """
    return decode(raw, Settings, what=what)
