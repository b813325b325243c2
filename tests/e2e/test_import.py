"""kanidmd import: a file as slapcat writes it, and its people log in (SPEC 10.5, 6.3)."""

import base64
import hashlib
import json
import os
import pty
import re
import signal
import subprocess

import ldap
import pytest

from instance import AS_ROOT, wait_for

OLD = "dc=old,dc=org"
PASSWORD = "correct horse"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"

# All of PASSWORD, one a person.
HASHES = {
    "sha": "{SSHA}NSZEu/ZzEMKdBO5ESNEYml3qKRYBAgMEBQYHCA==",
    "sha512": "{SSHA512}" + base64.b64encode(
        hashlib.sha512(PASSWORD.encode() + b"pepper42").digest() + b"pepper42").decode(),
    "crypt6": "{CRYPT}$6$rounds=5000$saltsalt$hRM5XZ86KXEw9UOmjigeVqFgULtFB2sgpC9lXQDfMib3Zgw7m"
              "EiUvBJI2EplzfAqxL5Vvwp2scFtv/uamSo5z0",
    "yescrypt": "{CRYPT}$y$j9T$F5Jx5fExrKuPp53xLKQ..1$zwtVrjrUCmXcyLTs6oxLTQlzifSUkF8RHJ./tK5KU7"
                "9",
    "pbkdf2": "{PBKDF2-SHA256}1000$yMnKy8zNzs/Q0dLT1NXW1w$TwRueOdCB6KCbpfU0/4XAabBqcM.xth4i3zmIl"
              "ph9.Q",
    "django": "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=",
}


def folded(line, width=76):
    """As slapcat folds, so that anything may be split."""
    pieces = [line[:width]] + [line[i:i + width - 1] for i in range(width, len(line), width - 1)]
    return "\n ".join(pieces)


def attribute(name, value):
    """In base64 where it must be, and where slapcat does it for secrets."""
    raw = value.encode() if isinstance(value, str) else value
    plain = all(32 <= c < 127 for c in raw) and not raw[:1] in (b" ", b":", b"<")
    if plain and name != "userPassword":
        return folded(f"{name}: {raw.decode()}")
    return folded(f"{name}:: {base64.b64encode(raw).decode()}")


def entry(dn, *pairs):
    return "\n".join([attribute("dn", dn)] + [attribute(n, v) for n, v in pairs]) + "\n\n"


def person(uid, *more):
    return entry(f"uid={uid},ou=people,{OLD}", ("objectClass", "inetOrgPerson"), ("uid", uid),
                 ("cn", uid.title()), ("sn", "X"), ("structuralObjectClass", "inetOrgPerson"),
                 ("entryCSN", "20240101000000.000000Z#000000#000#000000"), *more)


def group(cn, *members, more=()):
    return entry(f"cn={cn},ou=groups,{OLD}", ("objectClass", "groupOfNames"), ("cn", cn),
                 *more, *(("member", member) for member in members))


TREE = ("version: 1\n\n" +
        entry(OLD, ("objectClass", "dcObject"), ("objectClass", "organization"), ("o", "Old")) +
        "# a comment\n#  that goes\n  on\n" +
        entry(f"ou=people,{OLD}", ("objectClass", "organizationalUnit"), ("ou", "people")))

