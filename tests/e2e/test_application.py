"""Application passwords: generated, for one application, for members of its group alone."""

import json
import re

import ldap
import pytest

from instance import wait_for

GENERATED = "[A-HJ-NP-Za-hjkp-z0-9]{48}"


@pytest.fixture(scope="module", autouse=True)
def people(instance):
    for name in "amy", "bob":
        instance.create_person(name, name.title())
    for group in "mailers", "wikis":
        instance.ok("group", "create", group, name="idm_admin")
    instance.ok("group", "add_members", "mailers", "amy", name="idm_admin")
    instance.ok("system", "application", "create", "mail", "mailers", "The mail server",
                name="idm_admin")
    instance.ok("system", "application", "create", "wiki", "wikis", name="idm_admin")
    instance.login("amy")


def create(instance, application="mail", account="amy", by="amy"):
    out = instance.ok("person", "application", "create", account, application, "-o", "json",
                      name=by)
    return json.loads(out)


def listed(instance, account="amy", by="amy"):
    return json.loads(instance.ok("person", "application", "list", account, "-o", "json", name=by))


def bind_dn(instance, name="amy", application="mail"):
    return f"name={name},app={application},{instance.suffix}"


def test_applications_are_entries_of_their_own(instance):
    shown = instance.ok("system", "application", "list", name="idm_admin")
    assert "displayname: The mail server" in shown and "linked_group: " in shown
    assert instance.ok("system", "application", "list", name="amy") == ""
    done = instance.kanidm("system", "application", "create", "x", "mailers", name="amy")
    assert done.returncode == 1
    connection = instance.connect("idm_admin")
    rows = connection.search_s("ou=applications," + instance.suffix, ldap.SCOPE_ONELEVEL)
    assert sorted(dn.split(",")[0] for dn, _ in rows) == ["cn=mail", "cn=wiki"]


def test_a_password_is_generated_and_binds_in_both_forms(instance):
    out = instance.ok("account", "application", "create", "amy", "mail", "on my phone", name="amy")
    password = re.search(rf"^{GENERATED}$", out, re.M)[0]
    assert instance.can_bind(bind_dn(instance), password)
    assert instance.can_bind("amy", password)
    assert instance.can_bind(instance.dn("amy"), password)
    assert not instance.can_bind("bob", password)
    assert not instance.can_bind(bind_dn(instance, "bob"), password)
    assert not instance.can_bind(bind_dn(instance, application="wiki"), password)
    assert not instance.can_bind(bind_dn(instance), instance.passwords["amy"]), \
        "under an application's name its passwords count alone"
    assert instance.can_bind("amy", instance.passwords["amy"])
    one, = listed(instance)
    assert one["application"] == "mail" and one["label"] == "on my phone"
    assert password not in json.dumps(one) and password not in instance.ldapd_log()


def test_it_reads_what_anonymous_reads_and_itself_and_writes_nothing(instance):
    password = create(instance)["password"]
    connection = instance.connect(bind_dn(instance), password)
    assert connection.whoami_s() == "u:amy@idm.example.com"
    (_, own), = connection.search_s(instance.dn("amy"), ldap.SCOPE_BASE,
                                    attrlist=["mail", "displayname", "radius_secret"])
    assert "displayname" in own and "radius_secret" not in own
    with pytest.raises(ldap.INSUFFICIENT_ACCESS, match="application password"):
        connection.modify_s(instance.dn("amy"), [(ldap.MOD_REPLACE, "displayname", [b"A"])])
    with pytest.raises(ldap.LDAPError):
        connection.passwd_s(instance.dn("amy"), None, "a new password of good length 77")
    connection.unbind_s()


def test_radius_takes_none(instance):
    password = create(instance)["password"]
    instance.ok("group", "add_members", "radius_access_allowed", "amy", name="idm_admin")
    assert instance.radius("pap", "amy", password).rejected


