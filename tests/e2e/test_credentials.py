"""Credential update sessions and reset tokens, on terminals and by scripts."""

import base64
import hashlib
import hmac
import json
import re
import struct
import urllib.parse

import pexpect
import pytest

from instance import wait_for

PROMPT = r"cred update \(\? for help\) # : "
NEW = "a new pass phrase of good length 7"
OTHER = "quite another one for the day after 8"
UPDATE = ("person", "credential", "update")


def terminal(instance, *args):
    return pexpect.spawn(str(instance.programs / "kanidm"), [str(a) for a in args], timeout=20,
                         encoding="utf-8", env={**instance.env, "KANIDM_URL": instance.ldapi})


def dialogue(instance, *args):
    child = terminal(instance, *args)
    child.expect(PROMPT)
    return child


def say(child, line, answer=PROMPT):
    """What was printed up to the answer."""
    child.sendline(line)
    child.expect(answer)
    return child.before


def choose(child, password, command="pass"):
    say(child, command, "New password: ")
    say(child, password, "Confirm password: ")
    return say(child, password)


def commit(child):
    say(child, "commit", r"Do you want to commit your changes\? ")
    child.sendline("yes")
    child.expect("success")
    finish(child)


def finish(child, status=0):
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == status, child.before


@pytest.fixture
def person(instance, request):
    """A person of the test's own, with a password."""
    name = re.sub(r"[^a-z]", "", request.node.name.removeprefix("test_").lower())[:40]
    instance.create_person(name, "Some Body", radius=False)
    return name


def make_token(instance, name, *options):
    done = instance.ok("person", "credential", "create-reset-token", name, *options, "-o", "json",
                       name="idm_admin")
    return json.loads(done)["token"]


# --- the dialogue


def test_the_dialogue_shows_what_the_chapter_shows(instance, person):
    child = terminal(instance, "account", "credential", "update", person, "--name", "idm_admin")
    child.expect(PROMPT)
    lines = [line.strip() for line in child.before.splitlines() if line.strip()]
    assert lines[0] == f"spn: {person}@idm.example.com"
    assert lines[1] == "Name: Some Body"
    assert lines[2] == "Primary Credential:"
    assert re.fullmatch(r"uuid: [0-9a-f-]{36}", lines[3])
    assert lines[4] == "generated password: set"
    assert lines[5] == "Can Commit: true"
    shown = choose(child, NEW)
    assert "success" in shown and NEW not in shown
    assert "password: set (when committed)" in say(child, "status")
    commit(child)
    assert instance.can_bind(person, NEW)


def test_every_command_has_its_other_names(instance, person):
    child = dialogue(instance, *UPDATE, person, "-D", "idm_admin")
    for word in ("?", "h", "help"):
        shown = say(child, word)
        for command in ("status", "pass", "generate", "remove", "unix pass", "commit", "end"):
            assert command in shown
    for word in ("status", "ls", "st", "  status  "):
        assert "Can Commit: true" in say(child, word)
    for word in ("pass", "passwd", "password", "pw"):
        assert "success" in choose(child, NEW, word)
    assert "Unknown command" in say(child, "pass phrase")
    assert "Unknown command" in say(child, "st|ls")
    child.sendline("x")
    child.expect("Changes were NOT saved.")
    finish(child)
    for word in ("end", "quit", "exit", "q", "cancel"):
        child = dialogue(instance, *UPDATE, person, "-D", "idm_admin")
        child.sendline(word)
        child.expect("Changes were NOT saved.")
        finish(child)


def test_a_generated_password_is_shown_once_and_works(instance, person):
    child = dialogue(instance, *UPDATE, person, "-D", "idm_admin")
    password = re.search(r"generated password: (\S{48})\s", say(child, "generate"))[1]
    shown = say(child, "status")
    assert "generated password: set (when committed)" in shown and password not in shown
    assert not instance.can_bind(person, password)
    commit(child)
    assert instance.binds_again(person, password)


def test_a_password_is_removed(instance, person):
    child = dialogue(instance, *UPDATE, person, "-D", "idm_admin")
    assert "success" in say(child, "remove")
    assert "not set (when committed)" in say(child, "status")
    commit(child)
    assert not instance.can_bind(person)


def test_the_unix_password_is_set_in_the_same_session(instance, person):
    instance.ok("person", "posix", "set", person, name="idm_admin")
    child = dialogue(instance, *UPDATE, person, "-D", "idm_admin")
    assert "success" in choose(child, OTHER, "unix pass")
    assert "unix password: set (when committed)" in say(child, "status")
    commit(child)
    assert instance.can_bind(person, OTHER)
    assert instance.can_bind(person)


def test_two_persons_are_changed_at_once(instance, person):
    instance.create_person("companion", radius=False)
    first = dialogue(instance, *UPDATE, person, "-D", "idm_admin")
    second = dialogue(instance, *UPDATE, "companion", "-D", "idm_admin")
    choose(first, NEW)
    choose(second, OTHER)
    commit(second)
    commit(first)
    assert instance.can_bind(person, NEW)
    assert instance.can_bind("companion", OTHER)