WHOLE = (
    TREE +
    # groups before what they hold, in a cycle, and named in several ways
    group("outer", f"CN=Inner, OU=groups, {OLD.upper()}") +
    group("inner", f"cn=outer,ou=groups,{OLD}", f"uid=sha,ou=people,{OLD}",
          "idm_admin", more=(("description", "über uns: " + "x" * 200),)) +
    "".join(person(name, ("userPassword", value)) for name, value in HASHES.items()) +
    person("locked", ("userPassword", HASHES["sha"]), ("nsAccountLock", "TRUE")) +
    person("rich", ("objectClass", "posixAccount"), ("objectClass", "ldapPublicKey"),
           ("displayName", "Ríćh Person"), ("mail", "rich@old.org"), ("mail", "r@old.org"),
           ("uidNumber", "10001"), ("gidNumber", "5000"), ("homeDirectory", "/home/rich"),
           ("loginShell", "/bin/bash"), ("sshPublicKey", KEY + " rich@laptop"),
           ("sambaNTPassword", "8846F7EAEE8FB117AD06BDD830B7586C"),  # of "password"
           ("entryUUID", "01234567-89ab-4cde-8f01-23456789abcd"),
           ("memberOf", f"cn=unix,ou=groups,{OLD}"),
           ("modifiersName", f"cn=admin,{OLD}")) +
    entry(f"cn=unix,ou=groups,{OLD}", ("objectClass", "posixGroup"), ("cn", "unix"),
          ("gidNumber", "5000"), ("memberUid", "sha")) +
    entry(f"cn=app,{OLD}", ("objectClass", "applicationProcess"), ("cn", "app"))
)


def write(instance, text, name="file.ldif"):
    path = instance.dir / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def import_file(instance, text, *options):
    return instance.kanidmd("import", write(instance, text), *options)


def database(instance):
    return (instance.dir / "db" / "identity.mdb").read_bytes()


def no_scratch(instance):
    return not list((instance.dir / "db").glob("*.scratch*"))


@pytest.fixture(scope="module")
def imported(built):
    """A server whose people came by import, some of them from a file with the other line ends."""
    from instance import Instance
    made = Instance()
    try:
        made.recover("idm_admin")
        done = import_file(made, WHOLE.replace("\n", "\r\n"))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == ("Imported 8 persons, 1 service account, 3 groups, 6 memberships; "
                               "left out: 2 containers\n")
        assert no_scratch(made)
        made.start_ldapd()
        yield made
    finally:
        made.close()


@pytest.fixture
def admin(imported):
    connection = imported.connect("idm_admin")
    yield connection
    connection.unbind_s()


def get(connection, instance, name, *attributes, container="people"):
    rdn = "cn" if container == "groups" else "uid"
    found = connection.search_s(f"{rdn}={name},ou={container},{instance.suffix}", ldap.SCOPE_BASE,
                                attrlist=list(attributes))
    return {n: [v.decode() for v in values] for n, values in found[0][1].items()}


@pytest.mark.parametrize("name", HASHES)
def test_an_imported_password_lets_in_and_no_other(imported, name):
    assert imported.can_bind(name, PASSWORD)
    assert not imported.can_bind(name, PASSWORD + "!")
    assert imported.binds_again(name, PASSWORD)
    whoami = imported.ldapwhoami(name=imported.dn(name), password=PASSWORD)
    assert whoami.stdout == f"u:{name}@idm.example.com\n"


def test_an_nt_hash_lets_in(imported):
    assert imported.can_bind("rich", "password")
    assert not imported.can_bind("rich", "Password")


def test_who_was_locked_is_locked(imported):
    assert not imported.can_bind("locked", PASSWORD)


def test_what_the_file_said_of_a_person_is_there(imported, admin):
    rich = get(admin, imported, "rich", "*", "entryUUID")
    assert rich["displayName"] == ["Ríćh Person"]
    assert rich["mail"] == ["rich@old.org", "r@old.org"]
    assert rich["uidNumber"] == ["10001"]
    assert rich["homeDirectory"] == ["/home/rich"]
    assert rich["loginShell"] == ["/bin/bash"]
    assert rich["sshPublicKey"] == [KEY + " rich@laptop"]
    assert rich["entryUUID"] == ["01234567-89ab-4cde-8f01-23456789abcd"]


