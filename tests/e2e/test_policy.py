"""Account policy of groups, passwords and names that nobody may have, the domain's name."""

import json

import ldap
import pytest

GOOD = "correct horse battery staple 42"
SHORT = "wry plum tuba 81 veto"


@pytest.fixture(scope="module", autouse=True)
def policy(instance):
    """A person in a group with a policy."""
    instance.login("admin")
    instance.create_person("paula", "Paula", radius=False)
    instance.ok("group", "create", "strict", name="idm_admin")
    instance.ok("group", "add_members", "strict", "paula", name="idm_admin")


def set_policy(instance, word, value):
    instance.ok("group", "account-policy", word, "strict", value, name="idm_admin")


def choose(instance, password):
    return instance.kanidm("person", "credential", "update", "paula", name="idm_admin",
                           input=f"pass\n{password}\n{password}\ncommit\nyes\n")


def test_a_policy_begins_with_the_class(instance):
    done = instance.kanidm("group", "account-policy", "auth-expiry", "strict", "700",
                           name="idm_admin")
    assert done.returncode == 1 and "account-policy enable strict" in done.stderr
    instance.ok("group", "account-policy", "enable", "strict", name="idm_admin")
    set_policy(instance, "auth-expiry", "700")
    shown = json.loads(instance.ok("group", "account-policy", "show", "strict", "-o", "json",
                                   name="idm_admin"))
    assert shown["policy_session_expiry"] == ["700"]
    for word, value in (("auth-expiry", "599"), ("password-minimum-length", "65"),
                        ("privilege-expiry", "59"), ("limit-search-max-results", "0"),
                        ("allow-primary-ldap-bind", "maybe"), ("auth-expiry", "long")):
        done = instance.kanidm("group", "account-policy", word, "strict", value, name="idm_admin")
        assert done.returncode == 1 and "policy_" in done.stderr, word


def test_a_password_has_the_policy_s_length(instance):
    set_policy(instance, "password-minimum-length", "30")
    done = choose(instance, SHORT)
    assert done.returncode == 1 and "at least 30 characters" in done.stderr
    set_policy(instance, "password-minimum-length", "clear")
    assert choose(instance, SHORT).returncode == 0
    assert instance.can_bind("paula", SHORT)


def test_a_login_lasts_as_long_as_the_policy_says(instance):
    instance.clock.set(instance.clock.now())
    try:
        assert choose(instance, GOOD).returncode == 0
        set_policy(instance, "privilege-expiry", "60")
        instance.login("paula", GOOD)
        instance.clock.shift(59)
        instance.ok("person", "update", "paula", "--displayname", "P.", name="paula")
        instance.clock.shift(1)
        done = instance.kanidm("person", "update", "paula", "--displayname", "Q.", name="paula")
        assert done.returncode == 1 and "reauth" in done.stderr
        instance.clock.shift(639)
        instance.ok("self", "whoami", name="paula")
        instance.clock.shift(1)
        assert instance.kanidm("self", "whoami", name="paula").returncode == 1
    finally:
        instance.clock.reset()
        for name in "idm_admin", "admin":
            instance.login(name)


def test_a_search_ends_at_the_policy_s_limit(instance):
    set_policy(instance, "limit-search-max-results", "3")
    connection = instance.connect("paula", GOOD)
    number = connection.search(instance.suffix, ldap.SCOPE_SUBTREE, "(class=group)", ["name"])
    found = 0
    with pytest.raises((ldap.SIZELIMIT_EXCEEDED, ldap.ADMINLIMIT_EXCEEDED)):
        while connection.result(number, all=0)[0] == ldap.RES_SEARCH_ENTRY:
            found += 1
    assert found == 3
    set_policy(instance, "limit-search-max-results", "clear")
    assert len(connection.search_s(instance.suffix, ldap.SCOPE_SUBTREE, "(class=group)",
                                   ["name"])) > 30
    connection.unbind_s()


def test_the_primary_password_may_be_for_the_command_line_alone(instance):
    assert instance.can_bind("paula", GOOD)
    set_policy(instance, "allow-primary-ldap-bind", "false")
    assert not instance.can_bind("paula", GOOD), "nor by what was remembered"
    assert "by account policy" in instance.ldapd_log()
    instance.login("paula", GOOD)
    instance.ok("self", "whoami", name="paula")
    instance.ok("person", "posix", "set", "paula", name="idm_admin")
    unix = "for the applications 9 alone"
    instance.ok("person", "posix", "set-password", "paula", name="idm_admin",
                input=f"{unix}\n{unix}\n")
    assert instance.can_bind("paula", unix)
    set_policy(instance, "allow-primary-ldap-bind", "clear")
    assert instance.can_bind("paula", GOOD)


def test_disabling_takes_all_of_the_policy_away(instance):
    set_policy(instance, "password-minimum-length", "40")
    instance.ok("group", "account-policy", "disable", "strict", name="idm_admin")
    assert instance.kanidm("group", "account-policy", "show", "strict",
                           name="idm_admin").returncode == 1
    assert choose(instance, GOOD).returncode == 0


def test_ordinary_policy_admins_don_t_reach_high_privilege_groups(instance):
    done = instance.kanidm("group", "account-policy", "enable", "system_admins", name="idm_admin")
    assert done.returncode == 1


def test_a_password_of_the_badlist_is_refused(instance, tmp_path):
    words = tmp_path / "words"
    words.write_text(f"{GOOD.upper()}\r\n\nanother bad pass phrase 7\n")
    instance.ok("system", "pw-badlist", "upload", words, name="idm_admin")
    instance.ok("system", "pw_badlist", "upload", words, name="idm_admin")
    assert set(instance.ok("system", "pw-badlist", "show", name="idm_admin").splitlines()) >= \
        {GOOD, "another bad pass phrase 7"}
    done = choose(instance, GOOD)
    assert done.returncode == 1 and "list" in done.stderr
    instance.ok("system", "pw-badlist", "remove", words, name="idm_admin")
    assert GOOD not in instance.ok("system", "pw-badlist", "show", name="idm_admin")
    assert choose(instance, GOOD).returncode == 0
    done = instance.kanidm("system", "pw-badlist", "upload", tmp_path / "none", name="idm_admin")
    assert done.returncode == 1 and "No such file" in done.stderr


def test_a_denied_name_can_t_be_taken(instance):
    assert "root" in instance.ok("system", "denied-names", "show", name="idm_admin")
    instance.ok("system", "denied-names", "append", "ceo", "cfo", name="idm_admin")
    done = instance.kanidm("person", "create", "ceo", "Boss", name="idm_admin")
    assert done.returncode == 1 and "ceo" in done.stderr
    instance.ok("system", "denied-names", "remove", "ceo", name="idm_admin")
    instance.ok("person", "create", "ceo", "Boss", name="idm_admin")
    instance.login("paula", GOOD)
    done = instance.kanidm("system", "denied-names", "append", "x", name="paula")
    assert done.returncode == 1 and "idm_account_policy_admins" in done.stderr


def test_the_domain_has_a_name_to_show(instance):
    instance.ok("system", "domain", "set-display-name", "The Example", name="admin")
    assert "domain_display_name: The Example" in instance.ok("system", "domain", "show",
                                                             name="paula")
    assert instance.kanidm("system", "domain", "set-display-name", "Mine",
                           name="paula").returncode == 1
