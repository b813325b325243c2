"""Softlocks (SPEC 6.6): what a wrong password costs whoever comes from its network, that a restart
does not end it, and who does."""

import json
import re
import socket
import ssl
import threading
import time

import pytest

from instance import wait_for

RIGHT, LOCKED = 0, 49
STEPS = [1, 1, 3, 3, 3, 3, 3, 3] + [5] * 16 + [10] * 75


def tlv(tag, *parts):
    content = b"".join(parts)
    assert len(content) < 128
    return bytes([tag, len(content)]) + content


def bind_request(name, password, message=1):
    return tlv(0x30, tlv(2, bytes([message])), tlv(
        0x60, tlv(2, b"\x03"), tlv(4, name.encode()), tlv(0x80, password.encode())))


class Caller:
    """An LDAP connection that comes from an address of the test's choice."""

    def __init__(self, instance, source="127.0.0.1"):
        context = ssl.create_default_context(cafile=str(instance.dir / "ca.pem"))
        raw = socket.create_connection(("127.0.0.1", instance.ldaps_port), 20, (source, 0))
        self.tls = context.wrap_socket(raw, server_hostname="localhost")

    def bind(self, name, password):
        """The resultCode."""
        self.tls.sendall(bind_request(name, password))
        answer = self.tls.recv(4096)
        assert answer[0] == 0x30 and answer[5] == 0x61 and answer[7] == 0x0a, answer
        return answer[9]


def bind_from(instance, source, name, password=None):
    return Caller(instance, source).bind(name, password or instance.passwords[name])


def status(instance, name, by="idm_admin"):
    """What is known of the softlock of its primary credential; None: nothing."""
    shown = json.loads(instance.ok("person", "credential", "status", name, "-o", "json", name=by))
    return next((lock for lock in shown["softlocks"]
                 if lock["credential"] == "primary_credential"), None)


def failures(instance, name):
    lock = status(instance, name)
    return 0 if lock is None else lock["failures"]


def guess_until(instance, name, count):
    """So many wrong passwords that were tested, which takes the time it takes."""
    while failures(instance, name) < count:
        assert bind_from(instance, "127.0.0.1", name, "wrong") == LOCKED


@pytest.fixture
def person(instance, request):
    name = re.sub(r"[^a-z]", "", request.node.name.removeprefix("test_").lower())[:40]
    instance.create_person(name, "Some Body", radius=False)
    return name


def test_a_network_is_locked_and_no_other(instance, person):
    guess_until(instance, person, 3)
    assert bind_from(instance, "127.0.0.1", person) == LOCKED
    assert bind_from(instance, "127.0.0.77", person) == LOCKED, "the same /24"
    assert bind_from(instance, "127.0.1.1", person) == RIGHT
    assert instance.ldapwhoami(name=person, url=instance.ldapi).returncode == 0, "the console"
    wait_for(lambda: bind_from(instance, "127.0.0.1", person) == RIGHT, "the lock is over", 10)
    assert failures(instance, person) == 3, "success forgets nothing"


def test_the_log_says_why_and_the_client_does_not(instance, person):
    guess_until(instance, person, 3)
    before = len(instance.ldapd_log())
    connection = Caller(instance)
    assert connection.bind(person, "wrong") == LOCKED
    assert connection.bind("nobody_of_this_name", "wrong") == LOCKED
    wait_for(lambda: re.search(rf"bind by {person}.* refused: softlock: primary_credential is locked",
                               instance.ldapd_log()[before:]), "the log says so")


