"""Login with a directory's passwords (LDAP v3): find the person, then bind as the person (RFC 4511, 4513, 4515)."""

import importlib.util
import re
import ssl
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dockyard.errors import TransientError, UsageError
from dockyard.registry.local import is_local
from dockyard.server.access.breaker import PLACES, Breaker
from dockyard.server.access.outsider import Outsider
from dockyard.server.settings import Ldap

_MOST_GROUPS = 1000
_TOGETHER = 50


class DirectoryUnreachableError(TransientError):
    """The LDAP directory does not answer, or refuses the search."""

    reference = "directory-unreachable"
    hint = "Check [ldap] in registry.toml: url, ca, bind-dn, bind-password, base. Accounts made here still log in."


class DirectorySettingsError(UsageError):
    """[ldap] in registry.toml cannot be used as it is."""

    reference = "directory-settings"
    hint = "docs/access.md shows a whole example."


class LdapDirectory:
    """A directory that checks passwords (`login.Directory`). May be used from several threads.

    Raises:
        DirectorySettingsError: the settings are incomplete, or would send passwords over a network in the clear.
    """

    def __init__(self, settings: Ldap) -> None:
        try:
            parts = urlsplit(settings.url)
        except ValueError:
            raise DirectorySettingsError(f"[ldap] has a url that is none: {settings.url[:100]!r}") from None
        if parts.scheme not in ("ldap", "ldaps") or not parts.hostname or not settings.base:
            raise DirectorySettingsError(f"[ldap] needs a url and a base: {settings.url[:100]!r}")
        if parts.scheme == "ldap" and not settings.start_tls and not is_local(parts.hostname):
            raise DirectorySettingsError(
                "passwords would travel in the clear", hint="Use ldaps://, or set start-tls = true."
            )
        if "{name}" not in settings.filter:
            raise DirectorySettingsError("the filter in [ldap] has no {name}")
        if settings.group_depth > 1 and ("{name}" in settings.group_filter or "{dn}" not in settings.group_filter):
            # A group that is called like a person must not be taken for the person.
            raise DirectorySettingsError(
                "groups in groups are found by {dn} only", hint="Take a group-filter such as (member={dn})."
            )
        if settings.admin_group and not settings.group_base:
            raise DirectorySettingsError("[ldap] has an admin-group, and no group-base to find it in")
        if importlib.util.find_spec("ldap3") is None:
            raise DirectorySettingsError("ldap3 is not installed", hint="pip install 'dockyard[ldap]'")
        self._settings = settings
        self._breaker = Breaker(DirectoryUnreachableError, "the directory", threading.Semaphore(PLACES))
        self._password = secret_of(settings.bind_password, settings.bind_password_file)

    def check(self, name: str, password: str) -> Outsider | None:
        """Who that is; None where the filter finds nobody or more than one, or the password is wrong.

        Raises:
            DirectoryUnreachableError: the directory cannot say.
        """
        from ldap3.core.exceptions import LDAPException

        # A bind without a password succeeds as nobody (RFC 4513 §5.1.2); a name without bound is nobody's.
        if not password or not name or len(name) > 256:
            return None
        with self._breaker.asking():
            try:
                return self._check(name, password)
            except LDAPException as error:
                raise DirectoryUnreachableError(
                    f"the directory failed: {type(error).__name__}: {str(error)[:200]}"
                ) from error

    def _check(self, name: str, password: str) -> Outsider | None:
        from ldap3.utils.conv import escape_filter_chars

        wanted = self._settings
        searcher = self._bound(wanted.bind_dn, self._password)
        if searcher is None:
            raise DirectoryUnreachableError("the directory refuses bind-dn with bind-password")
        try:
            attributes = [wanted.name_attribute, wanted.email_attribute, "entryUUID", "objectGUID"]
            found = self._search(
                searcher, wanted.base, wanted.filter.replace("{name}", escape_filter_chars(name)), attributes, 2
            )
            if len(found) != 1:
                return None
            entry = found[0]
            as_person = self._bound(entry["dn"], password)
            if as_person is None:
                return None
            as_person.unbind()
            groups = self._groups(searcher, entry["dn"], name)
        finally:
            searcher.unbind()
        admin = wanted.admin_group in groups if groups is not None and wanted.admin_group else None
        called = _first(entry, wanted.name_attribute) or name
        return Outsider("ldap", _identity(entry), called, _first(entry, wanted.email_attribute), groups, admin)

    def _groups(self, searcher: Any, dn: str, name: str) -> tuple[str, ...] | None:
        wanted = self._settings
        if not wanted.group_base:
            return None
        known: dict[str, str] = {}  # names by where they are
        newest = [dn]
        for _ in range(wanted.group_depth):
            above: list[str] = []
            for at in range(0, len(newest), _TOGETHER):
                text = "".join(_filled(wanted.group_filter, each, name) for each in newest[at : at + _TOGETHER])
                text = text if len(newest) == 1 else f"(|{text})"
                for entry in self._search(searcher, wanted.group_base, text, [wanted.group_attribute], _MOST_GROUPS):
                    place = str(entry["dn"])
                    if place.lower() not in known and len(known) < _MOST_GROUPS:  # groups may be in one another
                        known[place.lower()] = _first(entry, wanted.group_attribute)
                        above.append(place)
            newest = above
            if not newest:
                break
        return tuple(filter(None, known.values()))

    def _bound(self, dn: str, password: str) -> Any | None:
        import ldap3

        wanted = self._settings
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=wanted.ca or None)
        server = ldap3.Server(wanted.url, tls=tls, get_info=ldap3.NONE, connect_timeout=wanted.timeout)
        connection = ldap3.Connection(
            server,
            user=dn or None,
            password=password or None,
            auto_bind=ldap3.AUTO_BIND_NONE,
            read_only=True,
            auto_referrals=False,
            receive_timeout=wanted.timeout,
        )
        try:
            connection.open()
            if wanted.start_tls and not connection.start_tls():
                raise DirectoryUnreachableError("the directory does not begin TLS")
            if connection.bind():
                return connection
        except Exception:
            # The library leaves the socket to chance when it fails.
            if connection.socket is not None:
                connection.socket.close()
            raise
        code = connection.result["result"]
        connection.unbind()
        if code in (32, 34, 48, 49, 53):  # no such entry, odd name, no password, wrong password, not now
            return None
        raise DirectoryUnreachableError(f"the directory does not bind: {connection.result['description']}")

    def _search(self, searcher: Any, base: str, text: str, attributes: list[str], most: int) -> list[dict[str, Any]]:
        import ldap3

        searcher.search(base, text, ldap3.SUBTREE, attributes=attributes, size_limit=most, time_limit=10)
        code = searcher.result["result"]
        if code == 32:  # there is no such base
            raise DirectoryUnreachableError(f"the directory has no {base}")
        if code not in (0, 4):  # 4: there are more
            raise DirectoryUnreachableError(f"the directory does not search: {searcher.result['description']}")
        return [each for each in searcher.response if each["type"] == "searchResEntry"]


