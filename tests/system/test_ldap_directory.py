"""Login with the passwords of a real slapd."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dockyard.server.access import groups, members, projects, users
from dockyard.server.access.ldap import DirectorySettingsError, DirectoryUnreachableError, LdapDirectory
from dockyard.server.access.principal import SYSTEM_PRINCIPAL as SYSTEM
from dockyard.server.instance import Instance, open_instance
from dockyard.server.settings import Ldap, Settings
from making.calls import Caller, basic
from making.slapd import BASE, Slapd

Find = Callable[[str], str]


@pytest.fixture
def slapd(program: Find) -> Iterator[Slapd]:
    found = program("slapd")
    program("slapadd")
    # Debian confines slapd to some folders where AppArmor is on; short paths in /tmp are among the usual ones.
    with tempfile.TemporaryDirectory(prefix="slapd") as folder:
        made = Slapd(Path(folder), found)
        yield made
        made.close()


@pytest.fixture
def settings(slapd: Slapd) -> Ldap:
    return Ldap(
        url=slapd.url,
        bind_dn=slapd.admin,
        bind_password=slapd.password,
        base=f"ou=people,{BASE}",
        group_base=f"ou=groups,{BASE}",
        admin_group="ops",
    )


def changed(settings: Ldap, **values: Any) -> LdapDirectory:
    return LdapDirectory(msgspec.structs.replace(settings, **values))


def test_the_right_password_shows_a_person_with_address_and_groups(settings: Ldap) -> None:
    found = LdapDirectory(settings).check("ada", "engine-1843")
    assert found is not None
    assert (found.name, found.email, set(found.groups or ()), found.admin) == (
        "ada",
        "ada@example.org",
        {"dev", "ops"},
        True,
    )
    assert len(found.id) == 36  # entryUUID
    without = changed(settings, group_base="", admin_group="").check("ada", "engine-1843")
    assert without is not None
    assert (without.groups, without.admin) == (None, None)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", "wrong"),
        ("ada", ""),
        ("nobody", "engine-1843"),
        ("*", "engine-1843"),
        ("ad*", "engine-1843"),
        ("ada)(uid=*", "engine-1843"),
        ("ada\0", "engine-1843"),
        ("", "engine-1843"),
        ("a" * 1000, "x"),
        ("o(brien)*", "engine-1843"),
    ],
)
def test_wrong_and_cunning_names_show_nobody(settings: Ldap, name: str, password: str) -> None:
    assert LdapDirectory(settings).check(name, password) is None


def test_names_with_the_signs_of_filters_are_escaped(settings: Ldap) -> None:
    found = LdapDirectory(settings).check("o(brien)*", "parenthesis")
    assert found is not None
    assert found.groups == ("dev",)


def test_groups_in_groups_are_followed_as_far_as_the_settings_say(slapd: Slapd, settings: Ldap) -> None:
    groups = f"ou=groups,{BASE}"
    odd = f'cn=odd\\2C \\"name\\" (*),{groups}'
    for dn, name, member in (
        (odd, 'odd, "name" (*)', f"cn=dev,{groups}"),
        (f"cn=top,{groups}", "top", odd),
        # Named like a person, and in a circle.
        (f"cn=ada,{groups}", "ada", f"cn=top,{groups}"),
    ):
        slapd.change(f"dn: {dn}\nchangetype: add\nobjectClass: groupOfNames\ncn: {name}\nmember: {member}\n")
    slapd.change(f"dn: cn=dev,{groups}\nchangetype: modify\nadd: member\nmember: cn=ada,{groups}\n")
    for depth, wanted in (
        (1, {"dev"}),
        (2, {"dev", 'odd, "name" (*)'}),
        (3, {"dev", 'odd, "name" (*)', "top"}),
        (10, {"dev", 'odd, "name" (*)', "top", "ada"}),
    ):
        found = changed(settings, group_depth=depth).check("o(brien)*", "parenthesis")
        assert found is not None
        assert set(found.groups or ()) == wanted, depth
        assert found.admin is False
    with pytest.raises(DirectorySettingsError):
        changed(settings, group_depth=2, group_filter="(|(member={dn})(memberUid={name}))")


def test_tls_is_checked_both_ways(slapd: Slapd, settings: Ldap) -> None:
    for values in ({"url": slapd.secure}, {"start_tls": True}):
        assert changed(settings, ca=str(slapd.ca), **values).check("ada", "engine-1843") is not None
        with pytest.raises(DirectoryUnreachableError):
            changed(settings, **values).check("ada", "engine-1843")


def test_faults_of_the_directory_are_no_wrong_passwords(settings: Ldap) -> None:
    for values in (
        {"url": "ldap://127.0.0.1:1"},
        {"bind_password": "wrong"},
        {"base": "ou=none,dc=example,dc=org"},
        {"filter": "(uid={name}"},
    ):
        with pytest.raises(DirectoryUnreachableError):
            changed(settings, **values).check("ada", "engine-1843")
    for values in (
        {"url": "ldap://directory.example"},
        {"url": "http://127.0.0.1"},
        {"base": ""},
        {"filter": "(uid=ada)"},
        {"bind_password_file": "/nowhere"},
    ):
        with pytest.raises(DirectorySettingsError):
            changed(settings, **values)


@pytest.fixture
def instance(tmp_path: Path, settings: Ldap, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    from dockyard.server import instance as instances
    from dockyard.server.access.doors import open_doors

    monkeypatch.setattr(instances, "open_doors", lambda database, given: open_doors(database, given, fresh=0.0))
    made = open_instance(Settings(storage=str(tmp_path), ldap=settings))
    users.add(made.database, SYSTEM, "root", password="correct horse", admin=True)
    yield made
    made.close()


def test_people_of_the_directory_log_in_and_get_what_their_groups_have(instance: Instance, slapd: Slapd) -> None:
    call, database = Caller(instance.app), instance.database
    projects.add(database, SYSTEM, "team")
    groups.add(database, SYSTEM, "dev", source="ldap")
    members.put(database, SYSTEM, "team", "dev", "developer", kind="group")
    brien, ada = basic("o(brien)*", "parenthesis"), basic("Ada", "engine-1843")
    assert call("POST", "/v2/team/web/blobs/uploads/", auth=brien).status == 202
    assert call("DELETE", "/v2/team/web/manifests/1", auth=brien).status == 403
    assert call("DELETE", "/v2/team/web/manifests/1", auth=ada).status == 404  # ops: a system admin
    assert {each.name: (each.source, each.admin) for each in users.listing(database, SYSTEM)} == {
        "ada": ("ldap", True),
        "o-brien-": ("ldap", False),
        "root": ("local", True),
    }
    assert call("GET", "/v2/", auth=basic("ada", "wrong")).status == 401
    assert call("GET", "/v2/", auth=basic("root", "correct horse")).status == 200
    slapd.change(f"dn: cn=ops,ou=groups,{BASE}\nchangetype: delete\n")
    instance.access.keeper._shown.clear()
    assert call("DELETE", "/v2/team/web/manifests/1", auth=ada).status == 403
    token = call("GET", "/token", auth=brien).document["token"]
    users.change(database, SYSTEM, "o-brien-", disabled=True)
    assert call("GET", "/v2/", auth=f"Bearer {token}").status == 401
    assert call("GET", "/v2/", auth=brien).status == 401


def test_a_local_account_is_not_taken_over_by_the_directory(instance: Instance) -> None:
    users.add(instance.database, SYSTEM, "ada", password="another horse")
    call = Caller(instance.app)
    assert call("GET", "/v2/", auth=basic("ada", "engine-1843")).status == 401
    assert call("GET", "/v2/", auth=basic("ADA", "engine-1843")).status == 401
    assert call("GET", "/v2/", auth=basic("ada", "another horse")).status == 200


def test_a_directory_that_is_away_leaves_local_accounts_alone(instance: Instance, slapd: Slapd) -> None:
    slapd.close()
    call = Caller(instance.app)
    assert call("GET", "/v2/", auth=basic("ada", "engine-1843")).status == 503
    assert call("GET", "/token", auth=basic("ada", "engine-1843")).status == 503
    assert call("GET", "/v2/", auth=basic("root", "correct horse")).status == 200
