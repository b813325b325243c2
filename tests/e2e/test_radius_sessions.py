"""TLS session resumption must not let in who is not let in any more (RFC 9190 section 5.7); the
reply's attributes; no answer, rather than a wrong one, when the database can't be read; what a
server with a wrong configuration says instead of starting."""

import re

import pytest

from relay import ACCESS_ACCEPT, Relay

METHODS = pytest.mark.parametrize("method", ["peap", "ttls"])


@pytest.fixture(scope="module")
def person(instance):
    instance.create_person("resa", "Resa Resumes")
    return "resa"


@pytest.fixture
def unlocked(instance, person):
    yield person
    instance.clock.reset()
    instance.validity(person)


def resume(instance, name, method, between, **options):
    """Log in twice with the TLS session of the first time; `between` happens in the middle.

    Returns the answer, and whether the second handshake resumed the session.
    """
    accepts = []

    def on_answer(code):
        if code == ACCESS_ACCEPT:
            accepts.append(code)
            if len(accepts) == 1:
                between()
    with Relay(instance.radius_port, on_answer) as relay:
        answer = instance.eap(method, name, again=1, port=relay.port, **options)
    assert accepts, "the first log-in failed:\n" + answer.text[-3000:]
    handshakes = re.findall(r"Handshake finished - resumed=(\d)", answer.text)
    assert len(handshakes) == 2 and handshakes[0] == "0", handshakes
    return answer, handshakes[1] == "1"


@METHODS
def test_a_session_is_resumed(instance, person, method):
    answer, resumed = resume(instance, person, method, lambda: None)
    assert answer.accepted and resumed
    assert "TLS session resumed" in instance.radius_log()


@METHODS
def test_a_resumed_answer_carries_what_a_first_one_does(instance, person, method):
    answer, resumed = resume(instance, person, method, lambda: None)
    assert resumed
    accept = answer.text[answer.text.rindex("code=2 (Access-Accept)"):]
    assert re.search(r"Attribute 27 \(Session-Timeout\).*\n\s+Value: 3600\n", accept)
    assert re.search(r"Attribute 29 \(Termination-Action\).*\n\s+Value: 1\n", accept)
    assert re.search(rf"Attribute 1 \(User-Name\).*\n\s+Value: '{person}'\n", accept)


@METHODS
def test_an_expired_account_is_refused(instance, unlocked, method):
    at = instance.clock.now() + 3600
    instance.validity(unlocked, expire=at)
    answer, resumed = resume(instance, unlocked, method, lambda: instance.clock.set(at))
    assert resumed and answer.rejected
    assert re.search(rf'refused "anonymous".*{unlocked}@.*expired', instance.radius_log())


@METHODS
def test_a_locked_account_is_refused(instance, unlocked, method):
    answer, resumed = resume(
        instance, unlocked, method, lambda: instance.validity(unlocked, expire="epoch"))
    assert resumed and answer.rejected


@METHODS
def test_who_left_the_group_is_refused(instance, person, method):
    def leave():
        instance.ok("group", "remove_members", "radius_access_allowed", person, name="idm_admin")
    try:
        answer, resumed = resume(instance, person, method, leave)
    finally:
        instance.ok("group", "add_members", "radius_access_allowed", person, name="idm_admin")
    assert resumed and answer.rejected


@METHODS
def test_a_new_secret_ends_the_sessions_of_the_old_one(instance, method):
    """Whoever knew the old secret may have a session, and must not keep on using it."""
    name = "renewed-" + method
    instance.create_person(name)
    answer, resumed = resume(
        instance, name, method,
        lambda: instance.ok("account", "radius", "generate_secret", name, name="idm_admin"))
    assert resumed and answer.rejected
    assert "secret was changed" in instance.radius_log()


@METHODS
def test_a_session_stays_with_its_account_when_the_name_goes_to_another(instance, method):
    name = "old-" + method
    instance.create_person(name)

    def rename():
        instance.ok("account", "person", "update", name, "--newname", "new-" + method,
                    name="idm_admin")
    answer, resumed = resume(instance, name, method, rename)
    assert resumed and answer.accepted
    accept = answer.text[answer.text.rindex("code=2 (Access-Accept)"):]
    assert re.search(rf"Attribute 1 \(User-Name\).*\n\s+Value: 'new-{method}'\n", accept)


