"""The console of a running server: recovery and locking without stopping it, for root alone."""

import json
import os
import re
import socket
import subprocess

import ldap
import pytest

from instance import AS_ROOT, wait_for
from test_credentials import NEW, choose, dialogue, finish, make_token

GENERATED = "[A-HJ-NP-Za-hjkp-z0-9]{48}"


def console(instance):
    path = re.search(r'^db_path = "(.*)"$', instance.server_toml.read_text(), re.M)[1]
    return path + "/console"


def ask(instance, packet):
    """What the console answers, b"" where it hangs up."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.settimeout(20)
        client.connect(console(instance))
        client.send(packet)
        return client.recv(4096)


def test_offline_commands_refuse_while_the_server_runs(instance):
    before = instance.passwords["admin"]
    for command in ("recover_account", "disable_account"):
        done = instance.kanidmd(command, "admin")
        assert done.returncode == 1 and done.stdout == ""
        assert "--online" in done.stderr and "nothing was changed" in done.stderr
    assert instance.can_bind("admin", before)


def test_an_account_is_recovered_while_the_server_runs(instance):
    instance.create_person("rita", "Rita", radius=False)
    instance.validity("rita", expire="epoch")
    done = instance.kanidmd("recover_account", "rita", "--online")
    assert done.returncode == 0, done.stderr
    match = re.fullmatch(rf"Successfully recovered account 'rita' - password reset to -> "
                         rf"({GENERATED})\n", done.stdout)
    assert match, done.stdout
    assert match[1] not in instance.ldapd_log()
    assert not instance.can_bind("rita", instance.passwords["rita"])
    assert instance.binds_again("rita", match[1])
    done = instance.kanidmd("recover_account", "rita", "--online", "-o", "json")
    answer = json.loads(done.stdout)
    assert answer["account"] == "rita" and instance.can_bind("rita", answer["password"])
    instance.passwords["rita"] = answer["password"]


@pytest.mark.parametrize("command", ["recover_account", "disable_account"])
def test_a_reset_that_was_begun_is_over(instance, command):
    name = "reset" + command[0]
    instance.create_person(name, radius=False)
    child = dialogue(instance, "person", "credential", "use-reset-token",
                     make_token(instance, name))
    choose(child, NEW)
    assert instance.kanidmd(command, name, "--online").returncode == 0
    instance.validity(name)
    child.sendline("commit")
    if child.expect(["this credential update session is over", r"commit your changes\? "]) == 1:
        child.sendline("yes")
        child.expect("this credential update session is over")
    finish(child, 1)
    assert not instance.can_bind(name, NEW)


def test_roles_come_back_while_the_server_runs(instance):
    instance.login("admin")
    instance.ok("group", "remove_members", "idm_admins", "idm_admin", "--yes", name="admin")
    done = instance.kanidmd("recover_account", "idm_admin", "--online", "--restore-roles")
    assert done.returncode == 0, done.stderr
    instance.passwords["idm_admin"] = done.stdout.split()[-1]
    instance.login("idm_admin")
    assert "idm_admin@" in instance.ok("group", "list_members", "idm_admins", name="idm_admin")


def test_a_disabled_account_loses_its_connections_and_comes_in_no_more(instance):
    connection = instance.connect("rita")
    assert "rita" in connection.whoami_s()
    done = instance.kanidmd("disable_account", "rita", "--online")
    assert done.returncode == 0 and "disabled account 'rita'" in done.stdout

    def gone():
        try:
            connection.whoami_s()
        except (ldap.SERVER_DOWN, ldap.UNAVAILABLE, ldap.INSUFFICIENT_ACCESS):
            return True
        return False
    wait_for(gone, "the connection is closed", 10)
    assert not instance.can_bind("rita")
    instance.login("idm_admin")
    instance.validity("rita")
    assert instance.can_bind("rita")


def test_what_was_disabled_is_one_json_value(instance):
    instance.create_person("dora", radius=False)
    done = instance.kanidmd("disable_account", "dora", "--online", "-o", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"account": "dora", "disabled": True}


@pytest.mark.parametrize("args,reason", [
    (("recover_account", "nobody_here"), "no account 'nobody_here'"),
    (("recover_account", "anonymous"), "anonymous has no password"),
    (("disable_account", "idm_admins"), "no account 'idm_admins'"),
    (("recover_account", "x" * 5000), "too long"),
])
def test_what_can_t_be_done_is_told(instance, args, reason):
    done = instance.kanidmd(*args, "--online")
    assert done.returncode == 1 and done.stdout == ""
    assert reason in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("packet", [
    b"x", b"recover_account", b"recover_account\0", b"recover_account\0admin", b"\0", b"\0" * 9,
    b"recover_account\0admin\0all\0", b"recover_account\0admin\0restore-roles\0more\0",
    b"disable_account\0", b"disable_account\0admin\0x\0", b"shutdown\0admin\0", b"a" * 4096,
    b"recover_account\0" + b"\xff\x1b[2J" * 40 + b"\0",
])
def test_a_packet_that_is_no_command_changes_nothing(instance, packet):
    assert ask(instance, packet)[:1] == b"-"
    assert instance.can_bind("admin")
    assert "\x1b" not in instance.ldapd_log()


def test_the_log_tells_of_a_command_what_was_sent_and_no_more(instance):
    ask(instance, b"disable_account\0" + b"secret" * 20 + b"\0")
    for packet, told in ((b"hold\0", "hold : "), (b"hold", "hold : ")):
        assert ask(instance, packet)[:1] == b"-"
        assert f"console: {told}" in instance.ldapd_log().splitlines()[-1]


def test_a_packet_that_is_too_long_is_not_read(instance):
    assert ask(instance, b"recover_account\0" + b"a" * 8000 + b"\0") == b""
    assert instance.can_bind("admin")


def test_clients_that_say_nothing_do_not_keep_others_out_for_good(instance):
    silent = []
    for _ in range(8):
        one = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        one.connect(console(instance))
        silent.append(one)
    for one in silent:
        one.close()
    wait_for(lambda: instance.kanidmd("recover_account", "rita", "--online").returncode == 0,
             "the console answers again", 20)


@pytest.mark.skipif(not AS_ROOT, reason="needs other users")
@pytest.mark.parametrize("user", ["kanidm-ldap", "freerad", "nobody"])
def test_nobody_else_may_use_it(instance, user):
    done = subprocess.run(
        ["setpriv", "--reuid", user, "--clear-groups", "/usr/bin/python3", "-c",
         "import socket,sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET);"
         "s.connect(sys.argv[1]); s.send(b'disable_account\\0admin\\0'); print(s.recv(99))",
         console(instance)], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "PermissionError" in done.stderr
    mode = os.stat(console(instance)).st_mode & 0o777
    assert mode == 0o600
    assert instance.can_bind("admin")


def test_without_a_server_there_is_no_console(instance):
    instance.stop_ldapd()
    assert not os.path.exists(console(instance))
    done = instance.kanidmd("recover_account", "admin", "--online")
    assert done.returncode == 1 and "no server runs" in done.stderr
    done = instance.kanidmd("disable_account", "admin")
    assert done.returncode == 0, done.stderr
    instance.recover("admin")
    instance.start_ldapd()
    assert instance.can_bind("admin")
