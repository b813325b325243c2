"""`kanidm` and `kanidmd`: the chapter's command lines, prompts, exit codes."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import termios

import pexpect
import pytest

from instance import Process, wait_for

LONG = "correct horse battery staple 42"


@pytest.fixture(scope="module", autouse=True)
def anonymous_session(instance):
    instance.login("anonymous")


def terminal(instance, *args, **env):
    """`kanidm ARGS` on a terminal of its own."""
    return pexpect.spawn(str(instance.programs / "kanidm"), [str(a) for a in args], timeout=20,
                         encoding="utf-8", echo=True,
                         env={**instance.env, "KANIDM_URL": instance.ldapi, **env})


def finish(child, status=0):
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == status, child.before


# --- sessions


def test_login_asks_for_the_password_without_echo(instance):
    child = terminal(instance, "login", "--name", "admin")
    child.expect("[Pp]assword: ?")
    child.sendline(instance.passwords["admin"])
    child.expect("Login Success for admin")
    assert instance.passwords["admin"] not in child.before
    finish(child)


def test_a_wrong_password_is_refused_in_one_line(instance):
    done = instance.kanidm("login", name="admin", password="wrong password of good length")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


def test_whoami_is_the_session_s_account_and_logout_ends_it(instance):
    instance.create_person("sam", "Sam Session", radius=False)
    instance.login("sam")
    assert "sam@idm.example.com" in instance.ok("self", "whoami", name="sam")
    cache = instance.dir / "home" / ".cache" / "kanidm_tokens"
    assert cache.stat().st_mode & 0o777 == 0o600
    kept = cache.read_text()
    instance.ok("logout", name="sam")
    assert instance.kanidm("self", "whoami", name="sam").returncode == 1
    cache.write_text(kept)
    done = instance.kanidm("self", "whoami", name="sam")
    assert done.returncode == 1, "the server has forgotten the session too"
    instance.login("idm_admin")
    instance.login("anonymous")


def test_a_session_writes_for_ten_minutes_and_reads_on(instance):
    instance.clock.set(instance.clock.now())
    try:
        instance.login("idm_admin")
        instance.clock.shift(599)
        instance.ok("group", "create", "in_time", name="idm_admin")
        instance.clock.shift(2)
        done = instance.kanidm("group", "create", "too_late", name="idm_admin")
        assert done.returncode == 1
        assert "reauth" in done.stderr or "login" in done.stderr
        assert "in_time" in instance.ok("group", "get", "in_time", name="idm_admin")
    finally:
        instance.clock.reset()
        instance.login("idm_admin")


def test_without_a_session_it_says_how_to_get_one(instance):
    done = instance.kanidm("self", "whoami", name="nobody_logged_in")
    assert done.returncode == 1
    assert "kanidm login" in done.stderr
    assert done.stderr.count("\n") == 1


# --- the chapter, line by line


def test_creating_person_accounts(instance):
    run = instance.ok
    run("account", "create", "demo_user", "Demonstration User", "--name", "idm_admin")
    entry = run("account", "get", "demo_user", "--name", "idm_admin")
    assert re.search(r"^displayname: Demonstration User$", entry, re.M)
    assert re.search(r"^spn: demo_user@idm.example.com$", entry, re.M)
    run("group", "create", "demo_group", "--name", "idm_admin")
    run("group", "add_members", "demo_group", "demo_user", "--name", "idm_admin")
    assert "demo_user@idm.example.com" in run("group", "list_members", "demo_group",
                                              "--name", "idm_admin")
    run("account", "person", "update", "demo_user", "--legalname", "initial name",
        "--mail", "initial@email.address", "--name", "idm_admin")
    entry = run("account", "get", "demo_user", "--name", "idm_admin")
    assert "legalname: initial name" in entry
    assert "mail: initial@email.address" in entry
    entry = run("account", "get", "demo_user", "--name", "anonymous")
    assert "legalname" not in entry and "mail" not in entry
    assert "displayname: Demonstration User" in entry


def test_the_credential_dialogue(instance):
    child = terminal(instance, "account", "credential", "update", "demo_user", "-D", "idm_admin")
    child.expect(r"spn: demo_user@idm.example.com")
    child.expect(r"Name: Demonstration User")
    child.expect(r"Can Commit: (true|false)")
    child.expect(r"cred update \(\? for help\) # : ")
    child.sendline("pass")
    child.expect("New password: ")
    child.sendline("short")
    child.expect("15|Confirm password: ")
    if child.after.startswith("Confirm"):
        child.sendline("short")
        child.expect("15")
    child.expect(r"cred update \(\? for help\) # : ")
    child.sendline("pass")
    child.expect("New password: ")
    child.sendline(LONG)
    child.expect("Confirm password: ")
    child.sendline("something else entirely")
    child.expect("do not match")
    child.expect(r"cred update \(\? for help\) # : ")
    child.sendline("pass")
    child.expect("New password: ")
    child.sendline(LONG)
    child.expect("Confirm password: ")
    child.sendline(LONG)
    child.expect("success|Success")
    child.expect(r"cred update \(\? for help\) # : ")
    assert not instance.can_bind("demo_user", LONG), "nothing is changed before commit"
    child.sendline("commit")
    child.expect("Do you want to commit your changes")
    child.sendline("yes")
    child.expect("success")
    finish(child)
    instance.passwords["demo_user"] = LONG
    instance.login("demo_user")
    assert "demo_user@idm.example.com" in instance.ok("self", "whoami", "--name", "demo_user")


def test_leaving_the_dialogue_changes_nothing(instance):
    child = terminal(instance, "account", "credential", "update", "demo_user", "-D", "idm_admin")
    child.expect(r"cred update \(\? for help\) # : ")
    child.sendline("pass")
    child.expect("New password: ")
    child.sendline(LONG + " other")
    child.expect("Confirm password: ")
    child.sendline(LONG + " other")
    child.expect(r"cred update \(\? for help\) # : ")
    child.sendline("quit")
    child.expect("NOT saved")
    finish(child)
    assert instance.can_bind("demo_user", LONG)


def test_a_script_sets_a_password_through_stdin(instance):
    instance.create_person("scripted", radius=False)
    new = "from a script, and long enough 7"
    done = instance.run(instance.programs / "kanidm", "person", "credential", "update", "scripted",
                        "-D", "idm_admin", input=f"pass\n{new}\n{new}\ncommit\nyes\n",
                        env={"KANIDM_URL": instance.ldapi})
    assert done.returncode == 0, done.stderr
    assert new not in done.stdout + done.stderr
    assert instance.can_bind("scripted", new)


@pytest.mark.parametrize("lines,reason", [
    ("pass\nshort\nshort\ncommit\nyes\n", "at least 15"),
    (f"pass\n{LONG} a\n{LONG} b\ncommit\nyes\n", "do not match"),
    (f"pass\n{LONG} a\n{LONG} a\n", "ends before `commit`"),
    (f"pass\n{LONG} a\n{LONG} a\ncommit\nno\n", "NOT been saved"),
    (f"pass\n{LONG} a\n", "do not match"),
    ("pass\n", "no password"),
    ("commit\nyes\n", "nothing to commit"),
    (f"password {LONG} a\n", "Unknown command"),
    (f"pass\n{LONG}\0 a\n{LONG}\0 b\ncommit\nyes\n", "no password"),
], ids=["refused", "differs", "no-commit", "no", "once", "none", "nothing", "unknown", "nul"])
def test_a_script_that_sets_no_password_fails(instance, lines, reason):
    done = instance.kanidm("person", "credential", "update", "demo_user", name="idm_admin",
                           input=lines)
    assert done.returncode == 1
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert LONG not in done.stdout + done.stderr
    assert instance.can_bind("demo_user", LONG)


def test_the_dialogue_keeps_json_pure_and_yes_needs_no_answer(instance):
    instance.create_person("pure", radius=False)
    done = instance.kanidm("person", "credential", "update", "pure", "-o", "json", "--yes",
                           name="idm_admin", input=f"status\npass\n{LONG}\n{LONG}\ncommit\n")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"status": "ok", "committed": True}
    assert instance.can_bind("pure", LONG)
    done = instance.kanidm("person", "credential", "update", "pure", "-o", "json",
                           name="idm_admin", input="quit\n")
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"status": "ok", "committed": False}
    done = instance.kanidm("login", "-o", "json", name="pure", input=LONG + "\n")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["status"] == "ok"
    assert done.stderr == ""
    instance.ok("logout", "pure")


def test_a_service_account_has_no_dialogue(instance):
    instance.login("admin")
    instance.ok("service-account", "create", "machine", "Machine", name="admin")
    done = instance.kanidm("service-account", "credential", "update", "machine", name="admin",
                           input="")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "kanidm service-account credential generate-pw machine" in done.stderr


class Typist:
    """`kanidm ARGS` on a terminal that outlives it, so that what it left behind can be looked at."""

    def __init__(self, instance, *args):
        self.master, self.slave = os.openpty()
        # A group of its own: an orphaned one, as the tests' may be, takes no SIGTSTP.
        self.process = subprocess.Popen([instance.programs / "kanidm", *args], stdin=self.slave,
                                        stdout=self.slave, stderr=self.slave, process_group=0,
                                        env={**instance.env, "KANIDM_URL": instance.ldapi})
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)

    def echoes(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def state(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            return stat.read().rpartition(")")[2].split()[0]

    def read_until(self, word, times=1):
        def seen():
            if select.select([self.master], [], [], 0)[0]:
                self.text += os.read(self.master, 4096).decode()
            return self.text.count(word) >= times
        wait_for(seen, f"{word!r} is shown", 20)

    def type(self, text):
        os.write(self.master, text.encode())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_the_echo_comes_back_when_a_password_is_interrupted(instance, number):
    with Typist(instance, "login", "--name", "admin") as typist:
        typist.read_until("password: ")
        assert not typist.echoes()
        typist.type("half a pass")
        typist.process.send_signal(number)
        assert typist.process.wait(10) == -number
        assert typist.echoes()
        assert "half" not in typist.text


def test_a_prompt_that_was_stopped_asks_again(instance):
    with Typist(instance, "login", "--name", "admin") as typist:
        typist.read_until("password: ")
        typist.type("half a pass")
        typist.process.send_signal(signal.SIGTSTP)
        wait_for(lambda: typist.state() == "T", "it is stopped", 10)
        assert typist.echoes()
        typist.process.send_signal(signal.SIGCONT)
        typist.read_until("password: ", times=2)
        assert not typist.echoes()
        typist.type(instance.passwords["admin"] + "\n")
        typist.read_until("Login Success for admin")
        assert typist.process.wait(10) == 0
        assert typist.echoes()
        assert instance.passwords["admin"] not in typist.text


def test_nested_groups(instance):
    run = instance.ok
    for group in "group_1", "group_2":
        run("group", "create", group, "--name", "idm_admin")
    run("account", "create", "nest_example", "Nesting Account Example", "--name", "idm_admin")
    run("group", "add_members", "group_1", "group_2", "--name", "idm_admin")
    run("group", "add_members", "group_2", "nest_example", "--name", "idm_admin")
    entry = run("account", "get", "nest_example", "--name", "anonymous")
    memberof = re.findall(r"^memberof: (.*)$", entry, re.M)
    assert any("group_1" in line for line in memberof)
    assert any("group_2" in line for line in memberof)
    direct = re.findall(r"^directmemberof: (.*)$", entry, re.M)
    assert not any("group_1" in line for line in direct)


def test_account_validity(instance):
    run = instance.ok
    run("account", "validity", "begin_from", "demo_user", "2020-09-25T11:22:04+00:00",
        "--name", "idm_admin")
    run("account", "validity", "expire_at", "demo_user", "2020-09-25T11:22:04+00:00",
        "--name", "idm_admin")
    shown = run("account", "validity", "show", "demo_user", "--name", "idm_admin",
                env={"TZ": "Australia/Brisbane"})
    assert shown == "valid after: 2020-09-25T21:22:04+10:00\nexpire: 2020-09-25T21:22:04+10:00\n"
    run("account", "validity", "begin_from", "demo_user", "any", "--name", "idm_admin")
    run("account", "validity", "expire_at", "demo_user", "1970-01-01T00:00:00+00:00",
        "--name", "idm_admin")
    assert not instance.can_bind("demo_user", LONG)
    run("account", "validity", "expire_at", "demo_user", "never", "--name", "idm_admin")
    assert instance.can_bind("demo_user", LONG)
    shown = run("account", "validity", "show", "demo_user", "--name", "idm_admin")
    assert shown == "valid after: any time\nexpire: never\n"


def test_a_bad_time_is_refused_with_the_right_form(instance):
    done = instance.kanidm("account", "validity", "expire_at", "demo_user", "tomorrow-ish",
                           name="idm_admin")
    assert done.returncode == 2
    assert "tomorrow-ish" in done.stderr and "2020-09-25T11:22:04+00:00" in done.stderr


def test_viewing_default_groups(instance):
    listed = instance.ok("group", "list", name="anonymous")
    for name in "idm_admins", "radius_access_allowed", "idm_high_privilege":
        assert re.search(rf"^name: {name}$", listed, re.M)
    entry = instance.ok("group", "get", "idm_admins", name="anonymous")
    assert "name: idm_admins" in entry


def test_idm_admin_cannot_change_admin(instance):
    before = instance.passwords["admin"]
    done = instance.kanidm("service-account", "credential", "generate-pw", "admin", name="idm_admin")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert instance.can_bind("admin", before)
    done = instance.kanidm("account", "validity", "expire_at", "admin", "epoch", name="idm_admin")
    assert done.returncode == 1
    assert instance.can_bind("admin", before)


def test_admin_resets_idm_admin(instance):
    instance.login("admin")
    out = instance.ok("service-account", "credential", "generate-pw", "-D", "admin", "idm_admin")
    new = re.fullmatch(r"Success: ([A-Za-z0-9]{48})\n", out)[1]
    assert not instance.can_bind("idm_admin", instance.passwords["idm_admin"])
    instance.passwords["idm_admin"] = new
    instance.login("idm_admin")


def test_reauth_opens_the_window_for_changes_again(instance):
    instance.clock.set(instance.clock.now())
    try:
        instance.login("idm_admin")
        instance.clock.shift(601)
        assert instance.kanidm("group", "create", "later", name="idm_admin").returncode == 1
        assert instance.kanidm("reauth", name="idm_admin", password="not it at all").returncode == 1
        assert instance.kanidm("group", "create", "later", name="idm_admin").returncode == 1
        wait_for(lambda: instance.kanidm("reauth", name="idm_admin",
                                         password=instance.passwords["idm_admin"]).returncode == 0,
                 "the lock of a second is over")
        instance.ok("group", "create", "later", name="idm_admin")
    finally:
        instance.clock.reset()
        instance.login("idm_admin")


def test_on_a_terminal_a_change_asks_for_the_password_when_it_must(instance):
    instance.clock.set(instance.clock.now())
    try:
        instance.login("idm_admin")
        instance.clock.shift(601)
        child = terminal(instance, "group", "create", "on_demand", "-D", "idm_admin")
        child.expect("Password: ")
        child.sendline(instance.passwords["idm_admin"])
        child.expect("Successfully created group 'on_demand'")
        finish(child)
    finally:
        instance.clock.reset()
        instance.login("idm_admin")


# --- both grammars, output, errors


@pytest.mark.parametrize("older,newer", [
    (["group", "list_members", "demo_group"], ["group", "list-members", "demo_group"]),
    (["account", "get", "demo_user"], ["person", "get", "demo_user"]),
    (["account", "validity", "show", "demo_user"], ["person", "validity", "show", "demo_user"]),
])
def test_both_grammars_do_the_same(instance, older, newer):
    assert instance.ok(*older, name="idm_admin") == instance.ok(*newer, name="idm_admin")


@pytest.mark.parametrize("args", [
    ["account", "get", "demo_user"], ["group", "list"], ["group", "get", "demo_group"],
    ["group", "list_members", "demo_group"], ["account", "list"], ["self", "whoami"],
    ["account", "validity", "show", "demo_user"], ["session", "list"], ["version"],
    ["account", "search", "demo"], ["account", "credential", "status", "demo_user"],
    ["account", "radius", "show_secret", "demo_user"],
    ["account", "radius", "generate_secret", "demo_user"],
    ["account", "radius", "delete_secret", "demo_user"],
    ["account", "validity", "expire_at", "demo_user", "never"],
    ["account", "update", "demo_user", "-i", "Demonstration User"],
    ["group", "add_members", "demo_group", "nest_example"],
    ["group", "remove_members", "demo_group", "nest_example"],
    ["account", "create", "in_json", "In JSON"], ["account", "delete", "in_json"],
    ["group", "create", "group_in_json"], ["group", "delete", "group_in_json"],
])
def test_json_is_one_value(instance, args):
    json.loads(instance.ok(*args, "-o", "json", name="idm_admin"))


@pytest.mark.parametrize("args", [
    [], ["frobnicate"], ["account"], ["account", "get"], ["account", "create", "x"],
    ["group", "add_members", "g"], ["account", "get", "x", "y"], ["account", "get", "--frob", "x"],
    ["account", "get", "x", "-o", "yaml"], ["group", "list", "--mail", "a@b"],
    ["account", "update", "x"], ["account", "validity", "expire_at", "x", "any"],
    ["account", "validity", "begin_from", "x", "never"],
])
def test_a_wrong_command_line_is_status_2_and_usage(instance, args):
    done = instance.kanidm(*args)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "kanidm" in done.stderr


@pytest.mark.parametrize("args", [
    ["account", "get", "no_such_account"], ["group", "get", "no_such_group"],
    ["group", "add_members", "no_such_group", "demo_user"],
    ["group", "add_members", "demo_group", "no_such_account"],
    ["account", "delete", "no_such_account", "--yes"],
    ["account", "validity", "show", "no_such_account"],
    ["account", "radius", "show_secret", "no_such_account"],
])
def test_what_is_not_there_is_named(instance, args):
    done = instance.kanidm(*args, name="idm_admin")
    assert done.returncode == 1, done.stdout
    assert done.stdout == ""
    assert "no_such_" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_name_taken_twice_is_refused_by_name(instance):
    done = instance.kanidm("account", "create", "demo_user", "Another", name="idm_admin")
    assert done.returncode == 1
    assert "demo_user" in done.stderr


@pytest.mark.parametrize("name", ["root", "1digit", "with space", "a" * 65, "ümlaut",
                                  "0e19cd08-f943-489e-8ff2-69f9eacb1f31"])
def test_a_bad_name_is_refused(instance, name):
    done = instance.kanidm("account", "create", name, "Bad Name", name="idm_admin")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


def test_putting_a_group_into_a_privileged_one_asks_first(instance):
    instance.login("admin")
    instance.ok("group", "create", "future_admins", name="idm_admin")
    instance.create_person("climber", radius=False)
    child = terminal(instance, "group", "add_members", "idm_service_desk", "climber", "-D", "admin")
    child.expect("high")
    child.expect("yes|y/N|[?]")
    child.sendline("no")
    child.expect(pexpect.EOF)
    child.close()
    assert "climber" not in instance.ok("group", "get", "idm_service_desk", name="admin")
    instance.ok("group", "add_members", "idm_service_desk", "climber", "--yes", name="admin")
    assert "climber" in instance.ok("group", "get", "idm_service_desk", name="admin")
    done = instance.kanidm("account", "validity", "expire_at", "climber", "epoch", name="idm_admin")
    assert done.returncode == 1, "climber is out of idm_admin's reach now"


@pytest.mark.parametrize("spelling", ["name", "spn", "uuid", "dn", "flat-dn"])
def test_however_a_member_is_named_the_question_is_asked(instance, spelling):
    if instance.kanidm("person", "get", "riser", name="idm_admin").returncode != 0:
        instance.create_person("riser", radius=False)
    entry = json.loads(instance.ok("person", "get", "riser", "-o", "json", name="idm_admin"))
    member = {"name": "riser", "spn": entry["spn"][0], "uuid": entry["uuid"][0],
              "dn": entry["dn"], "flat-dn": f"spn={entry['spn'][0]},{instance.suffix}"}[spelling]
    for verb in "add_members", "set_members":
        done = instance.kanidm("group", verb, "idm_service_desk", member, name="admin")
        assert done.returncode == 1
        assert "--yes" in done.stderr and "high privilege" in done.stderr
        assert done.stderr.count("\n") == 1
    assert "riser" not in instance.ok("group", "get", "idm_service_desk", name="admin")


@pytest.mark.parametrize("member", ["no_such_account", "uid=no_such_account,ou=people",
                                    "=no_such_account", "x=,,no_such_account"])
def test_who_is_not_there_is_not_asked_about(instance, member):
    done = instance.kanidm("group", "add_members", "idm_service_desk", member, name="admin")
    assert done.returncode == 1
    assert "no_such_account" in done.stderr and "--yes" not in done.stderr


def test_a_group_s_members_are_replaced_removed_and_purged(instance):
    run = instance.ok

    def members():
        return run("group", "list_members", "crew", name="idm_admin").split()

    for name in "ann", "ben", "cat":
        run("person", "create", name, name.title(), name="idm_admin")
    run("group", "create", "crew", name="idm_admin")
    assert run("group", "add-members", "crew", "ann", "ben", name="idm_admin") == \
        'Successfully added ["ann", "ben"] to group "crew"\n'
    run("group", "set-members", "crew", "ben", "cat@idm.example.com", name="idm_admin")
    assert sorted(members()) == ["ben@idm.example.com", "cat@idm.example.com"]
    run("group", "remove-members", "crew", "ben", name="idm_admin")
    assert members() == ["cat@idm.example.com"]
    run("group", "purge-members", "crew", name="idm_admin")
    done = instance.kanidm("group", "list_members", "crew", name="idm_admin")
    assert (done.returncode, done.stdout) == (0, "")
    assert "No members" in done.stderr
    assert json.loads(run("group", "list_members", "crew", "-o", "json", name="idm_admin")) == []
    run("group", "delete", "crew", name="idm_admin")
    assert instance.kanidm("group", "get", "crew", name="idm_admin").returncode == 1


def test_a_group_is_renamed_described_and_managed(instance):
    run = instance.ok
    run("group", "create", "choir", name="idm_admin")
    uuid = json.loads(run("group", "get", "choir", "-o", "json", name="idm_admin"))["uuid"]
    run("group", "describe", "choir", "Sings on Sundays", name="idm_admin")
    run("person", "create", "cantor", "Cantor", name="idm_admin")
    run("group", "set-entry-manager", "choir", "cantor", name="idm_admin")
    run("group", "rename", "choir", "chorus", name="idm_admin")
    entry = json.loads(run("group", "get", "chorus", "-o", "json", name="idm_admin"))
    assert entry["uuid"] == uuid and entry["description"] == ["Sings on Sundays"]
    assert "cantor" in entry["entry_managed_by"][0]
    assert instance.kanidm("group", "get", "choir", name="idm_admin").returncode == 1

    instance.create_person("singer", radius=False)
    generated = run("account", "credential", "generate-pw", "cantor", name="idm_admin")
    instance.login("cantor", re.search(r"Success: (\S+)", generated)[1])
    run("group", "add-members", "chorus", "singer", name="cantor")
    run("group", "describe", "chorus", "", name="cantor")
    refused = instance.kanidm("group", "rename", "chorus", "mine", name="cantor")
    assert refused.returncode == 1 and refused.stderr.count("\n") == 1
    run("group", "set-entry-manager", "chorus", "", name="idm_admin")
    entry = json.loads(run("group", "get", "chorus", "-o", "json", name="idm_admin"))
    assert "description" not in entry and "entry_managed_by" not in entry
    refused = instance.kanidm("group", "remove-members", "chorus", "singer", name="cantor")
    assert refused.returncode == 1
    for name in "idm_admins", "nobody_s":
        refused = instance.kanidm("group", "rename", name, "other", name="idm_admin")
        assert refused.returncode == 1 and refused.stderr.count("\n") == 1


def test_an_account_is_updated_renamed_found_and_deleted(instance):
    run = instance.ok
    run("person", "create", "dora", "Dora D", name="idm_admin")
    entry = json.loads(run("person", "get", "dora", "-o", "json", name="idm_admin"))
    uuid = entry["uuid"][0]
    run("person", "update", "dora", "-m", "d@example.com", "-m", "dora@example.com", "-l", "Dora Doe",
        name="idm_admin")
    entry = json.loads(run("person", "get", uuid, "-o", "json", name="idm_admin"))
    assert entry["mail"] == ["d@example.com", "dora@example.com"], "the first is the primary one"
    assert entry["legalname"] == ["Dora Doe"]
    run("person", "update", "dora", "--legalname", "", "--newname", "dorothea", name="idm_admin")
    entry = json.loads(run("person", "get", "dorothea@idm.example.com", "-o", "json",
                           name="idm_admin"))
    assert entry["uuid"] == [uuid] and "legalname" not in entry
    found = json.loads(run("person", "search", "dorot", "-o", "json", name="idm_admin"))
    assert [one["name"] for one in found] == [["dorothea"]]
    assert json.loads(run("service-account", "search", "dorot", "-o", "json", name="idm_admin")) == []
    assert instance.kanidm("service-account", "get", "dorothea", name="idm_admin").returncode == 1
    assert instance.kanidm("service-account", "delete", "dorothea", name="idm_admin").returncode == 1
    assert run("person", "delete", "dorothea", name="idm_admin") == \
        "success - account delete for user dorothea: deleted\n"
    done = instance.kanidm("account", "get", "dorothea", name="idm_admin")
    assert done.returncode == 1 and "no matching entries" in done.stderr


@pytest.mark.parametrize("args", [
    ["person", "search", "*"], ["person", "get", "*"], ["person", "get", "a)(name=*"],
    ["group", "get", "\\2a"],
])
def test_what_is_special_in_a_filter_is_taken_literally(instance, args):
    done = instance.kanidm(*args, "-o", "json", name="idm_admin")
    assert (done.returncode, done.stdout) == (1, "") or json.loads(done.stdout) == []


def test_the_state_of_a_credential_is_shown(instance):
    instance.create_person("stated", radius=False)
    shown = instance.ok("person", "credential", "status", "stated", name="idm_admin")
    assert "primary credential: generated password set\n" in shown
    shown = json.loads(instance.ok("person", "credential", "status", "stated", "-o", "json",
                                   name="idm_admin"))
    assert shown["primary_credential"] == "generated password set"
    assert shown["unix_password"] == "not set"


def test_many_groups_are_listed_whole(instance):
    connection = instance.connect("idm_admin")
    for i in range(520):
        connection.add_s(f"cn=many_{i},ou=groups,{instance.suffix}", [("class", [b"group"])])
    connection.unbind_s()
    found = json.loads(instance.ok("group", "search", "many_", "-o", "json", name="idm_admin"))
    assert sorted(one["name"][0] for one in found) == sorted(f"many_{i}" for i in range(520))


def test_radius_secret_is_shown_and_renewed(instance):
    run = instance.ok
    assert "No RADIUS secret" in run("account", "radius", "show_secret", "nest_example",
                                     name="idm_admin")
    run("account", "radius", "generate_secret", "nest_example", name="idm_admin")
    first = run("account", "radius", "show_secret", "nest_example", name="idm_admin")
    assert re.fullmatch(r"RADIUS secret for nest_example(@\S+)?: (\w{5}-){3}\w{5}\n", first)
    run("account", "radius", "generate_secret", "nest_example", name="idm_admin")
    assert run("account", "radius", "show_secret", "nest_example", name="idm_admin") != first
    run("account", "radius", "delete-secret", "nest_example", name="idm_admin")
    shown = run("account", "radius", "show_secret", "nest_example", "-o", "json", name="idm_admin")
    assert json.loads(shown) == {"secret": None}


def test_over_ldaps_with_the_ca_it_works_and_without_it_refuses(instance):
    instance.ok("login", name="idm_admin", password=instance.passwords["idm_admin"], url=instance.url)
    assert "idm_admin@" in instance.ok("self", "whoami", name="idm_admin", url=instance.url)
    done = instance.kanidm("login", name="anonymous", url=instance.url,
                           env={"KANIDM_CA_PATH": "/etc/ssl/certs/ca-certificates.crt"})
    assert done.returncode == 1
    assert "certificate" in done.stderr.lower()


def test_a_token_goes_to_the_server_that_gave_it_alone(instance):
    instance.ok("login", name="idm_admin", password=instance.passwords["idm_admin"], url=instance.url)
    done = instance.kanidm("self", "whoami", name="idm_admin")
    assert done.returncode == 1
    assert f"is logged in at {instance.url}" in done.stderr
    assert f"`kanidm login -D idm_admin -H {instance.ldapi}`" in done.stderr
    instance.login("idm_admin")
    assert "idm_admin@" in instance.ok("self", "whoami", name="idm_admin")


def test_a_certificate_for_another_host_is_refused(instance):
    # It leads to 127.0.0.1, but is no name in the certificate.
    done = instance.kanidm("login", name="anonymous", url=f"ldaps://0x7f000001:{instance.ldaps_port}")
    assert done.returncode == 1
    assert "certificate" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("ca,reason", [
    ("/nonexistent/ca.pem", "/nonexistent/ca.pem: No such file"), ("/etc/hostname", "-C must name"),
    ("/etc", "/etc: holds no certificate"),
])
def test_a_ca_that_is_none_is_told(instance, ca, reason):
    done = instance.kanidm("login", "-C", ca, name="anonymous", url=instance.url)
    assert done.returncode == 1
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


def test_plain_ldap_is_refused(instance):
    done = instance.kanidm("login", name="anonymous", url=f"ldap://localhost:{instance.ldaps_port}")
    assert done.returncode == 1
    assert "ldaps://" in done.stderr


def test_nothing_listens_there(instance):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        done = instance.kanidm("login", name="anonymous",
                               url=f"ldaps://localhost:{unused.getsockname()[1]}")
    assert done.returncode == 1
    assert "can't be reached" in done.stderr
    assert done.stderr.count("\n") == 1


def test_who_acts_is_chosen(instance):
    assert instance.ok("self", "whoami", env={"KANIDM_NAME": "idm_admin"}).count("---") == 1
    done = instance.kanidm("self", "whoami")
    assert done.returncode == 1
    assert "-D NAME" in done.stderr
    names = re.search(r"one of (.+)\n", done.stderr)[1].split(", ")
    assert "idm_admin" in names
    child = terminal(instance, "self", "whoami", "-o", "json")
    child.expect("Number: ")
    child.sendline(str(names.index("idm_admin") + 1))
    child.expect("idm_admin@idm.example.com")
    finish(child)


def test_the_user_s_own_file_names_server_and_account(instance):
    path = instance.dir / "home" / ".config" / "kanidm"
    path.parent.mkdir(exist_ok=True)
    try:
        path.write_text(f'uri = "{instance.ldapi}"\nname = "idm_admin"\n')
        path.chmod(0o600)
        done = instance.run(instance.programs / "kanidm", "self", "whoami")
        assert done.returncode == 0, done.stderr
        assert "spn: idm_admin@idm.example.com" in done.stdout
        path.write_text("uri = 5\n")
        done = instance.run(instance.programs / "kanidm", "self", "whoami")
        assert done.returncode == 1
        assert f"{path}:1: uri" in done.stderr
    finally:
        path.unlink()


def test_a_cache_that_others_may_read_is_refused(instance):
    cache = instance.dir / "home" / ".cache" / "kanidm_tokens"
    cache.chmod(0o644)
    try:
        done = instance.kanidm("self", "whoami", name="idm_admin")
        assert done.returncode == 1
        assert "chmod 600" in done.stderr
    finally:
        cache.chmod(0o600)


def test_logging_out_who_is_not_in_is_no_failure(instance):
    assert instance.ok("logout", "never_logged_in") == "No sessions for never_logged_in\n"


@pytest.mark.parametrize("args", [["--help"], ["group", "--help"], ["account", "get", "-h"]])
def test_help_is_on_stdout(instance, args):
    done = instance.kanidm(*args)
    assert done.returncode == 0
    assert done.stdout.startswith("usage: kanidm ")
    assert done.stderr == ""


def test_a_full_disk_under_the_output_is_no_success(instance):
    with open("/dev/full", "w") as full:
        done = subprocess.run([instance.programs / "kanidm", "group", "list", "-D", "idm_admin"],
                              stdout=full, stderr=subprocess.PIPE, text=True,
                              env={**instance.env, "KANIDM_URL": instance.ldapi})
    assert done.returncode == 1
    assert "could not be written" in done.stderr


def test_a_server_that_is_not_there_is_named(instance):
    done = instance.kanidm("login", name="anonymous", url="ldapi://%2Fnonexistent%2Fldapi")
    assert done.returncode == 1
    assert "nonexistent" in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_secret_is_in_the_log(instance):
    log = instance.ldapd_log()
    for secret in (LONG, *instance.passwords.values()):
        assert secret not in log


# --- kanidmd


def test_recovery_opens_the_window_and_keeps_the_uuid(fresh):
    instance = fresh()
    instance.recover("admin", "idm_admin")
    instance.start_ldapd()
    instance.login("admin")
    entry = instance.ok("service-account", "get", "idm_admin", name="admin")
    uuid = re.search(r"^uuid: (.*)$", entry, re.M)[1]
    assert uuid == "00000000-0000-0000-0000-000000000018"
    instance.ok("account", "validity", "begin_from", "idm_admin", "2100-01-01T00:00:00Z", name="admin")
    instance.ok("account", "validity", "expire_at", "idm_admin", "epoch", name="admin")
    old = instance.passwords["idm_admin"]
    assert not instance.can_bind("idm_admin", old)
    instance.stop_ldapd()
    instance.recover("idm_admin")
    assert re.fullmatch(r"[A-HJ-NP-Za-hjkp-z0-9]{48}", instance.passwords["idm_admin"])
    instance.start_ldapd()
    assert not instance.can_bind("idm_admin", old)
    assert instance.binds_again("idm_admin")


def test_kanidmd_answers_in_json_too(fresh):
    instance = fresh()
    done = instance.kanidmd("recover_account", "admin", "-o", "json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert len(answer["password"]) == 48


def test_recovery_gives_the_administrators_their_roles_back_on_request(fresh):
    instance = fresh()
    instance.recover("admin", "idm_admin")
    instance.start_ldapd()
    instance.login("admin")
    instance.login("idm_admin")
    instance.ok("group", "remove_members", "idm_admins", "idm_admin", name="admin")
    create = ["account", "create", "restored", "Restored"]
    assert instance.kanidm(*create, name="idm_admin").returncode == 1
    instance.stop_ldapd()
    done = instance.kanidmd("recover-account", "idm_admin", "--restore-roles", "-o", "json")
    assert done.returncode == 0, done.stderr
    instance.passwords["idm_admin"] = json.loads(done.stdout)["password"]
    instance.start_ldapd()
    instance.login("idm_admin")
    instance.ok(*create, name="idm_admin")


@pytest.mark.parametrize("line", [
    [], ["nonsense"], ["recover_account"], ["recover_account", "a", "b"], ["version", "-o", "yaml"],
    ["version", "--restore-roles"], ["version", "--nonsense"],
], ids=" ".join)
def test_kanidmd_says_what_is_wrong_with_a_command_line(instance, line):
    done = instance.run(instance.programs / "kanidmd", *line)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr != ""


@pytest.mark.parametrize("program", ["kanidm", "kanidmd"])
def test_version(instance, program):
    done = instance.run(instance.programs / program, "version")
    assert done.returncode == 0
    assert re.search(r"\d+\.\d+\.\d+", done.stdout)


def test_kanidmd_server_is_the_server(fresh):
    instance = fresh()
    instance.recover("admin")
    instance.ldapd = Process(
        "kanidmd server", [str(instance.programs / "kanidmd"), "server", "-c",
                           str(instance.server_toml)],
        instance.dir / "log" / "kanidm-ldapd.log", instance.env, "/")
    wait_for(lambda: instance.ldapwhoami(name="admin").returncode == 0, "it answers", 30)
