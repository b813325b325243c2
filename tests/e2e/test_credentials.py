"""Credential update sessions and reset tokens, on terminals and by scripts."""

import json
import re

import pexpect
import pytest

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