@METHODS
def test_tls13_authenticates_in_full_each_time(fresh, method):
    """FreeRADIUS 3.2.1 forgets whose session it was, so none is kept (config/freeradius)."""
    instance = fresh()
    instance.recover("idm_admin")
    instance.start()
    instance.login("idm_admin")
    instance.create_person("theo")
    answer, resumed = resume(instance, "theo", method, lambda: None, tls13=True)
    assert answer.accepted and not resumed
    answer, resumed = resume(
        instance, "theo", method, lambda: instance.validity("theo", expire="epoch"), tls13=True)
    assert answer.rejected and not resumed


def test_the_session_ends_with_the_account(instance, unlocked):
    at = instance.clock.now() + 100
    instance.validity(unlocked, expire=at)
    instance.clock.set(at - 42)
    answer = instance.radius("pap", unlocked)
    assert answer.attributes["Session-Timeout"] == ["42"]
    assert answer.attributes["Termination-Action"] == ["RADIUS-Request"]


def test_a_session_without_end_is_checked_every_hour(instance, unlocked):
    answer = instance.radius("pap", unlocked)
    assert answer.attributes["Session-Timeout"] == ["3600"]


def test_each_decision_is_one_line(instance, person):
    before = len(instance.radius_log().splitlines())
    assert instance.radius("pap", person).accepted
    assert instance.radius("pap", person, "wrong").rejected
    assert instance.eap("peap", person).accepted
    assert instance.eap("peap", person, "wrong").rejected
    assert instance.radius("pap", "nobody\n\x1b[31m", "x").rejected
    lines = instance.radius_log().splitlines()[before:]
    assert len(lines) == 5, "\n".join(lines)
    assert re.search(rf'let in "{person}@\S+", NAS 127.0.0.1: authenticated$', lines[0])
    assert re.search(rf'refused "{person}", NAS 127.0.0.1: pap: ', lines[1])
    assert re.search(rf'let in "{person}@\S+", NAS 127.0.0.1: authenticated$', lines[2])
    assert re.search(rf'refused "{person}", NAS 127.0.0.1: mschap: ', lines[3])
    assert re.search(r'refused "nobody\\n\\033\[31m", NAS 127.0.0.1: kanidm: ', lines[4])


def damage(path, text):
    """Turn over a bit of each `text` in the file."""
    content = bytearray(path.read_bytes())
    at = content.find(text)
    assert at >= 0
    with open(path, "r+b") as file:
        while at >= 0:
            file.seek(at)
            file.write(bytes([content[at] ^ 1]))
            at = content.find(text, at + 1)


def test_a_damaged_database_gets_no_answer(fresh):
    """An Access-Reject would tell the NAS that the account is wrong; so it asks another server."""
    instance = fresh()
    instance.recover("idm_admin")
    instance.start()
    instance.login("idm_admin")
    instance.create_person("dora", "Dora Damaged")
    instance.create_person("hale")
    assert instance.radius("pap", "dora").accepted
    instance.stop_ldapd()
    damage(instance.dir / "db" / "identity.mdb", b"Dora Damaged")

    assert instance.radius("pap", "dora", timeout_s=1).code is None
    with Relay(instance.radius_port) as relay:
        assert not instance.eap("peap", "dora", port=relay.port, timeout_s=2).accepted
    assert not {2, 3} & set(relay.codes)
    assert 'no answer about "dora"' in instance.radius_log()
    assert instance.radius("pap", "hale").accepted


def test_does_not_start_without_a_database(fresh):
    instance = fresh()
    process = instance.start_radius(wait=False)
    assert process.process.wait(20) != 0
    assert re.search(r"database: .*identity", instance.radius_log())


def test_does_not_start_without_the_key(fresh):
    instance = fresh()
    instance.recover("idm_admin")
    [keys] = instance.dir.glob("*/radius.keys")
    keys.unlink()
    process = instance.start_radius(wait=False)
    assert process.process.wait(20) != 0
    assert re.search(r"key_file: .*radius\.keys", instance.radius_log())


def test_a_misspelt_item_is_refused(fresh):
    """Unread, it would let everybody in whom the domain lets in."""
    instance = fresh()
    modules = instance.dir / "freeradius" / "modules.conf"
    modules.write_text(modules.read_text().replace(
        "\tsession_timeout = 3600\n", "\tsession_timeout = 3600\n\trequired_groups = staff\n"))
    process = instance.start_radius(wait=False)
    assert process.process.wait(20) != 0
    assert re.search(r"modules\.conf\[\d+\]: kanidm has no item required_groups",
                     instance.radius_log())
