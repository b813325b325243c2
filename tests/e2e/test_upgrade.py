"""A database of another format: upgraded, or refused with words that help (SPEC 11.2)."""

import json
import subprocess

import pytest

from instance import BUILD

FORMAT_TOOL = BUILD / "tests" / "component" / "test_upgrade"


@pytest.fixture
def used(fresh):
    """An instance with a database in which something was done, stopped."""
    instance = fresh()
    instance.recover("idm_admin")
    instance.start_ldapd()
    instance.login("idm_admin")
    instance.create_person("alice", radius=False)
    instance.stop_ldapd()
    return instance


def database(instance):
    return next(instance.dir.rglob("identity.mdb")).parent


def set_format(instance, number):
    subprocess.run([FORMAT_TOOL, "set-format", database(instance), str(number)], check=True)


@pytest.mark.skipif(not FORMAT_TOOL.exists(), reason="`make check` builds what makes such files")
def test_a_newer_format_refuses_to_start_and_says_what_to_do(used):
    set_format(used, 99)
    before = (database(used) / "identity.mdb").read_bytes()
    process = used.start_ldapd(wait=False)
    used.ldapd = None
    assert process.process.wait(20) == 1
    log = used.ldapd_log()
    assert "format 99, which a newer version of this program wrote" in log
    assert "install the newer one, or restore a backup" in log
    assert (database(used) / "identity.mdb").read_bytes() == before

    for command in (["recover_account", "idm_admin"], ["configtest"]):
        done = used.kanidmd(*command)
        assert done.returncode == 1
        assert "a newer version of this program wrote" in done.stderr
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(not FORMAT_TOOL.exists(), reason="`make check` builds what makes such files")
def test_a_former_format_is_upgraded_at_a_start_and_a_copy_is_kept(used):
    set_format(used, 1)
    used.start()
    assert "had the former format 1 and was upgraded" in used.ldapd_log()
    copy = database(used) / "identity.mdb.format-1"
    assert copy.exists() and copy.stat().st_mode & 0o777 == 0o600
    assert used.can_bind("alice")
    entry = json.loads(used.ok("person", "get", "alice", "-o", "json", name="idm_admin"))
    assert entry["name"] == ["alice"]
    used.restart_ldapd()
    assert used.ldapd_log().count("was upgraded") == 1, "once"