def _filled(text: str, dn: str, name: str) -> str:
    """The filter for the groups that have an entry."""
    from ldap3.utils.conv import escape_filter_chars

    words = {"dn": escape_filter_chars(dn), "name": escape_filter_chars(name)}
    # In one step: what is put in is not looked through again.
    return re.sub(r"\{(dn|name)\}", lambda match: words[match[1]], text)


def secret_of(text: str, file: str) -> str:
    """A secret from the settings, or from the file that they name.

    Raises:
        DirectorySettingsError: the file cannot be read.
    """
    if not file:
        return text
    try:
        return Path(file).read_text().rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DirectorySettingsError(f"cannot read {file}", hint="Check the path and its permissions.") from error


def _first(entry: dict[str, Any], attribute: str) -> str:
    for name, values in entry["raw_attributes"].items():
        if name.lower() == attribute.lower() and values:
            return str(values[0].decode("utf-8", "replace"))
    return ""


def _identity(entry: dict[str, Any]) -> str:
    """Who that is for ever: a person may get another name or move to another place."""
    for name, values in entry["raw_attributes"].items():
        if name.lower() == "entryuuid" and values:
            return str(values[0].decode("ascii", "replace"))
        if name.lower() == "objectguid" and values:
            return str(values[0].hex())
    return str(entry["dn"]).lower()
