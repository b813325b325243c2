"""Login sessions: listed, ended, proved again, and what ends them (SPEC 7.3)."""

import json
import re

import ldap
import pexpect
import pytest

from instance import wait_for

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
LONG = "correct horse battery staple 42"


@pytest.fixture(scope="module", autouse=True)
def logins(instance):
    instance.login("admin")
    instance.login("idm_admin")


@pytest.fixture()
def person(instance):
    """A person of its own for each test, with a password that was chosen, not generated."""
    person.count = getattr(person, "count", 0) + 1
    name = f"sam_{person.count}"
    instance.create_person(name, radius=False)
    connection = instance.connect(name)
    connection.passwd_s(None, None, f"{LONG} {name}")
    connection.unbind_s()
    instance.passwords[name] = f"{LONG} {name}"
    instance.login(name)
    return name


@pytest.fixture()
def elsewhere(instance, tmp_path):
    """Another place to log in at, with a cache of its own: how commands run there."""
    env = {"KANIDM_TOKEN_CACHE_PATH": str(tmp_path / "tokens")}

    class Place:
        def kanidm(self, *args, **options):
            return instance.kanidm(*args, env=env, **options)

        def login(self, name):
            return instance.ok("login", name=name, password=instance.passwords[name], env=env)

        def token(self, name):
            return json.loads((tmp_path / "tokens").read_text())[name]["token"]

    return Place()


def token_of(instance, name):
    return json.loads((instance.dir / "home" / ".cache" / "kanidm_tokens").read_text())[name][
        "token"]


def listed(instance, *args, name):
    return json.loads(instance.ok(*args, "-o", "json", name=name))


def goes_away(connection):
    """The server ends it by itself, within the second that it promises and some for the machine."""

    def ended():
        try:
            connection.result4(ldap.RES_ANY, timeout=0.05)
        except ldap.TIMEOUT:
            return False
        except ldap.LDAPError:
            return True
        return False

    return wait_for(ended, "the connection is ended", 5)


def terminal(instance, *args):
    return pexpect.spawn(str(instance.programs / "kanidm"), list(args), timeout=20,
                         encoding="utf-8", env={**instance.env, "KANIDM_URL": instance.ldapi})


def finish(child, status=0):
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == status, child.before


# --- listed


def test_one_s_own_sessions_are_listed(instance, person, elsewhere):
    elsewhere.login(person)
    one, two = listed(instance, "session", "list", name=person)
    assert sorted([one["current"], two["current"]]) == [False, True]
    assert {one["source"], two["source"]} == {"ldapi"}
    text = instance.ok("session", "list", name=person)
    for block in text.split("---\n")[1:]:
        assert re.fullmatch(
            rf"session id: {UUID}\nfrom: ldapi\nbegun: \S+\nexpiry: \S+\nwrites until: \S+\n"
            r"(current: true\n)?", block)
    assert text.count("current: true") == 1
    assert {one["id"], two["id"]} == set(re.findall(UUID, text))
    assert "kt_" not in text


def test_where_a_session_came_from_is_told(instance, person):
    instance.ok("logout", name=person)
    instance.ok("login", name=person, password=instance.passwords[person], url=instance.url)
    one, = json.loads(instance.ok("session", "list", "-o", "json", name=person, url=instance.url))
    assert one["source"] == "127.0.0.1"


def test_another_s_sessions_are_for_who_may_read_them(instance, person):
    sees = listed(instance, "person", "session", "list", person, name="idm_admin")
    assert [one["current"] for one in sees] == [False]
    assert sees[0]["id"] == listed(instance, "session", "list", name=person)[0]["id"]
    assert listed(instance, "account", "session", "status", person, name="idm_admin") == sees
    done = instance.kanidm("service-account", "session", "list", "admin", name=person)
    assert done.returncode == 1 and done.stdout == ""
    assert "idm_hp_account_read_priv grants it" in done.stderr
    assert listed(instance, "service-account", "session", "list", "idm_admin", name="admin") != []


# --- destroyed


