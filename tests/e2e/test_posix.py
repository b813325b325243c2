"""POSIX data, SSH keys and the unix password: by `kanidm`, and as applications see them over LDAP."""

import json
import re
import subprocess

import ldap
import pytest

UNIX = "a long unix pass phrase 4711"
OTHER = "quite another unix phrase 0815"
PRIMARY = "correct horse battery staple 42"


@pytest.fixture(scope="module", autouse=True)
def sessions(instance):
    instance.login("idm_admin")
    instance.login("anonymous")


def ask(instance, *args, **options):
    return json.loads(instance.ok(*args, "-o", "json", **options))


def found(instance, filter_text, *attributes):
    connection = instance.connect()
    rows = connection.search_s(instance.dn("x").split(",", 2)[2], ldap.SCOPE_SUBTREE, filter_text,
                               attributes or None)
    return [attrs for dn, attrs in rows if dn]


def key(tmp_path, kind="ed25519", bits=None):
    path = tmp_path / f"id_{kind}_{bits}"
    size = [] if bits is None else ["-b", str(bits)]
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *size, "-N", "", "-C", "me@laptop", "-f", path],
                   check=True)
    return (tmp_path / (path.name + ".pub")).read_text().strip()


def test_a_gid_number_is_made_from_the_uuid(instance):
    instance.create_person("posy", "Posy", radius=False)
    instance.ok("person", "posix", "set", "posy", "--shell", "/bin/Fish", name="idm_admin")
    shown = ask(instance, "person", "posix", "show", "posy", name="anonymous")
    uuid = ask(instance, "person", "get", "posy", name="anonymous")["uuid"][0]
    number = (int(uuid[-8:], 16) & 0x0fffffff) | 0x70000000
    assert shown["gidnumber"] == [str(number)]
    assert shown["loginshell"] == ["/bin/Fish"], "shells keep their case"
    row = found(instance, f"(&(objectClass=posixAccount)(uidNumber={number}))", "uid", "gidNumber",
                "loginShell")
    assert row == [{"uid": [b"posy"], "gidNumber": [str(number).encode()],
                    "loginShell": [b"/bin/Fish"]}]


def test_a_chosen_number_is_in_range_and_nobody_else_s(instance):
    instance.create_person("posa", "Posa", radius=False)
    instance.ok("group", "create", "posixers", name="idm_admin")
    for number in ("999", "60001", "65535", "2147483648", "many"):
        done = instance.kanidm("person", "posix", "set", "posa", "--gidnumber", number,
                               name="idm_admin")
        assert done.returncode == 1 and "gidnumber" in done.stderr
    instance.ok("person", "posix", "set", "posa", "--gidnumber", "70001", "--home", "/home/posa",
                name="idm_admin")
    done = instance.kanidm("group", "posix", "set", "posixers", "--gidnumber", "70001",
                           name="idm_admin")
    assert done.returncode == 1 and "70001" in done.stderr and "taken" in done.stderr
    instance.ok("group", "posix", "set", "posixers", name="idm_admin")
    number = int(ask(instance, "group", "posix", "show", "posixers",
                     name="anonymous")["gidnumber"][0])
    assert 0x70000000 <= number <= 0x7fffffff
    assert found(instance, f"(&(objectClass=posixGroup)(gidNumber={number}))", "cn") == \
        [{"cn": [b"posixers"]}]
    assert "posa@" in instance.ok("person", "get", "70001", name="anonymous")
    instance.ok("person", "posix", "reset-gidnumber", "posa", name="idm_admin")
    shown = ask(instance, "person", "posix", "show", "posa", name="anonymous")
    assert int(shown["gidnumber"][0]) >= 0x70000000 and shown["homedirectory"] == ["/home/posa"]


def test_who_has_no_posix_data_is_said(instance):
    instance.create_person("plain", "Plain", radius=False)
    done = instance.kanidm("person", "posix", "show", "plain", name="anonymous")
    assert done.returncode == 1 and "posix set" in done.stderr


