"""The composition root of authentication and authorisation: logins, tokens and the guard, built from the settings."""

from dataclasses import dataclass

from dockyard.errors import UsageError
from dockyard.registry.local import is_local
from dockyard.server.access.guard import FRESH_S, Doorkeeper
from dockyard.server.access.issuers import Issuers
from dockyard.server.access.keys import Keys
from dockyard.server.access.ldap import LdapDirectory
from dockyard.server.access.login import Login
from dockyard.server.database import Database
from dockyard.server.settings import Settings


@dataclass(frozen=True)
class Doors:
    """The guard, what it asks, and other systems' keys."""

    keeper: Doorkeeper
    login: Login
    issuers: Issuers


def open_doors(database: Database, settings: Settings, *, fresh: float = FRESH_S) -> Doors:
    """The doors of one process.

    Args:
        database: has the accounts.
        settings: of the server.
        fresh: seconds after which a change of rights holds at the latest.

    Raises:
        DirectorySettingsError: [ldap] cannot be used.
        UsageError: [oidc] cannot.
    """
    if settings.oidc.admin_group and not settings.oidc.groups_claim:
        hint = 'Name the claim with the groups, such as groups-claim = "groups", and the scope that it comes with.'
        raise UsageError("[oidc] has an admin-group, and no groups-claim to find it in", hint=hint)
    directory = LdapDirectory(settings.ldap) if settings.ldap.url else None
    login = Login(database, Keys(database), settings.access, directory)
    local = is_local(settings.listen.rpartition(":")[0])
    return Doors(Doorkeeper(login, local=local, fresh=fresh), login, Issuers())