def test_a_destroyed_session_is_over_within_a_second(instance, person, elsewhere):
    elsewhere.login(person)
    token = elsewhere.token(person)
    idle = instance.connect("dn=token", token)
    mine = instance.connect("", token_of(instance, person))
    other, = [one for one in listed(instance, "session", "list", name=person)
              if not one["current"]]
    assert instance.ok("session", "destroy", other["id"], name=person) == "Success\n"
    assert goes_away(idle)
    assert mine.whoami_s() == f"u:{person}@idm.example.com"
    done = elsewhere.kanidm("self", "whoami", name=person)
    assert done.returncode == 1
    assert f"kanidm login -D {person}" in done.stderr
    done = instance.kanidm("session", "destroy", other["id"], name=person)
    assert done.returncode == 1
    assert f"{person} has no such session" in done.stderr


def test_destroying_one_s_own_forgets_it_here_too(instance, person):
    own, = listed(instance, "session", "list", name=person)
    instance.ok("session", "destroy", own["id"], name=person)
    done = instance.kanidm("self", "whoami", name=person)
    assert "is not logged in" in done.stderr


def test_another_s_session_is_destroyed_by_who_may(instance, person, elsewhere):
    own, = listed(instance, "session", "list", name=person)
    connection = instance.connect("", token_of(instance, person))
    theirs = listed(instance, "service-account", "session", "list", "idm_admin", name="admin")
    done = instance.kanidm("service-account", "session", "destroy", "idm_admin", theirs[0]["id"],
                           name=person)
    assert done.returncode == 1
    assert "idm_hp_account_write_priv grants it" in done.stderr
    assert instance.ok("person", "session", "destroy", person, own["id"],
                       name="idm_admin") == "Success\n"
    assert goes_away(connection)
    assert instance.kanidm("self", "whoami", name=person).returncode == 1


@pytest.mark.parametrize("args, status", [
    (["session", "destroy"], 2), (["session", "list", "x"], 2), (["session", "destroy", "4"], 1),
    (["session", "destroy", "4de2a4e9-e06a-4c5e-8a1b-33f4e7dd5dc7"], 1),
    (["person", "session", "list"], 2), (["person", "session", "list", "nobody_there"], 1),
    (["person", "session", "destroy", "x"], 2)])
def test_what_is_wrong_is_said(instance, args, status):
    done = instance.kanidm(*args, name="idm_admin")
    assert done.returncode == status
    assert done.stdout == "" and done.stderr.count("\n") == 1


def test_cleanup_forgets_what_is_over(instance, person, elsewhere):
    elsewhere.login(person)
    elsewhere.login("idm_admin")
    own, = [one for one in listed(instance, "session", "list", name=person) if not one["current"]]
    instance.ok("session", "destroy", own["id"], name=person)
    done = elsewhere.kanidm("session", "cleanup")
    assert (done.returncode, done.stdout) == (0, "Removed 1 sessions\n")
    assert elsewhere.kanidm("session", "cleanup").stdout == "Removed 0 sessions\n"
    assert elsewhere.kanidm("self", "whoami", name="idm_admin").returncode == 0


# --- the window


def test_a_write_on_a_terminal_asks_for_the_password_and_a_script_is_told(instance, person):
    instance.clock.set(instance.clock.now())
    try:
        instance.login(person)
        instance.clock.shift(600)
        done = instance.kanidm("person", "update", person, "-i", "By A Script", name=person)
        assert done.returncode == 1
        assert "kanidm reauth" in done.stderr and done.stderr.count("\n") == 1
        instance.ok("session", "list", name=person)
        child = terminal(instance, "person", "update", person, "-i", "At A Desk", "-D", person)
        child.expect(f"Prove that you are {person}")
        child.expect("Password: ")
        child.sendline(instance.passwords[person])
        child.expect("Success")
        finish(child)
        done = instance.ok("person", "update", person, "-i", "And On", name=person)
        assert done == "Success\n", "it is proved for as long again"
        assert "displayname: And On\n" in instance.ok("self", "whoami", name=person)
    finally:
        instance.clock.reset()