def test_groups_nest_in_a_cycle_and_hold_who_was_there_before(imported, admin):
    def members(name):
        return {dn.split(",")[0] for dn in
                get(admin, imported, name, "member", container="groups")["member"]}
    assert members("outer") == {"cn=inner"}
    assert members("inner") == {"cn=outer", "uid=sha", "uid=idm_admin"}
    assert members("unix") == {"uid=sha", "uid=rich"}, "gidNumber is a membership"
    above = get(admin, imported, "sha", "memberOf")["memberOf"]
    assert {"cn=inner", "cn=outer", "cn=unix"} <= {dn.split(",")[0] for dn in above}
    text = get(admin, imported, "inner", "description", container="groups")["description"]
    assert text == ["über uns: " + "x" * 200]


def test_the_imported_are_found_by_every_index(imported, admin):
    def count(text):
        return len(admin.search_s(imported.suffix, ldap.SCOPE_SUBTREE, text, ["1.1"]))
    assert count("(mail=r@OLD.org)") == 1
    assert count("(displayname=*ćh pers*)") == 1
    assert count("(&(objectClass=person)(memberOf=cn=outer,ou=groups," + imported.suffix + "))") == 1
    assert count("(gidNumber=5000)") == 1


def test_while_a_server_runs_nothing_is_imported(imported):
    done = import_file(imported, TREE + person("late"))
    assert done.returncode == 1
    assert "stop the server first; nothing was changed" in done.stderr
    assert not imported.can_bind("late", PASSWORD)


# --- files that can't be taken as they are

BROKEN = TREE + (
    person("good", ("userPassword", HASHES["sha"])) +
    person("hasty", ("userPassword", "hunter2"), ("title", "Dr")) +
    group("team", f"uid=good,ou=people,{OLD}", f"uid=gone,ou=people,{OLD}")
)


def lines_of(text, wanted):
    return next(i for i, line in enumerate(text.split("\n"), 1) if wanted in line)


def test_a_file_with_bad_lines_is_not_imported_and_each_is_told(fresh):
    instance = fresh()
    instance.recover("idm_admin")
    before = database(instance)
    done = import_file(instance, BROKEN)
    assert done.returncode == 1 and done.stdout == ""
    path = instance.dir / "file.ldif"
    secret = base64.b64encode(b"hunter2").decode()
    assert done.stderr.splitlines() == [
        f"{path}:{lines_of(BROKEN, secret)}: userPassword: a password in clear text is not taken: "
        "hash it, for example with slappasswd -h '{SSHA512}', or let it be set anew",
        f"{path}:{lines_of(BROKEN, 'title:')}: title: there is no such attribute here: leave it out "
        "with --ignore title, or make one (attributetype, classtype)",
        f"{path}:{lines_of(BROKEN, 'uid=gone')}: member: uid=gone,ou=people,dc=old,dc=org is neither "
        "taken from the file nor in the database: correct it, or leave it out",
        "kanidmd: nothing was imported: 3 lines can't be taken; correct them, leave attributes out "
        "with --ignore, or take all else with --keep-going",
    ]
    assert "hunter2" not in done.stderr
    assert database(instance) == before
    assert no_scratch(instance)

    done = import_file(instance, BROKEN, "--keep-going", "--ignore", "tit*,mem*")
    assert done.returncode == 1, "a line was not taken"
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ("Imported 2 persons, 1 group, 1 membership; left out: 2 containers; "
                           "ignored: 2 lines; not taken: 1 line\n")
    instance.start_ldapd()
    assert instance.can_bind("good", PASSWORD)
    assert not instance.can_bind("hasty", "hunter2")