def test_the_newer_dialogue_of_one_account_takes_over(instance, person):
    older = dialogue(instance, *UPDATE, person, "-D", "idm_admin")
    choose(older, NEW)
    newer = dialogue(instance, *UPDATE, person, "-D", "idm_admin")
    say(older, "commit", r"Do you want to commit your changes\? ")
    older.sendline("yes")
    older.expect("a newer credential update session of this account was begun")
    finish(older, status=1)
    assert instance.can_bind(person)
    choose(newer, OTHER)
    commit(newer)
    assert instance.can_bind(person, OTHER)


def test_a_dialogue_does_not_outlive_the_server(instance, person):
    child = dialogue(instance, *UPDATE, person, "-D", "idm_admin")
    choose(child, NEW)
    instance.restart_ldapd()
    child.sendline("status")
    child.expect("this credential update session is over")
    finish(child, status=1)
    assert instance.can_bind(person)


def test_one_s_own_password_is_changed_and_the_session_goes_on(instance, person):
    instance.login(person)
    child = dialogue(instance, *UPDATE, person, "-D", person)
    choose(child, NEW)
    commit(child)
    assert person in instance.ok("self", "whoami", name=person)
    child = dialogue(instance, *UPDATE, person, "-D", person)
    say(child, "remove")
    shown = say(child, "status")
    assert "Can Commit: false" in shown and "could not log in" in shown
    child.sendline("quit")
    finish(child)


def test_without_a_terminal_and_commands_it_says_what_to_do(instance, person):
    done = instance.kanidm(*UPDATE, person, name="idm_admin", input="")
    assert done.returncode == 1
    assert "there is no terminal to ask on" in done.stderr
    assert done.stderr.count("\n") == 1


# --- reset tokens


def test_a_reset_token_is_shown_as_text_and_qr_code(instance, person):
    child = terminal(instance, "person", "credential", "create-reset-token", person, "--ttl", "10m",
                     "-D", "idm_admin")
    child.expect(pexpect.EOF)
    shown = child.before
    token = re.search(r"use-reset-token (\w{5}-\w{5}-\w{5}-\w{5})\s", shown)[1]
    assert f"Reset token for {person}@idm.example.com: {token}" in shown
    assert shown.count("\u2580") > 20 and shown.count("\033[0m") > 10
    child = dialogue(instance, "person", "credential", "use-reset-token", token)
    assert f"spn: {person}@idm.example.com" in child.before
    choose(child, NEW)
    commit(child)
    assert instance.can_bind(person, NEW)
    done = instance.kanidm("person", "credential", "use-reset-token", token, input="quit\n")
    assert done.returncode == 1
    assert "wrong, used up, or over" in done.stderr


def test_a_token_is_typed_where_no_process_sees_it(instance, person):
    token = make_token(instance, person)
    child = terminal(instance, "person", "credential", "use-reset-token")
    child.expect("Reset token: ")
    say(child, token)
    child.sendline("quit")
    child.expect("NOT saved")
    finish(child)
    done = instance.kanidm("person", "credential", "use-reset-token", "--yes",
                           input=f"{token}\npass\n{NEW}\n{NEW}\ncommit\n")
    assert done.returncode == 0, done.stderr
    assert instance.can_bind(person, NEW)


def test_a_token_survives_a_restart_and_is_not_in_the_files(instance, person):
    token = make_token(instance, person)
    instance.restart_ldapd()
    done = instance.kanidm("person", "credential", "use-reset-token", token, "--yes",
                           input=f"pass\n{NEW}\n{NEW}\ncommit\n")
    assert done.returncode == 0, done.stderr
    for path in instance.dir.rglob("*.mdb"):
        assert token.encode() not in path.read_bytes()
    assert token not in instance.ldapd_log()


@pytest.mark.parametrize("ttl,why", [
    ("4m", "5 minutes to 24 hours"), ("25h", "5 minutes to 24 hours"), ("soon", "a time is"),
    ("-5m", "a time is"), ("", "a time is"), ("5 m", "a time is"), ("99999999999999999999", "a time is"),
])
def test_a_ttl_that_can_t_be_is_refused(instance, ttl, why):
    done = instance.kanidm("person", "credential", "create-reset-token", "companion", f"--ttl={ttl}",
                           name="idm_admin")
    assert done.returncode in (1, 2)
    assert why in done.stderr


def test_who_may_not_set_the_password_makes_no_token(instance, person):
    instance.login(person)
    done = instance.kanidm("person", "credential", "create-reset-token", "companion", name=person)
    assert done.returncode == 1
    assert "primary_credential" in done.stderr


# --- a second factor


