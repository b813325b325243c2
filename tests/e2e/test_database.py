"""kanidmd database ..., domain rename: with real servers, while they run and while they do not."""

import json
import os
import pty
import re
import select
import subprocess
import tarfile
import threading

import ldap
import ldap.modlist
import pytest

from instance import AS_ROOT, wait_for

PASSPHRASE = "a passphrase of some length"


@pytest.fixture
def box(fresh):
    """An instance with a person, running."""
    made = fresh()
    made.recover("admin", "idm_admin")
    made.start()
    made.login("idm_admin")
    made.create_person("alice")
    return made


@pytest.fixture
def passphrase(tmp_path):
    path = tmp_path / "passphrase"
    path.write_text(PASSPHRASE + "\n")
    path.chmod(0o600)
    return path


def done(result):
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def database(box, *args, **options):
    return box.kanidmd("database", *args, **options)


def verify(box, *args):
    answer = database(box, "verify", *args, "-o", "json")
    return answer.returncode, json.loads(answer.stdout)


def search(box, text):
    connection = box.connect("idm_admin")
    try:
        return connection.search_s(box.suffix, ldap.SCOPE_SUBTREE, text, ["uid"])
    finally:
        connection.unbind_s()


def change_often(box, name, times):
    connection = box.connect("idm_admin")
    for i in range(times):
        connection.modify_s(box.dn(name), [(ldap.MOD_REPLACE, "displayname", [b"%d" % i])])
    connection.unbind_s()


def damage(path, offset, octets):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(octets)


# --- backup and restore

def test_a_backup_made_while_writes_go_on_is_one_state_and_comes_back(box, tmp_path):
    stop, made = threading.Event(), []

    def write():
        connection = box.connect("idm_admin")
        while not stop.is_set():
            name = f"p{len(made)}"
            connection.add_s(box.dn(name), ldap.modlist.addModlist({
                "class": [b"account", b"person"], "name": [name.encode()],
                "displayname": [b"Person"]}))
            made.append(name)
        connection.unbind_s()
    writer = threading.Thread(target=write)
    writer.start()
    try:
        wait_for(lambda: len(made) > 5, "the writer is at work")
        before = len(made)
        out = done(database(box, "backup", tmp_path / "backup"))
        after = len(made)
    finally:
        stop.set()
        writer.join()
    assert "Backed up idm.example.com" in out
    box.stop_ldapd()
    assert "Restored idm.example.com" in done(database(box, "restore", tmp_path / "backup"))
    assert verify(box)[0] == 0
    box.start_ldapd()
    names = {entry[1]["uid"][0].decode() for entry in search(box, "(class=person)")}
    back = {name for name in names if re.fullmatch(r"p\d+", name)}
    # All of the first ones and none of the last: what was there at one moment.
    assert before <= len(back) <= after + 1
    assert back == {f"p{i}" for i in range(len(back))}
    assert box.can_bind("alice")
    box.ok("account", "create", "later", "Later", name="idm_admin")


def test_a_backup_says_what_it_holds_and_warns_without_keys(box, tmp_path, passphrase):
    answer = database(box, "backup", tmp_path / "one")
    assert done(answer).startswith("Backed up")
    assert "the key rings are not in this backup" in answer.stderr
    answer = database(box, "backup", tmp_path / "two", "--passphrase-file", passphrase,
                      "-o", "json")
    parsed = json.loads(done(answer))
    assert parsed["keys"] is True and parsed["count"] == 0 and parsed["findings"] == []
    assert parsed["domain"] == "idm.example.com" and parsed["entries"] > 50
    assert answer.stderr == ""
    with tarfile.open(tmp_path / "two") as archive:
        assert archive.getnames() == ["identity.mdb", "local.mdb", "password.keys.sealed",
                                      "radius.keys.sealed", "MANIFEST"]
        manifest = archive.extractfile("MANIFEST").read().decode()
    assert manifest.startswith("kanidm-backup 1\n") and "domain idm.example.com\n" in manifest
    for name in ("one", "two"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert database(box, "backup", tmp_path / "two").returncode == 1  # it is there
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "passphrase", "two"]


def test_a_backup_goes_through_a_pipe(box, tmp_path):
    argv = [str(box.programs / "kanidmd"), "database", "backup", "-", "-c", str(box.server_toml)]
    with open(tmp_path / "backup", "wb") as file:
        subprocess.run(argv, stdout=file, stderr=subprocess.DEVNULL, env=box.env, check=True,
                       stdin=subprocess.DEVNULL)
    assert verify(box, tmp_path / "backup")[0] == 0
    box.stop_ldapd()
    with open(tmp_path / "backup", "rb") as file:
        done(subprocess.run([*argv[:2], "restore", "-", *argv[4:]], stdin=file, env=box.env,
                            text=True, capture_output=True))


