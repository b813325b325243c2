"""kanidmd hold: an account is let in nowhere, said at the console, with a server or without."""

import json
import re

import ldap
import pytest

from instance import wait_for


@pytest.fixture(scope="module")
def people(instance):
    for name in ("henry", "ida"):
        instance.create_person(name)
    return instance


def hold(instance, word, name, *options):
    done = instance.kanidmd("hold", word, name, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def listed(instance):
    done = instance.kanidmd("hold", "list", "-o", "json")
    assert done.returncode == 0, done.stderr
    return [entry["spn"] for entry in json.loads(done.stdout)]


def test_a_running_server_closes_the_connections_and_lets_nobody_in(instance, people):
    connection = instance.connect("henry")
    other = instance.connect("ida")
    assert instance.radius("pap", "henry").accepted
    assert "is held" in hold(instance, "add", "henry", "--online")

    def told():
        # Polls without sending anything.
        try:
            connection.result4(ldap.RES_ANY, 0, 0.0)
        except (ldap.SERVER_DOWN, ldap.UNAVAILABLE, ldap.CONNECT_ERROR):
            return True
        except ldap.LDAPError:
            pass
        return False
    wait_for(told, "the connection is closed", 2.0)
    assert not instance.can_bind("henry")
    answer = instance.radius("pap", "henry")
    assert answer.rejected
    assert "held at the console" in instance.radius_log()
    assert other.whoami_s() == f"u:ida@{instance.domain}"
    assert instance.radius("pap", "ida").accepted
    assert listed(instance) == [f"henry@{instance.domain}"]
    assert "already" in hold(instance, "add", "henry", "--online")
    assert "no longer" in hold(instance, "remove", "henry", "--online")
    assert instance.can_bind("henry")
    assert instance.radius("pap", "henry").accepted
    assert listed(instance) == []


def test_others_see_that_the_account_is_locked(instance, people):
    reader = instance.connect("idm_admin")

    def locked():
        [(_, entry)] = reader.search_s(
            instance.dn("henry"), ldap.SCOPE_BASE, attrlist=["nsAccountLock"])
        return entry["nsAccountLock"][0]
    assert locked() == b"FALSE"
    hold(instance, "add", "henry", "--online")
    assert locked() == b"TRUE"
    hold(instance, "remove", "henry", "--online")
    assert locked() == b"FALSE"


def test_without_a_server_radius_knows_at_once_and_the_next_server_too(instance, people):
    done = instance.kanidmd("hold", "add", "henry")
    assert done.returncode == 1 and "--online" in done.stderr
    instance.stop_ldapd()
    try:
        assert instance.radius("pap", "henry").accepted
        answer = json.loads(hold(instance, "add", f"henry@{instance.domain}", "-o", "json"))
        assert answer == {"account": f"henry@{instance.domain}", "held": True, "changed": True}
        assert instance.radius("pap", "henry").rejected
        assert instance.radius("pap", "ida").accepted
        assert listed(instance) == [f"henry@{instance.domain}"]
    finally:
        instance.start_ldapd()
    assert not instance.can_bind("henry")
    assert instance.radius("pap", "henry").rejected
    hold(instance, "remove", "henry", "--online")
    assert instance.can_bind("henry")
    assert instance.radius("pap", "henry").accepted


@pytest.mark.parametrize("args,reason", [
    (("add", "nobody_here"), "no account 'nobody_here'"),
    (("add", "idm_admins"), "no account 'idm_admins'"),
    (("remove", "nobody_here"), "no account 'nobody_here'"),
])
def test_a_refusal_says_why(instance, people, args, reason):
    done = instance.kanidmd("hold", *args, "--online")
    assert done.returncode == 1 and done.stdout == ""
    assert reason in done.stderr


def test_the_audit_trail_tells_of_it(instance, people):
    hold(instance, "add", "ida", "--online")
    hold(instance, "remove", "ida", "--online")
    instance.login("admin")
    out = instance.ok("audit", "list", name="admin")
    lines = [line for line in out.splitlines() if re.search(r"\bhold\b", line) and "ida" in line]
    assert len(lines) >= 2, out[-3000:]