class Authenticator:
    """What a telephone makes of the URI (RFC 6238)."""

    def __init__(self, uri, clock):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(uri).query)
        secret = query["secret"][0]
        self.secret = base64.b32decode(secret + "=" * (-len(secret) % 8))
        self.hash = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256}[query["algorithm"][0]]
        self.clock = clock

    def code(self):
        mac = hmac.new(self.secret, struct.pack(">Q", self.clock.now() // 30), self.hash).digest()
        at = mac[-1] & 15
        return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 1000000:06}"

    def next_code(self):
        """One that was not used."""
        self.clock.shift(60)
        return self.code()


@pytest.fixture
def clock(instance):
    instance.clock.set(instance.clock.now())
    yield instance.clock
    instance.clock.reset()


@pytest.fixture
def enrolled(instance, person, clock):
    """A person with a second factor, and the backup codes."""
    instance.login(person)
    child = dialogue(instance, *UPDATE, person, "-D", person)
    shown = say(child, "totp", "Enter TOTP: ")
    authenticator = Authenticator(re.search(r"otpauth://\S+", shown)[0], clock)
    assert shown.count("\u2588") > 50
    assert "wrong code" in say(child, "000000", "Enter TOTP: ")
    assert "success" in say(child, authenticator.code())
    shown = say(child, "backup codes")
    codes = re.findall(r"\b\w{5}-\w{5}-\w{5}-\w{5}\b", shown)
    assert len(set(codes)) == 8
    shown = say(child, "status")
    assert "totp: set (when committed)" in shown and "backup_code: 8 left" in shown
    commit(child)
    return person, authenticator, codes


def login_with(instance, name, code, status=0):
    child = terminal(instance, "login", "--name", name)
    child.expect("password: ")
    child.sendline(instance.passwords[name])
    child.expect("Enter TOTP: ")
    child.sendline(code)
    finish(child, status)
    return child.before


def test_a_login_asks_for_the_second_factor(instance, enrolled):
    name, authenticator, _ = enrolled
    code = authenticator.next_code()
    assert f"Login Success for {name}" in login_with(instance, name, code)
    assert name in instance.ok("self", "whoami", name=name)
    assert "used already" in login_with(instance, name, code, status=1)
    done = instance.kanidm("login", name=name, password=instance.passwords[name])
    assert done.returncode == 1 and "a code of it is wanted" in done.stderr
    code = authenticator.next_code()
    wait_for(lambda: instance.kanidm("login", name=name, password=instance.passwords[name],
                                     input=code + "\n").returncode == 0, "the softlock ends")


def test_a_backup_code_stands_for_it_once(instance, enrolled):
    name, _, codes = enrolled
    login_with(instance, name, codes[3])
    assert "used already" in login_with(instance, name, codes[3], status=1)
    child = dialogue(instance, *UPDATE, name, "-D", name)
    assert "totp: set" in child.before and "backup_code: 7 left" in child.before
    child.sendline("quit")
    finish(child)


def test_with_a_second_factor_the_password_alone_does_not_bind(instance, enrolled):
    name, _, _ = enrolled
    assert not instance.can_bind(name)
    instance.ok("person", "posix", "set", name, name="idm_admin")
    child = dialogue(instance, *UPDATE, name, "-D", "idm_admin")
    choose(child, OTHER, "unix pass")
    commit(child)
    assert instance.binds_again(name, OTHER)
    assert not instance.can_bind(name)
    assert instance.binds_again(name, OTHER)
    assert "second factor" in instance.ldapd_log()


def test_reauth_asks_for_both(instance, enrolled):
    name, authenticator, _ = enrolled
    login_with(instance, name, authenticator.next_code())
    instance.clock.shift(700)
    child = terminal(instance, "reauth", "--name", name)
    child.expect("password: ")
    child.sendline(instance.passwords[name])
    child.expect("Enter TOTP: ")
    child.sendline(authenticator.code())
    child.expect("Success")
    finish(child)


def test_a_reset_clears_the_second_factor_and_says_so(instance, enrolled):
    name, _, _ = enrolled
    instance.login("idm_admin")
    child = dialogue(instance, *UPDATE, name, "-D", "idm_admin")
    choose(child, OTHER)
    assert "totp: cleared by the reset (when committed)" in say(child, "status")
    assert "second factor: set" in instance.ok("person", "credential", "status", name,
                                               name="idm_admin")
    commit(child)
    assert instance.can_bind(name, OTHER)
    assert "second factor: not set" in instance.ok("person", "credential", "status", name,
                                                   name="idm_admin")


def test_the_second_factor_is_removed_by_its_owner(instance, enrolled):
    name, authenticator, _ = enrolled
    login_with(instance, name, authenticator.next_code())
    child = dialogue(instance, *UPDATE, name, "-D", name)
    assert "success" in say(child, "totp remove")
    commit(child)
    assert instance.can_bind(name)


def test_secrets_of_the_second_factor_are_in_no_file(instance, enrolled):
    _, authenticator, codes = enrolled
    for path in instance.dir.rglob("*.mdb"):
        octets = path.read_bytes()
        assert authenticator.secret not in octets
        assert not any(code.encode() in octets for code in codes)
    log = instance.ldapd_log()
    assert not any(code in log for code in codes)
    assert base64.b32encode(authenticator.secret).decode().rstrip("=") not in log
