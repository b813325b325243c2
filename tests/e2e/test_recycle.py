"""The recycle bin, as its users see it (SPEC 11.6), by `kanidm` and by plain LDAP."""

import json
import re

import ldap
import pytest

from instance import wait_for

DAY = 24 * 3600


@pytest.fixture(scope="module")
def bin_admins(instance):
    """A person who keeps the recycle bin and is nothing else, and `admin`, who is both."""
    instance.login("admin")
    instance.create_person("keeper", radius=False)
    instance.ok("group", "add_members", "idm_recycle_bin_admins", "keeper", "--yes", name="admin")
    instance.login("keeper")
    return "keeper"


def deleted(instance, name, kind="person"):
    """Delete it; its uuid."""
    entry = json.loads(instance.ok(kind, "get", name, "-o", "json", name="idm_admin"))
    instance.ok(kind, "delete", name, name="idm_admin")
    return entry["uuid"][0]


def groups_of(instance, name):
    entry = json.loads(instance.ok("account", "get", name, "-o", "json", name="idm_admin"))
    return {group.split("@")[0] for group in entry.get("directmemberof", [])}


def test_a_deleted_person_comes_back_and_logs_in_as_before(instance, bin_admins):
    instance.create_person("alice")
    instance.ok("group", "create", "staff", name="idm_admin")
    instance.ok("group", "add_members", "staff", "alice", name="idm_admin")
    instance.login("alice")
    uuid = deleted(instance, "alice")
    assert not instance.can_bind("alice")
    assert not instance.radius("pap", "alice").accepted

    listed = json.loads(instance.ok("recycle-bin", "list", "-o", "json", name=bin_admins))
    assert [(e["name"][0], e["uuid"][0]) for e in listed] == [("alice", uuid)]
    shown = instance.ok("recycle-bin", "get", "alice", name=bin_admins)
    assert f"uuid: {uuid}\n" in shown and "class: recycled\n" in shown
    assert instance.ok("recycle-bin", "revive", "alice", name=bin_admins) == \
        "Successfully revived alice\n"

    assert instance.can_bind("alice")
    assert instance.radius("pap", "alice").accepted
    assert {"staff", "radius_access_allowed"} <= groups_of(instance, "alice")
    assert json.loads(instance.ok("recycle-bin", "list", "-o", "json", name=bin_admins)) == []
    gone = instance.kanidm("self", "whoami", name="alice")
    assert gone.returncode == 1, "the session that was ended stays ended"


def test_a_revived_group_has_its_members_back(instance, bin_admins):
    instance.ok("account", "create", "bob", "Bob", name="idm_admin")
    instance.ok("group", "create", "crew", name="idm_admin")
    instance.ok("group", "add_members", "crew", "bob", name="idm_admin")
    deleted(instance, "crew", "group")
    assert "crew" not in groups_of(instance, "bob")
    instance.ok("recycle-bin", "revive", "crew", name=bin_admins)
    assert "crew" in groups_of(instance, "bob")


def test_a_name_that_was_taken_meanwhile_is_a_clear_error(instance, bin_admins):
    instance.ok("account", "create", "carol", "Carol", name="idm_admin")
    uuid = deleted(instance, "carol")
    instance.ok("group", "create", "carol", name="idm_admin")
    done = instance.kanidm("recycle-bin", "revive", uuid, name=bin_admins)
    assert done.returncode == 1
    assert "name carol is taken by another entry" in done.stderr
    assert "revive this one" in done.stderr
    instance.ok("group", "delete", "carol", name="idm_admin")

    done = instance.kanidm("recycle-bin", "revive", "carol", name=bin_admins)
    assert done.returncode == 1 and "2 entries of that name were deleted" in done.stderr
    instance.ok("recycle-bin", "revive", uuid, name=bin_admins)
    assert instance.kanidm("person", "get", "carol", name="idm_admin").returncode == 0


