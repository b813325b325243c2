"""What kanidmd does while no server runs is in the audit trail from the next start on, once."""

import json

import pytest

from instance import wait_for

LDIF = """dn: uid=imported,ou=people,dc=old,dc=org
objectClass: inetOrgPerson
uid: imported
cn: Imported
sn: X

dn: cn=crew,ou=groups,dc=old,dc=org
objectClass: groupOfNames
cn: crew
member: uid=imported,ou=people,dc=old,dc=org

"""


def records(box, *args):
    """The oldest first."""
    return json.loads(box.ok("audit", "list", "-o", "json", "--limit", "0", *args,
                             name="admin"))[::-1]


@pytest.fixture
def box(fresh):
    one = fresh()
    one.recover("admin", "idm_admin")
    return one


def test_offline_tools_leave_their_lines(box, tmp_path):
    ldif = tmp_path / "people.ldif"
    ldif.write_text(LDIF)
    done = box.kanidmd("import", ldif)
    assert done.returncode == 0, done.stderr
    done = box.kanidmd("domain", "rename", "id.example.net")
    assert done.returncode == 0, done.stderr
    box.configure("domain", "id.example.net")
    box.start_ldapd()
    box.login("admin")
    wait_for(lambda: records(box, "--operation", "rename-domain"), "the trail has it")

    for _ in range(2):
        of_tools = [r for r in records(box) if r["protocol"] == "kanidmd"]
        assert all(r["source"] == "console" and r["actor"] is None and r["outcome"] == "ok"
                   for r in of_tools)
        told = [(r["operation"], r["target_name"]) for r in of_tools]
        assert told[0] == ("bootstrap", None)
        assert told.count(("recover-account", "admin@id.example.net")) == 1
        assert told.count(("create", "imported@id.example.net")) == 1
        assert told.count(("create", "crew@id.example.net")) == 1
        assert [operation for operation, _ in told].count("rename-domain") == 1
        changes = sorted({r["change"] for r in of_tools})
        assert changes == list(range(1, changes[-1] + 1))
        box.restart_ldapd()
        box.login("admin")
    assert json.loads(box.ok("audit", "verify", "-o", "json", name="admin"))["intact"]


def test_a_restored_database_goes_on_with_the_trail_of_the_box(box, tmp_path):
    """What was done after the backup is undone, and stays in the trail."""
    box.start_ldapd()
    box.login("idm_admin")
    done = box.kanidmd("database", "backup", tmp_path / "backup")
    assert done.returncode == 0, done.stderr
    box.ok("person", "create", "late", "Late", name="idm_admin")
    box.stop_ldapd()
    done = box.kanidmd("database", "restore", tmp_path / "backup")
    assert done.returncode == 0, done.stderr
    box.start_ldapd()
    box.login("idm_admin")
    box.ok("person", "create", "later", "Later", name="idm_admin")
    box.login("admin")
    wait_for(lambda: records(box, "--target", "later"), "the trail has it")
    assert [r["operation"] for r in records(box, "--target", "late@idm.example.com")] == ["create"]
    assert len(records(box, "--target", "later", "--operation", "create")) == 1
    assert not records(box, "--operation", "lost")
    assert json.loads(box.ok("audit", "verify", "-o", "json", name="admin"))["intact"]