def test_the_unix_password_binds_beside_the_primary_one(instance):
    instance.create_person("uwe", "Uwe", radius=False)
    instance.ok("person", "posix", "set", "uwe", name="idm_admin")
    instance.ok("account", "credential", "update", "uwe", name="idm_admin",
                input=f"pass\n{PRIMARY}\n{PRIMARY}\ncommit\nyes\n")
    done = instance.kanidm("person", "posix", "set-password", "uwe", name="idm_admin",
                           input="too short\ntoo short\n")
    assert done.returncode == 1 and "15 characters" in done.stderr
    assert instance.kanidm("person", "posix", "set-password", "uwe", name="idm_admin",
                           input=f"{UNIX}\n{OTHER}\n").returncode == 1
    instance.ok("person", "posix", "set-password", "uwe", name="idm_admin",
                input=f"{UNIX}\n{UNIX}\n")
    assert "unix password: password set" in instance.ok("person", "credential", "status", "uwe",
                                                        name="idm_admin")
    assert instance.can_bind("uwe", UNIX) and instance.can_bind("uwe", PRIMARY)
    instance.ok("person", "posix", "delete-password", "uwe", name="idm_admin")
    assert not instance.can_bind("uwe", UNIX)
    assert instance.binds_again("uwe", PRIMARY)


def test_one_sets_one_s_own_unix_password(instance):
    instance.login("uwe", PRIMARY)
    instance.ok("person", "posix", "set-password", "uwe", name="uwe", input=f"{OTHER}\n{OTHER}\n")
    assert instance.can_bind("uwe", OTHER)
    done = instance.kanidm("person", "posix", "set-password", "posy", name="uwe",
                           input=f"{OTHER}\n{OTHER}\n")
    assert done.returncode == 1 and "unix_password" in done.stderr
    done = instance.kanidm("person", "posix", "set", "plain", name="uwe")
    assert done.returncode == 1 and "posixaccount" in done.stderr


def test_ssh_keys_come_and_go_by_their_tags(instance, tmp_path):
    laptop, server = key(tmp_path), key(tmp_path, "rsa", 2048)
    instance.ok("person", "ssh", "add-publickey", "posy", "laptop", laptop, name="idm_admin")
    instance.ok("person", "ssh", "add_publickey", "posy", "server", server, name="idm_admin")
    listed = instance.ok("person", "ssh", "list_publickeys", "posy", name="anonymous").splitlines()
    without_comment = [" ".join(k.split()[:2]) for k in (laptop, server)]
    assert listed == ["laptop " + without_comment[0], "server " + without_comment[1]]
    values = found(instance, "(uid=posy)", "sshPublicKey")[0]["sshPublicKey"]
    assert [v.decode() for v in values] == [f"{k} {tag}" for k, tag in
                                            zip(without_comment, ("laptop", "server"))]
    renewed = key(tmp_path, "ecdsa", 256)
    instance.ok("person", "ssh", "add-publickey", "posy", "laptop", renewed, name="idm_admin")
    assert ask(instance, "person", "ssh", "list-publickeys", "posy", name="anonymous") == \
        ["laptop " + " ".join(renewed.split()[:2]), "server " + without_comment[1]]
    instance.ok("person", "ssh", "delete-publickey", "posy", "laptop", name="idm_admin")
    assert ask(instance, "person", "ssh", "list-publickeys", "posy", name="anonymous") == \
        ["server " + without_comment[1]]
    done = instance.kanidm("person", "ssh", "delete-publickey", "posy", "laptop", name="idm_admin")
    assert done.returncode == 1 and "laptop" in done.stderr


def test_what_is_no_ssh_key_is_refused(instance, tmp_path):
    good = key(tmp_path)
    kind, blob = good.split()[:2]
    for bad in ("", "garbage", kind, f"{kind} AAAA", f"ssh-rsa {blob}", f"ssh-dss {blob}",
                f"{kind} {blob[:-6]}", key(tmp_path, "rsa", 1024)):
        done = instance.kanidm("person", "ssh", "add-publickey", "posy", "bad", bad,
                               name="idm_admin")
        assert done.returncode == 1 and re.search("ssh", done.stderr), bad
    done = instance.kanidm("person", "ssh", "add-publickey", "posy", "two words", good,
                           name="idm_admin")
    assert done.returncode == 2 and "tag" in done.stderr
    done = instance.kanidm("person", "ssh", "add-publickey", "posy", "two", good + "\n" + good,
                           name="idm_admin")
    assert done.returncode == 2 and "one key after the other" in done.stderr
    done = instance.kanidm("person", "ssh", "add-publickey", "posy", "x", "a" * 9000,
                           name="idm_admin")
    assert done.returncode == 2