def test_high_privilege_comes_back_only_by_who_may_write_it(instance, bin_admins):
    for who, back in (bin_admins, False), ("admin", True):
        name = f"dave{who}"
        instance.ok("account", "create", name, "Dave", name="idm_admin")
        instance.ok("group", "add_members", "idm_service_desk", name, "--yes", name="admin")
        instance.ok("person", "delete", name, name="admin")
        done = instance.kanidm("recycle-bin", "revive", name, name=who)
        assert done.returncode == 0, done.stderr
        assert ("high privilege group" in done.stderr) != back
        assert ("idm_service_desk" in groups_of(instance, name)) == back


def test_who_does_not_keep_the_recycle_bin_sees_nothing_of_it(instance, bin_admins):
    instance.ok("account", "create", "eve", "Eve", name="idm_admin")
    uuid = deleted(instance, "eve")
    assert json.loads(instance.ok("recycle-bin", "list", "-o", "json", name="idm_admin")) == []
    done = instance.kanidm("recycle-bin", "revive", uuid, name="idm_admin")
    assert done.returncode == 1 and "nothing of that name" in done.stderr

    connection = instance.connect("idm_admin")
    dn = f"uuid={uuid},{instance.suffix}"
    for change in ([(ldap.MOD_DELETE, "class", [b"recycled"])],
                   [(ldap.MOD_REPLACE, "displayname", [b"Eve 2"])]):
        with pytest.raises(ldap.NO_SUCH_OBJECT):
            connection.modify_s(dn, change)
    with pytest.raises(ldap.NO_SUCH_OBJECT):
        connection.search_s(dn, ldap.SCOPE_BASE, "(class=recycled)")
    connection.unbind_s()


def test_an_entry_is_revived_by_plain_ldap_too(instance, bin_admins):
    instance.ok("account", "create", "fred", "Fred", name="idm_admin")
    uuid = deleted(instance, "fred")
    connection = instance.connect(bin_admins)
    found = connection.search_s(instance.suffix, ldap.SCOPE_SUBTREE,
                                "(&(objectClass=recycled)(name=fred))", ["name", "memberof"])
    assert found == [(f"uuid={uuid},{instance.suffix}", {"name": [b"fred"]})]
    dn = found[0][0]
    with pytest.raises(ldap.NO_SUCH_OBJECT):  # nothing but that
        connection.modify_s(dn, [(ldap.MOD_DELETE, "class", [b"recycled"]),
                                 (ldap.MOD_REPLACE, "displayname", [b"F"])])
    connection.modify_s(dn, [(ldap.MOD_DELETE, "objectClass", [b"Recycled"])])
    connection.unbind_s()
    assert instance.kanidm("person", "get", "fred", name="idm_admin").returncode == 0


def test_what_was_deleted_can_not_come_back_after_seven_days(fresh):
    instance = fresh()
    now = instance.clock.now()
    instance.clock.set(now, synchronised=True)
    instance.recover("admin", "idm_admin")
    instance.start_ldapd()
    instance.login("admin")
    instance.login("idm_admin")
    instance.ok("account", "create", "alice", "Alice", name="idm_admin")
    uuid = deleted(instance, "alice")

    def there(kind):
        """By one who sees all that there is: a new session, for the clock has moved."""
        connection = instance.connect("admin")
        try:
            return bool(connection.search_s(f"uuid={uuid},{instance.suffix}", ldap.SCOPE_BASE,
                                            f"(class={kind})", ["uuid"]))
        except ldap.NO_SUCH_OBJECT:
            return False
        finally:
            connection.unbind_s()

    assert there("recycled")
    instance.clock.set(now + 7 * DAY - 1, synchronised=True)
    instance.restart_ldapd()
    assert there("recycled")
    # An unsynchronised clock that went ahead by weeks takes nothing away.
    instance.clock.set(now + 60 * DAY)
    instance.restart_ldapd()
    wait_for(lambda: "went ahead by more than a day" in instance.ldapd_log(), "the log says so")
    assert there("recycled")
    instance.clock.set(now + 7 * DAY, synchronised=True)
    instance.restart_ldapd()
    wait_for(lambda: not there("recycled"), "it is no longer in the recycle bin")
    instance.login("admin")
    done = instance.kanidm("recycle-bin", "revive", uuid, name="admin")
    assert done.returncode == 1 and "nothing of that name" in done.stderr