def test_a_dry_run_tells_and_changes_nothing(fresh):
    instance = fresh()
    instance.recover("idm_admin")
    before = database(instance)
    done = import_file(instance, WHOLE, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Nothing was changed; the import would bring 8 persons, ")
    assert database(instance) == before
    assert no_scratch(instance)
    assert import_file(instance, WHOLE).returncode == 0, "and nobody was there yet"
    again = import_file(instance, WHOLE)
    assert again.returncode == 1 and "is taken by another entry" in again.stderr


def test_json_is_one_value_whatever_happens(fresh):
    instance = fresh()
    done = import_file(instance, BROKEN, "-o", "json")
    told = json.loads(done.stdout)
    assert done.returncode == 1 and told["stored"] is False
    assert [p["attribute"] for p in told["problems"]] == ["userPassword", "title", "member"]
    assert all(p["line"] > 0 and p["reason"] for p in told["problems"])
    done = import_file(instance, BROKEN, "--keep-going", "-o", "json")
    told = json.loads(done.stdout)
    assert (told["stored"], told["persons"], told["memberships"]) == (True, 2, 1)
    done = import_file(instance, b"dn: uid=\xff\xfe\nobjectClass: \xff\xff\n\xfe: x\n", "-o", "json")
    told = json.loads(done.stdout)
    assert done.returncode == 1 and len(told["problems"]) == 1
    done = import_file(instance, TREE, "-o", "json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["problems"], told["containers"]) == (0, [], 2)


def test_what_is_no_file_or_no_command_line_is_told(fresh):
    instance = fresh()
    done = instance.kanidmd("import", "/nonexistent")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "kanidmd: /nonexistent: No such file or directory\n"
    done = instance.kanidmd("import", instance.dir)
    assert "not a regular file" in done.stderr
    assert instance.kanidmd("import").returncode == 2
    assert instance.kanidmd("import", "a", "b").returncode == 2
    assert instance.kanidmd("version", "--dry-run").returncode == 2
    assert instance.kanidmd("import", "a", "--restore-roles").returncode == 2


@pytest.mark.skipif(not AS_ROOT, reason="only root becomes the owner of the database")
def test_root_s_own_file_is_read_before_the_user_changes(fresh):
    instance = fresh()
    path = write(instance, TREE + person("alice"))
    path.chmod(0o600)
    assert instance.kanidmd("import", path).returncode == 0


# --- on a terminal

def many(count):
    return TREE + "".join(person(f"p{i}", ("mail", f"p{i}@old.org")) for i in range(count))


def on_terminal(instance, path):
    """Start an import with its stderr on a terminal; the process and the other end."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [str(instance.programs / "kanidmd"), "import", str(path), "-c", str(instance.server_toml)],
        env=instance.env, stdout=subprocess.PIPE, stderr=slave, stdin=subprocess.DEVNULL, text=True)
    os.close(slave)
    return process, master


def read_all(master):
    shown = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            piece = b""
        if not piece:
            os.close(master)
            return shown.decode()
        shown += piece


def test_a_terminal_gets_a_bar_that_is_gone_in_the_end(fresh):
    instance = fresh()
    process, master = on_terminal(instance, write(instance, many(3000)))
    shown = read_all(master)
    assert process.wait(60) == 0
    assert process.stdout.read().startswith("Imported 3000 persons;")
    assert re.search(r"\r\x1b\[K\[#* *\] +\d+ %  entries", shown)
    assert shown.endswith("\r\x1b[K"), "nothing is left on the line"


def test_ctrl_c_leaves_everything_as_it_was(fresh):
    instance = fresh()
    instance.recover("idm_admin")
    before = database(instance)
    process, master = on_terminal(instance, write(instance, many(30000)))
    assert b"[" in os.read(master, 100)
    process.send_signal(signal.SIGINT)
    shown = read_all(master)
    assert process.wait(60) == 1
    assert "interrupted; nothing was changed" in shown
    assert database(instance) == before
    assert no_scratch(instance)


def test_a_killed_import_is_as_none_and_the_next_one_cleans_up(fresh):
    instance = fresh()
    instance.recover("idm_admin")
    before = database(instance)
    process, master = on_terminal(instance, write(instance, many(30000)))
    wait_for(lambda: not no_scratch(instance), "the copy is there")
    process.kill()
    process.wait(60)
    os.close(master)
    assert database(instance) == before
    instance.start_ldapd()
    instance.stop_ldapd()
    assert import_file(instance, TREE + person("alice")).returncode == 0
    assert no_scratch(instance)
