"""RADIUS in the audit trail (SPEC 9.2, 11.3): each login with its outcome, and why it was refused."""

import os
import re
import stat

import pytest

from instance import AS_ROOT, wait_for
from test_audit import found, last_serial, records, spn


@pytest.fixture(scope="module")
def people(instance):
    instance.login("admin")
    for name in ("rita", "outside", "nosecret", "groupless"):
        instance.create_person(name)
    instance.validity("outside", expire=0)
    instance.ok("account", "radius", "delete_secret", "nosecret", name="idm_admin")
    instance.ok("group", "remove_members", "radius_access_allowed", "groupless", name="idm_admin")
    instance.ok("service-account", "create", "robot", "Robot", name="idm_admin")
    for name in ("outside", "nosecret", "robot"):
        instance.radius_secrets.setdefault(name, "whatever-it-is")
    instance.ok("group", "add_members", "radius_access_allowed", "robot", name="idm_admin")


@pytest.fixture
def since(instance, people):
    def settled():
        before = last_serial(instance)
        return before == last_serial(instance) and before
    return wait_for(settled, "the trail is settled")


@pytest.mark.parametrize("method", ["pap", "mschap"])
def test_who_is_let_in_is_recorded(instance, since, method):
    assert instance.radius(method, "rita", **{"NAS-Port": "17",
                                              "Calling-Station-Id": "02-00-00-00-00-01"}).accepted
    record = found(instance, since, protocol="radius", operation="login", outcome="ok")
    assert record["actor_name"] == spn("rita")
    assert record["source"] == "127.0.0.1"
    assert record["reason"] == "authenticated (port 17, station 02-00-00-00-00-01)"


@pytest.mark.parametrize("method", ["peap", "ttls"])
def test_a_tunnel_is_one_login_by_its_inner_name(instance, since, method):
    assert instance.eap(method, "rita").accepted
    record = found(instance, since, protocol="radius", operation="login")
    assert record["actor_name"] == spn("rita")
    assert record["outcome"] == "ok"


@pytest.mark.parametrize("name,reason", [
    ("outside", "expired"),
    ("robot", "a service account has no RADIUS access"),
    ("nosecret", "no RADIUS secret is set"),
    ("groupless", "in none of the required groups"),
])
def test_who_is_refused_is_recorded_with_why(instance, since, name, reason):
    assert instance.radius("pap", name).rejected
    record = found(instance, since, protocol="radius", operation="login", outcome="denied")
    assert record["actor_name"] == spn(name)
    assert reason in record["reason"]


def test_a_wrong_secret_is_recorded_and_is_not_in_the_trail(instance, since):
    assert instance.radius("pap", "rita", "guessed-and-wrong").rejected
    record = found(instance, since, protocol="radius", operation="login", outcome="denied")
    assert record["actor_name"] == spn("rita")
    assert record["reason"]
    assert "guessed-and-wrong" not in str(record)


def test_a_wrong_secret_in_a_tunnel_is_one_refusal(instance, since):
    assert instance.eap("peap", "rita", "guessed-and-wrong").rejected
    record = found(instance, since, protocol="radius", operation="login", outcome="denied")
    assert record["actor_name"] == spn("rita")


def test_an_unknown_name_is_recorded_as_it_was_typed(instance, since):
    assert instance.radius("pap", "nobody-here", "x").rejected
    record = found(instance, since, protocol="radius", operation="login", outcome="denied")
    assert record["actor_name"] == "nobody-here"
    assert "no account has this name" in record["reason"]


def test_sessions_are_recorded(instance, since):
    for status, word in (("Start", "started"), ("Stop", "stopped"), ("Interim-Update", None)):
        assert instance.account("rita", status, **{"Calling-Station-Id": "02-00-00-00-00-01"})
        if word:
            record = found(instance, since, protocol="radius", operation="accounting",
                           reason=f"session {word} (station 02-00-00-00-00-01, session 5A3B)")
            assert record["actor_name"] == spn("rita")
            assert record["outcome"] == "ok"
    assert instance.radius("pap", "rita").accepted
    found(instance, since, protocol="radius", operation="login")
    made = [r for r in records(instance, "--limit", "400")
            if r["serial"] > since and r["operation"] == "accounting"]
    assert len(made) == 2  # the interim update has none


def socket_of(instance):
    return instance.dir / "keys" / "radius.socket"


@pytest.mark.skipif(not AS_ROOT, reason="users are made by root alone")
def test_freeradius_alone_may_report(instance, people):
    info = os.stat(socket_of(instance))
    assert stat.S_ISSOCK(info.st_mode)
    assert stat.S_IMODE(info.st_mode) == 0o620
    tell = ("import socket,sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)"
            ".sendto(b'x', sys.argv[1])")

    def may_send(user, group, groups):
        done = instance.run("setpriv", "--reuid", user, "--regid", group, "--groups", groups,
                            "/usr/bin/python3", "-c", tell, socket_of(instance), cwd="/")
        assert done.returncode == 0 or "PermissionError" in done.stderr, done.stderr
        return done.returncode == 0
    assert may_send("freerad", "freerad", "kanidm-read")
    assert not may_send("kanidm-ldap", "kanidm-ldap", "kanidm-read")
    assert not may_send("nobody", "nogroup", "nogroup")


def test_without_a_server_radius_goes_on_and_says_what_was_lost(instance, people):
    instance.stop_ldapd()
    try:
        assert instance.radius("pap", "rita").accepted
        assert instance.radius("pap", "rita", "wrong").rejected
        lost = re.findall(r"kanidm: \d+ reports did not reach \S+radius\.socket", instance.radius_log())
        assert len(lost) == 1  # once a minute
    finally:
        instance.start_ldapd()
    instance.login("admin")
    since = last_serial(instance)
    assert instance.radius("pap", "rita").accepted
    found(instance, since, protocol="radius", operation="login", outcome="ok")