def test_an_administrator_says_that_the_clock_is_right(fresh):
    instance = fresh()
    now = instance.clock.now()
    instance.clock.set(now + 365 * DAY, synchronised=True)  # some server of time was wrong
    instance.recover("idm_admin")
    instance.start_ldapd()
    instance.login("idm_admin")
    instance.create_person("until", radius=False)
    instance.validity("until", expire=now + 1000 * DAY)
    assert instance.can_bind("until")
    instance.clock.set(now)
    assert not instance.can_bind("until"), "the clock lies behind the floor"
    done = instance.kanidmd("trust_clock")
    assert done.returncode == 1 and "stop the server first" in done.stderr
    instance.stop_ldapd()
    done = instance.kanidmd("trust-clock", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == {"time", "before"}
    instance.start_ldapd()
    assert instance.can_bind("until")


def test_a_clock_that_must_be_synchronised_is_not_believed_before_that(fresh):
    instance = fresh(clock="synchronised")
    instance.recover("idm_admin")
    instance.start_ldapd()
    assert "was not synchronised since the machine started" in instance.ldapd_log()
    instance.login("idm_admin")
    instance.create_person("always", radius=False)
    instance.create_person("until", radius=False)
    instance.validity("until", expire=instance.clock.now() + 10**6)
    assert instance.can_bind("always")
    assert not instance.can_bind("until")
    instance.clock.set(instance.clock.now(), synchronised=True)
    instance.restart_ldapd()
    assert instance.can_bind("until")
    instance.clock.set(instance.clock.now())  # it was once, since the machine started
    instance.restart_ldapd()
    assert instance.can_bind("until")


# --- sessions and changes at the same time


def test_an_account_has_at_most_64_sessions_and_the_oldest_ends(instance, bin_admins):
    instance.create_person("many", radius=False)
    instance.clock.set(instance.clock.now())
    tokens = []
    try:
        for i in range(65):
            instance.clock.shift(1)  # so that one began first
            instance.login("many")
            cache = json.loads((instance.dir / "home/.cache/kanidm_tokens").read_text())
            tokens.append(re.search(r"kt_[\w-]{54}", json.dumps(cache["sessions"]["many"]
                          if "sessions" in cache else cache["many"]))[0])
            if i == 0:
                first = instance.connect("", tokens[0])
                assert first.whoami_s()
    finally:
        instance.clock.reset()

    def is_over():
        try:
            first.search_s("", ldap.SCOPE_BASE)
        except (ldap.SERVER_DOWN, ldap.UNAVAILABLE):
            return True
        return False

    wait_for(is_over, "the connection of the first session is over")
    assert not instance.can_bind("", tokens[0])
    assert instance.can_bind("", tokens[1]) and instance.can_bind("", tokens[64])


def test_two_who_change_an_entry_at_once_both_succeed(instance, bin_admins):
    instance.ok("group", "create", "busy", name="idm_admin")
    for i in range(20):
        instance.ok("account", "create", f"m{i}", "M", name="idm_admin")
    one, two = instance.connect("idm_admin"), instance.connect("idm_admin")
    dn = f"cn=busy,ou=groups,{instance.suffix}"
    waiting = []
    for i in range(10):
        for connection, n in (one, i), (two, 10 + i):
            value = instance.dn(f"m{n}").encode()
            waiting.append((connection,
                            connection.modify(dn, [(ldap.MOD_ADD, "member", [value])])))
    for connection, number in waiting:
        connection.result(number)
    members = one.search_s(dn, ldap.SCOPE_BASE, "(class=group)", ["member"])[0][1]["member"]
    assert len(members) == 20
    one.unbind_s()
    two.unbind_s()
