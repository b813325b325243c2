"""Keys apart from the database: who may read them, what a copy gives away, and how they change."""

import json
import os
import re
import subprocess

import pytest

from instance import AS_ROOT

PASSWORD = "an unmistakable pass phrase 90125"


def path_of(instance, key):
    return re.search(rf'^{key} = "(.*)"$', instance.server_toml.read_text(), re.M)[1]


@pytest.fixture(scope="module", autouse=True)
def people(instance):
    instance.create_person("sealy", "Sealy")
    instance.ok("person", "credential", "update", "sealy", name="idm_admin",
                input=f"pass\n{PASSWORD}\n{PASSWORD}\ncommit\nyes\n")


def files_of(instance):
    for directory in (path_of(instance, "db_path"), instance.dir / "log"):
        for name in os.listdir(directory):
            if os.path.isfile(os.path.join(directory, name)):
                with open(os.path.join(directory, name), "rb") as file:
                    yield name, file.read()


def test_a_copy_of_the_database_gives_no_secret_and_no_hash_away(instance):
    secret = instance.radius_secrets["sealy"]
    seen = 0
    for name, content in files_of(instance):
        for needle in (PASSWORD, secret, "$argon2", instance.passwords["admin"],
                       instance.passwords["idm_admin"]):
            for form in (needle.encode(), needle.encode("utf-16-le")):
                assert form not in content, f"{name} holds {needle[:7]}..."
        seen += len(content)
    assert seen > 100_000, "there are files to look at"


def test_keys_are_made_with_the_modes_that_keep_others_out(instance):
    keys = path_of(instance, "key_path")
    assert os.stat(keys + "/password.keys").st_mode & 0o777 == 0o600
    assert os.stat(keys + "/radius.keys").st_mode & 0o037 == 0


@pytest.mark.skipif(not AS_ROOT, reason="needs other users")
@pytest.mark.parametrize("user,may", [("kanidm-ldap", ()), ("freerad", ("radius.keys",)),
                                      ("nobody", ())])
def test_each_user_reads_its_own_keys_alone(instance, user, may):
    for name in ("password.keys", "radius.keys"):
        path = path_of(instance, "key_path") + "/" + name
        done = subprocess.run(["setpriv", "--reuid", user, "--regid", user if user != "nobody"
                               else "nogroup", "--init-groups", "cat", path],
                              capture_output=True, check=False)
        assert (done.returncode == 0) == (name in may), (user, name)


def test_keys_are_not_replaced_while_the_server_runs(instance):
    done = instance.kanidmd("key", "rotate")
    assert done.returncode == 1 and "stop the server" in done.stderr
    done = instance.kanidmd("key", "rotate", "garage")
    assert done.returncode == 2 and "password and radius" in done.stderr


def test_new_keys_open_all_that_was_sealed_while_freeradius_goes_on(instance):
    secret = instance.radius_secrets["sealy"]
    assert instance.radius("pap", "sealy", secret).accepted
    instance.stop_ldapd()
    done = instance.kanidmd("key", "rotate", "-o", "json")
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    assert counts["password"] >= 3 and counts["radius"] >= 1
    assert instance.radius("pap", "sealy", secret).accepted, "it reads the new key by itself"
    done = instance.kanidmd("key", "rotate", "radius")
    assert done.returncode == 0 and "radius.keys: a new key" in done.stdout
    assert "password.keys" not in done.stdout
    assert instance.radius("mschap", "sealy", secret).accepted
    with open(path_of(instance, "key_path") + "/radius.keys", encoding="ascii") as file:
        states = [line.split()[1] for line in file.read().splitlines()[1:]]
    assert states == ["retired", "retired", "active"]
    assert instance.kanidmd("database", "verify").returncode == 0
    instance.start_ldapd()
    assert instance.can_bind("sealy", PASSWORD)
    instance.login("idm_admin")
    assert secret in instance.ok("person", "radius", "show-secret", "sealy", name="idm_admin")
    assert instance.radius("pap", "sealy", secret).accepted


def test_without_the_old_keys_nothing_opens(instance):
    """So a database and the keys of another time are of no use together."""
    instance.stop_ldapd()
    path = path_of(instance, "key_path") + "/password.keys"
    with open(path, encoding="ascii") as file:
        kept = file.read()
    with open(path, "w", encoding="ascii") as file:
        file.write(kept.splitlines()[0] + "\n1 active " + "ab" * 32 + "\n")
    try:
        done = instance.kanidmd("database", "verify")
        assert done.returncode == 1 and "lacks key" in done.stdout + done.stderr
        done = instance.kanidmd("key", "rotate", "password")
        assert done.returncode == 1 and "lacks key" in done.stderr
    finally:
        with open(path, "w", encoding="ascii") as file:
            file.write(kept)
    instance.start_ldapd()
    assert instance.can_bind("sealy", PASSWORD)