def test_who_is_not_in_the_group_gets_none(instance):
    instance.login("bob")
    done = instance.kanidm("person", "application", "create", "bob", "mail", name="bob")
    assert done.returncode == 1 and "bob is not in mailers" in done.stderr
    done = instance.kanidm("person", "application", "create", "bob", "nowhere", name="bob")
    assert done.returncode == 1 and "no application nowhere" in done.stderr
    done = instance.kanidm("person", "application", "create", "amy", "mail", name="bob")
    assert done.returncode == 1
    done = instance.kanidm("person", "application", "list", "amy", name="bob")
    assert done.returncode == 1


def over(connection):
    try:
        connection.whoami_s()
        connection.search_s("", ldap.SCOPE_BASE)
        connection.search_s(connection.base, ldap.SCOPE_BASE)
    except (ldap.SERVER_DOWN, ldap.UNAVAILABLE, ldap.INSUFFICIENT_ACCESS):
        return True
    return False


def opened(instance, password):
    connection = instance.connect(bind_dn(instance), password)
    connection.base = instance.dn("amy")
    assert not over(connection)
    return connection


def test_whoever_leaves_the_group_can_use_it_no_more(instance):
    password = create(instance)["password"]
    connection = opened(instance, password)
    instance.ok("group", "remove_members", "mailers", "amy", name="idm_admin")
    try:
        wait_for(lambda: over(connection), "the connection is of no more use", 5)
        assert not instance.can_bind(bind_dn(instance), password)
        assert not instance.can_bind("amy", password)
    finally:
        instance.ok("group", "add_members", "mailers", "amy", name="idm_admin")
    assert instance.can_bind(bind_dn(instance), password)


def test_each_is_destroyed_by_itself_and_its_connections_end(instance):
    first, second = create(instance), create(instance)
    connection = opened(instance, first["password"])
    instance.ok("person", "application", "destroy", "amy", first["id"], name="amy")
    wait_for(lambda: over(connection), "its connection is closed", 5)
    assert not instance.can_bind("amy", first["password"])
    assert instance.can_bind("amy", second["password"])
    assert first["id"] not in [one["id"] for one in listed(instance)]
    done = instance.kanidm("person", "application", "destroy", "amy", first["id"], name="amy")
    assert done.returncode == 1
    instance.ok("person", "application", "destroy", "amy", second["id"], name="idm_admin")


def test_they_end_with_the_application_and_rest_while_the_account_is_locked(instance):
    instance.ok("group", "add_members", "wikis", "amy", name="idm_admin")
    wiki, mail = create(instance, "wiki")["password"], create(instance)["password"]
    assert instance.can_bind(bind_dn(instance, application="wiki"), wiki)
    instance.ok("system", "application", "delete", "wiki", name="idm_admin")
    assert not instance.can_bind(bind_dn(instance, application="wiki"), wiki)
    assert not instance.can_bind("amy", wiki)
    instance.validity("amy", expire="epoch")
    assert not instance.can_bind(bind_dn(instance), mail)
    instance.validity("amy")
    assert instance.can_bind(bind_dn(instance), mail)


def test_high_privilege_ends_them(instance):
    password = create(instance)["password"]
    instance.login("admin")
    instance.ok("group", "add_members", "idm_service_desk", "amy", "--yes", name="admin")
    try:
        assert not instance.can_bind(bind_dn(instance), password)
    finally:
        instance.ok("group", "remove_members", "idm_service_desk", "amy", name="admin")
    assert not instance.can_bind(bind_dn(instance), password)


def test_a_service_account_may_have_some_too(instance):
    instance.ok("service-account", "create", "scanner", "Scanner", name="admin")
    instance.ok("group", "add_members", "mailers", "scanner", name="idm_admin")
    out = instance.ok("service-account", "application", "create", "scanner", "mail", "-o", "json",
                      name="idm_admin")
    assert instance.can_bind(bind_dn(instance, "scanner"), json.loads(out)["password"])
    assert "no API tokens" in instance.kanidm("service-account", "api-token", "status", "scanner",
                                              name="admin").stderr
    assert instance.kanidmd("database", "verify").returncode == 0