def test_a_wrong_password_lets_nothing_be_written(instance, person):
    instance.clock.set(instance.clock.now())
    try:
        instance.login(person)
        instance.clock.shift(601)
        child = terminal(instance, "person", "update", person, "-i", "Changed", "-D", person)
        child.expect("Password: ")
        child.sendline("something else entirely")
        child.expect("wrong password")
        finish(child, 1)
        done = instance.kanidm("reauth", name=person, password="something else entirely")
        assert done.returncode == 1 and "wrong password" in done.stderr
        assert "Changed" not in instance.ok("self", "whoami", name=person)
        instance.clock.shift(60)
        wait_for(lambda: instance.kanidm("reauth", name=person,
                                         password=instance.passwords[person]).returncode == 0,
                 "the lock of a second is over")
        instance.ok("person", "update", person, "-i", "Changed", name=person)
    finally:
        instance.clock.reset()


def test_one_s_own_session_is_ended_without_a_window(instance, person):
    instance.clock.set(instance.clock.now())
    try:
        instance.login(person)
        instance.clock.shift(3000)
        assert instance.ok("logout", name=person) == f"Removed session for {person}\n"
    finally:
        instance.clock.reset()


# --- they end by themselves


@pytest.mark.parametrize("name, hours", [(None, 8), ("idm_admin", 1)])
def test_a_login_ends_after_its_time(instance, person, elsewhere, name, hours):
    """High privilege accounts' after one hour; a bind by the password is no longer."""
    name = name or person
    instance.clock.set(instance.clock.now(), synchronised=True)
    try:
        elsewhere.login(name)
        by_session = instance.connect("", elsewhere.token(name))
        by_password = instance.connect(name)
        instance.clock.shift(hours * 3600 - 1)
        for connection in (by_session, by_password):
            assert connection.whoami_s() == f"u:{name}@idm.example.com"
        instance.clock.shift(1)
        assert goes_away(by_session) and goes_away(by_password)
        assert elsewhere.kanidm("self", "whoami", name=name).returncode == 1
        assert instance.can_bind(name)
    finally:
        instance.clock.reset()


def test_a_generated_password_s_login_ends_after_an_hour(instance, person, elsewhere):
    out = instance.ok("person", "credential", "generate-pw", person, name="idm_admin")
    instance.passwords[person] = re.search(r"Success: (\S+)", out)[1]
    instance.clock.set(instance.clock.now(), synchronised=True)
    try:
        elsewhere.login(person)
        connection = instance.connect("", elsewhere.token(person))
        instance.clock.shift(3599)
        assert connection.whoami_s() == f"u:{person}@idm.example.com"
        instance.clock.shift(1)
        assert goes_away(connection)
    finally:
        instance.clock.reset()


# --- a new password


def test_a_new_password_ends_the_other_sessions(instance, person, elsewhere):
    elsewhere.login(person)
    connection = instance.connect("", elsewhere.token(person))
    child = terminal(instance, "person", "credential", "update", person, "-D", person)
    for prompt, answer in [("cred update", "pass"), ("New password: ", "another one " + LONG),
                           ("Confirm password: ", "another one " + LONG), ("success", None),
                           ("cred update", "commit"), ("commit your changes", "yes"),
                           ("success", None)]:
        child.expect(prompt)
        if answer is not None:
            child.sendline(answer)
    finish(child)
    assert goes_away(connection)
    assert elsewhere.kanidm("self", "whoami", name=person).returncode == 1
    assert person in instance.ok("self", "whoami", name=person), "which changed it, goes on"
    assert len(listed(instance, "session", "list", name=person)) == 1


def test_anonymous_is_asked_for_nothing(instance, elsewhere):
    done = elsewhere.kanidm("login", name="anonymous")
    assert (done.returncode, done.stdout) == (0, "Login Success for anonymous\n")
    done = elsewhere.kanidm("session", "list", name="anonymous")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