def test_guesses_at_once_are_let_through_one_by_one(instance, person):
    """128 of them over 64 connections: so many are tested as the steps allow in that time."""
    callers = [Caller(instance) for _ in range(64)]
    before, began = len(instance.ldapd_log()), time.monotonic()
    codes = []

    def guess(caller):
        for _ in range(2):
            codes.append(caller.bind(person, "wrong"))

    threads = [threading.Thread(target=guess, args=(caller,)) for caller in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, allowed = time.monotonic() - began, 1
    for step in STEPS:
        took -= step
        allowed += took > 0
    assert len(codes) == 128 and set(codes) <= {LOCKED, 51}
    tested = len(re.findall(rf"bind by {person}.* refused: wrong password",
                            instance.ldapd_log()[before:]))
    assert 1 <= tested <= allowed
    assert failures(instance, person) == tested
    assert bind_from(instance, "127.0.1.1", person) == RIGHT, "the owner is not locked out"


def test_a_restart_does_not_end_it_but_recovery_does(fresh):
    instance = fresh()
    instance.recover("idm_admin")
    instance.start_ldapd()
    instance.login("idm_admin")
    instance.create_person("anna", radius=False)
    guess_until(instance, "anna", 3)
    instance.restart_ldapd()
    lock = status(instance, "anna")
    assert lock["failures"] == 3 and lock["networks"] == 1
    instance.stop_ldapd()
    instance.recover("anna")
    instance.start_ldapd()
    assert status(instance, "anna") is None
    assert instance.can_bind("anna")


def test_the_service_desk_sees_and_ends_it(instance, person):
    instance.create_person("desk", radius=False)
    instance.login("admin")
    instance.ok("group", "add_members", "--yes", "idm_service_desk", "desk", name="admin")
    instance.login("desk")
    guess_until(instance, person, 3)
    shown = instance.ok("person", "credential", "status", person, name="desk")
    assert re.search(r"^softlock of primary_credential: 3 failures from 1 network, locked "
                     r"there until \S+, forgotten at \S+$", shown, re.M), shown
    assert bind_from(instance, "127.0.0.1", person) == LOCKED
    assert instance.ok("person", "credential", "softlock-reset", person, name="desk") == "Success\n"
    assert bind_from(instance, "127.0.0.1", person) == RIGHT
    assert status(instance, person) is None
    assert "softlock" not in instance.ok("person", "credential", "status", person, name="desk")


def test_all_words_for_an_account_and_all_spellings_end_it(instance, person):
    for words in (("account", "credential", "softlock_reset"),
                  ("person", "credential", "softlock-reset")):
        guess_until(instance, person, 1)
        instance.ok(*words, person, name="idm_admin")
        assert status(instance, person) is None
    answer = instance.ok("person", "credential", "softlock-reset", person, "-o", "json",
                         name="idm_admin")
    assert json.loads(answer) == {"status": "ok"}


def test_nobody_else_ends_it(instance, person):
    instance.create_person("stranger", radius=False)
    instance.login("stranger")
    instance.login(person)
    guess_until(instance, person, 1)
    for name in "stranger", person:
        done = instance.kanidm("person", "credential", "softlock-reset", person, name=name)
        assert done.returncode == 1 and done.stderr.count("\n") == 1
        assert "account_softlock_expire" in done.stderr
    assert failures(instance, person) == 1
    own = json.loads(instance.ok("person", "credential", "status", person, "-o", "json",
                                 name=person))
    assert own["softlocks"][0]["failures"] == 1, "one sees one's own"


def test_a_token_is_never_locked(instance, person):
    instance.ok("service-account", "create", "robot", "Robot", name="idm_admin")
    token = instance.ok("service-account", "api-token", "generate", "robot", "for a test",
                        name="idm_admin").split()[-1]
    for _ in range(5):
        assert bind_from(instance, "127.0.0.1", "dn=token", token[:-2] + "AA") == LOCKED
    assert bind_from(instance, "127.0.0.1", "dn=token", token) == RIGHT
    instance.ok("service-account", "credential", "generate-pw", "robot", name="idm_admin")
    assert bind_from(instance, "127.0.0.1", "robot", "wrong") == LOCKED
    assert bind_from(instance, "127.0.0.1", "robot", token) == RIGHT