def test_another_box_takes_over_with_the_key_rings(box, fresh, tmp_path, passphrase):
    done(database(box, "backup", tmp_path / "backup", "--passphrase-file", passphrase))
    box.stop()
    other = fresh()
    other.recover("admin")  # has a database and keys of its own by now
    refused = database(other, "restore", tmp_path / "backup")
    assert refused.returncode == 1 and "secret" in refused.stderr
    wrong = tmp_path / "wrong"
    wrong.write_text("another passphrase\n")
    refused = database(other, "restore", tmp_path / "backup", "--passphrase-file", wrong)
    assert refused.returncode == 1 and "passphrase" in refused.stderr
    answer = json.loads(done(database(
        other, "restore", tmp_path / "backup", "--passphrase-file", passphrase, "-o", "json")))
    assert answer["keys"] is True and answer["epoch"] == 1
    other.start()
    other.passwords, other.radius_secrets = box.passwords, box.radius_secrets
    assert other.can_bind("alice")
    assert other.radius("mschap", "alice").accepted


def test_a_changed_backup_is_refused_and_nothing_changes(box, tmp_path):
    done(database(box, "backup", tmp_path / "backup"))
    box.stop_ldapd()
    damage(tmp_path / "backup", 30000, b"this was not there")
    before = (box.dir / "db" / "identity.mdb").read_bytes()
    refused = database(box, "restore", tmp_path / "backup")
    assert refused.returncode == 1 and "SHA-256" in refused.stderr
    assert verify(box)[0] == 0
    assert (box.dir / "db" / "identity.mdb").read_bytes() == before


@pytest.mark.skipif(not AS_ROOT, reason="only root may write where nobody else may")
def test_root_backs_up_to_where_only_root_may_write(box, tmp_path):
    place = tmp_path / "closed"
    place.mkdir(mode=0o700)
    done(database(box, "backup", place / "backup"))
    assert (place / "backup").stat().st_uid == 0
    box.stop_ldapd()
    done(database(box, "restore", place / "backup"))
    assert (box.dir / "db" / "identity.mdb").stat().st_uid != 0


# --- with freeradius running

def test_freeradius_reads_on_through_vacuum_restore_and_reindex(box, tmp_path):
    done(database(box, "backup", tmp_path / "backup"))
    box.create_person("bob")
    change_often(box, "bob", 60)
    assert box.radius("pap", "bob").accepted
    box.stop_ldapd()

    text = done(database(box, "vacuum"))
    before, after = map(int, re.search(r"Vacuumed: (\d+) KiB were (\d+) KiB", text).groups()[::-1])
    assert after < before
    assert box.radius("pap", "alice").accepted and box.radius("pap", "bob").accepted
    done(database(box, "reindex"))
    assert box.radius("pap", "alice").accepted and box.radius("pap", "bob").accepted
    # The new file's transactions begin again; freeradius goes with it past the old ones.
    box.start_ldapd()
    for i in range(3):
        change_often(box, "bob", 60)
        box.ok("account", "validity", "expire_at", "bob",
               "never" if i % 2 else "1970-01-01T00:00:00+00:00", name="idm_admin")
        assert box.radius("pap", "bob").accepted is bool(i % 2), i
    box.stop_ldapd()

    done(database(box, "restore", tmp_path / "backup"))
    assert box.radius("pap", "alice").accepted
    assert box.radius("pap", "bob").rejected  # was not there yet
    box.start_ldapd()
    box.create_person("carol")
    assert box.radius("mschap", "carol").accepted
    box.ok("account", "validity", "expire_at", "alice", "1970-01-01T00:00:00+00:00",
           name="idm_admin")
    assert box.radius("pap", "alice").rejected
    assert verify(box)[0] == 0


def test_offline_commands_refuse_while_the_server_runs(box, tmp_path):
    done(database(box, "backup", tmp_path / "backup"))
    for args in (["database", "restore", tmp_path / "backup"], ["database", "vacuum"],
                 ["database", "reindex"], ["domain", "rename", "other.example.net"]):
        refused = box.kanidmd(*args)
        assert refused.returncode == 1, args
        assert "a server is running" in refused.stderr, args
        assert "nothing was changed" in refused.stderr, args
        assert len(refused.stderr.splitlines()) == 1
    assert box.can_bind("alice")
    assert verify(box)[0] == 0  # that one may


