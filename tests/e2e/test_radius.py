"""RADIUS through the machine's freeradius: methods, refusals, and that secrets stay out of logs."""

import ldap
import pytest


@pytest.fixture(scope="module")
def person(instance):
    instance.create_person("rita", "Rita Radius")
    return "rita"


@pytest.mark.parametrize("method", ["pap", "chap", "mschap"])
def test_accepts_the_secret(instance, person, method):
    answer = instance.radius(method, person)
    assert answer.accepted, answer.text
    assert "Message-Authenticator" in answer.attributes


@pytest.mark.parametrize("method", ["pap", "chap", "mschap"])
def test_rejects_a_wrong_secret_and_says_nothing_more(instance, person, method):
    answer = instance.radius(method, person, "wrong-secret")
    assert answer.rejected, answer.text
    assert not set(answer.attributes) - {"Message-Authenticator", "MS-CHAP-Error"}


@pytest.mark.parametrize("tls13", [False, True], ids=["TLS 1.2", "TLS 1.3"])
@pytest.mark.parametrize("method", ["peap", "ttls"])
def test_accepts_in_a_tunnel(instance, person, method, tls13):
    answer = instance.eap(method, person, tls13=tls13)
    assert answer.accepted, answer.text[-3000:]


@pytest.mark.parametrize("method", ["peap", "ttls"])
def test_rejects_a_wrong_secret_in_a_tunnel(instance, person, method):
    assert instance.eap(method, person, "wrong-secret").rejected


@pytest.mark.parametrize("method", ["peap", "ttls"])
def test_the_outer_name_decides_nothing(instance, person, method):
    """Neither does a locked outer name keep a person out, nor a good one let a stranger in."""
    instance.create_person("locked1" + method)
    instance.validity("locked1" + method, expire=0)
    assert instance.eap(method, person, anonymous="locked1" + method).accepted
    assert instance.eap(method, "nobody-here", "x", anonymous=person).rejected


@pytest.mark.parametrize("name", [
    "rita", "RITA", "rita@idm.example.com", r"EXAMPLE\rita",
])
def test_takes_a_name_in_every_form(instance, person, name):
    answer = instance.radius("pap", name, instance.radius_secrets["rita"])
    assert answer.accepted, answer.text


def test_takes_a_uuid(instance, person):
    connection = instance.connect("idm_admin")
    [(_, entry)] = connection.search_s(instance.suffix, ldap.SCOPE_SUBTREE, "(uid=rita)", ["uuid"])
    connection.unbind_s()
    uuid = entry["uuid"][0].decode()
    assert instance.radius("pap", uuid, instance.radius_secrets["rita"]).accepted


def test_rejects_an_unknown_name(instance):
    assert instance.radius("pap", "no-such-person", "x").rejected


def test_rejects_a_foreign_realm(instance, person):
    answer = instance.radius("pap", "rita@elsewhere.example", instance.radius_secrets["rita"])
    assert answer.rejected


def test_the_login_password_is_not_the_radius_secret(instance, person):
    assert instance.radius("pap", person, instance.passwords[person]).rejected
    assert not instance.can_bind(instance.dn(person), instance.radius_secrets[person])


def test_rejects_who_is_in_no_required_group_and_accepts_through_a_nested_one(instance):
    instance.create_person("nora")
    instance.ok("group", "remove_members", "radius_access_allowed", "nora", name="idm_admin")
    assert instance.radius("pap", "nora").rejected
    instance.ok("group", "create", "wifi", name="idm_admin")
    instance.ok("group", "add_members", "wifi", "nora", name="idm_admin")
    instance.ok("group", "add_members", "radius_access_allowed", "wifi", name="idm_admin")
    assert instance.radius("pap", "nora").accepted
    instance.ok("group", "remove_members", "wifi", "nora", name="idm_admin")
    assert instance.radius("pap", "nora").rejected


def test_a_person_without_a_secret_is_rejected(instance):
    instance.create_person("plain", radius=False)
    instance.ok("group", "add_members", "radius_access_allowed", "plain", name="idm_admin")
    assert instance.radius("pap", "plain", "").rejected
    assert instance.radius("pap", "plain", "x").rejected


def test_a_new_secret_replaces_the_old_one_at_once(instance):
    instance.create_person("renew")
    old = instance.radius_secrets["renew"]
    assert instance.radius("pap", "renew", old).accepted
    instance.ok("account", "radius", "generate_secret", "renew", name="idm_admin")
    assert instance.radius("pap", "renew", old).rejected


def test_a_wrong_nas_secret_gets_no_answer(instance, person):
    assert instance.radius("pap", person, nas_secret="wrong").code is None


def test_a_request_without_message_authenticator_gets_no_answer(instance, person):
    """CVE-2024-3596: such a request, and its answer, could be forged."""
    answer = instance.radius("pap", person, **{"Message-Authenticator": None})
    assert answer.code is None


def test_a_deleted_person_is_rejected(instance):
    instance.create_person("gone")
    secret = instance.radius_secrets["gone"]
    instance.ok("account", "delete", "gone", name="idm_admin")
    assert instance.radius("pap", "gone", secret).rejected


def test_logs_name_the_reason_and_no_secret(instance, person):
    instance.create_person("logged")
    instance.validity("logged", expire=0)
    instance.radius("pap", "logged")
    instance.radius("pap", person, "a-wrong-password-that-must-not-be-logged")
    log = instance.radius_log()
    assert "logged" in log
    for secret in (*instance.radius_secrets.values(), *instance.passwords.values(),
                   instance.nas_secret, "a-wrong-password-that-must-not-be-logged"):
        assert secret not in log


def test_answers_go_on_while_the_ldap_server_is_down(instance, person):
    """The module reads the database itself; it needs no other process."""
    instance.stop_ldapd()
    try:
        assert instance.radius("pap", person).accepted
    finally:
        instance.start_ldapd()
    assert instance.radius("pap", person).accepted