# --- verify and reindex

def test_verify_names_damage_and_reindex_mends_what_is_derived(box):
    box.stop_ldapd()
    path = box.dir / "db" / "identity.mdb"
    status, answer = verify(box)
    assert status == 0 and answer["count"] == 0 and answer["secrets_untried"] == 0
    whole = path.read_bytes()
    # The index holds the name, hashed or not, beside the entry and the claim: any copy but theirs.
    found = mended = 0
    for match in list(re.finditer(rb"alice", whole))[:40]:
        damage(path, match.start(), b"ALICE")
        status, answer = verify(box)
        if answer["count"]:
            found += 1
            assert status == 1 and len(answer["findings"]) == answer["count"]
            text = database(box, "verify")
            assert text.returncode == 1
            lines = text.stdout.splitlines()
            assert len(lines) == answer["count"] + 1
            assert lines[-1].startswith(f"{answer['count']} findings: ")
            if database(box, "reindex").returncode == 0:
                mended += 1
                assert verify(box)[0] == 0
        path.write_bytes(whole)
        if found > 6 and mended:
            break
    assert found and mended
    box.start_ldapd()
    assert box.can_bind("alice")


def test_a_file_that_was_cut_off_is_found_and_kept(box):
    box.stop_ldapd()
    path = box.dir / "db" / "identity.mdb"
    os.truncate(path, 40960)
    status, answer = verify(box)
    assert status == 1 and answer["findings"][0]["kind"] == "file"
    for command in ("vacuum", "reindex"):
        assert database(box, command).returncode == 1
    assert path.stat().st_size == 40960


def test_progress_is_shown_on_a_terminal_alone(box):
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [str(box.programs / "kanidmd"), "database", "verify", "-c", str(box.server_toml)],
        stdin=follower, stdout=subprocess.PIPE, stderr=follower, env=box.env)
    os.close(follower)
    shown = b""
    while select.select([leader], [], [], 20)[0]:
        try:
            piece = os.read(leader, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(leader)
    assert b"No damage: " in process.communicate(timeout=20)[0]
    assert process.returncode == 0
    assert b"\r" in shown and b"%" in shown
    assert database(box, "verify").stderr == ""


def test_a_wrong_command_line_is_a_matter_of_usage(box):
    for args in (["database"], ["database", "frobnicate"], ["database", "backup"],
                 ["database", "vacuum", "--local"], ["database", "verify", "a", "b"],
                 ["domain", "rename"], ["version", "--accept"]):
        assert box.kanidmd(*args).returncode == 2, args


# --- the domain

def test_a_renamed_domain_is_everywhere_and_the_configuration_has_to_follow(box):
    box.stop_ldapd()
    answer = box.kanidmd("domain", "rename", "id.example.net")
    assert done(answer).startswith("The domain was idm.example.com and is id.example.net")
    assert 'write "id.example.net" there' in answer.stderr
    secret = box.radius_secrets["alice"]
    assert box.radius("pap", "alice@id.example.net", secret).accepted
    assert box.radius("pap", "alice@idm.example.com", secret).rejected

    refused = box.kanidmd("configtest")
    assert refused.returncode == 1 and "domain rename" in refused.stderr
    box.configure("domain", "id.example.net")
    again = box.kanidmd("domain", "rename", "id.example.net")
    assert again.returncode == 1 and "already" in again.stderr
    box.suffix = "dc=id,dc=example,dc=net"
    box.start_ldapd()
    assert box.can_bind("alice")
    assert box.can_bind(f"uid=alice,ou=people,{box.suffix}", box.passwords["alice"])
    whoami = box.ldapwhoami(name="alice").stdout
    assert whoami == "u:alice@id.example.net\n"
    assert verify(box)[0] == 0


def test_a_domain_under_which_a_mail_would_be_an_spn_is_refused(box):
    box.create_person("bob", radius=False)
    connection = box.connect("idm_admin")
    connection.modify_s(box.dn("bob"), [(ldap.MOD_ADD, "mail", [b"alice@id.example.net"])])
    connection.unbind_s()
    box.stop_ldapd()
    refused = box.kanidmd("domain", "rename", "id.example.net")
    assert refused.returncode == 1
    assert "alice@id.example.net" in refused.stderr and "bob" in refused.stderr
    assert box.kanidmd("domain", "rename", "no domain").returncode == 1
    box.start_ldapd()
    assert box.can_bind("alice")
